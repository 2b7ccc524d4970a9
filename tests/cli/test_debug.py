"""``busgate run debug``: one run in the foreground, and all it does."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("config")

BUSY = """
print("limit", limit)
_log.info("begun %s", where)
await _self.watch("a", max_depth=-1)
timer = await _self.timer(0.05)
await _self.set("a.b", 1)
await _self.send("topic", {"x": 1})
async def later(value):
    await _client.set(_P("a.c"), value, revision=0)
await _self.spawn(later, 5)
await _self.setup_done()
async for msg in _info:
    if isinstance(msg, _cls.TimerMsg):
        await _self.delete("a.b")
        return [limit, _P("a.b")]
"""


@pytest.fixture
def code(busgate, tmp_path):
    def store(text, mode="async", names="limit,where,nothing"):
        (tmp_path / "code.py").write_text(text)
        done = busgate(f"code set it -S code.py --{mode} --vars {names}")
        assert done.status == 0, done.err

    return store


def events(done, name):
    return [one for one in done.objects if one["event"] == name]


def stored(busgate, below):
    return busgate(f"store list {below} --json").objects


@pytest.mark.parametrize(
    ("which", "group"), [("-n attic", "CompleteState"), ("", "DetachedState"), ("-n -", "DetachedState")]
)
def test_everything_is_told_and_nothing_is_left(busgate, code, which, group):
    code(BUSY)
    busgate(f"run {which} set it -c it -t - -e limit 3 -v where here")
    done = busgate(f"run {which} debug it -e limit 4 --json")
    assert (done.status, done.err) == (0, "")
    assert events(done, "variables")[0]["data"] == {"limit": 4, "where": "here"}
    assert events(done, "variables")[0]["missing"] == ["nothing"]
    assert "_self" in events(done, "variables")[0]["given"]
    assert events(done, "print")[0]["text"] == "limit 4"
    assert (events(done, "log")[0]["level"], events(done, "log")[0]["message"]) == ("info", "begun here")
    assert events(done, "watch")[0]["path"] == "a"
    assert events(done, "timer")[0]["delay"] == 0.05
    assert [(one["path"], one["value"], "expected" in one) for one in events(done, "set")] == [
        ("a.b", 1, False),
        ("a.c", 5, True),
    ]
    assert events(done, "send")[0]["value"] == {"x": 1}
    assert events(done, "spawn")[0]["task"].endswith("later")
    assert events(done, "delete")[0]["path"] == "a.b"
    assert len(events(done, "setup_done")) == 1
    classes = [one["class"] for one in events(done, "message")]
    assert classes[0] == group
    assert {"ReadyMsg", "ChangeMsg", "TimerMsg"} <= set(classes)
    (end,) = events(done, "end")
    assert (end["end"], end["result"]) == ("finished", [4, {"$path": "a.b"}])
    for below in (":.moat.kv.state", ":.moat.kv.claim", ":.moat.kv.error", ":.moat.kv.presence"):
        assert stored(busgate, below) == []
    assert [one["path"] for one in stored(busgate, "a")] == ["a.c"]  # what the code writes is written


def test_an_error_is_shown_with_its_traceback_and_not_recorded(busgate, code):
    code("a = 1\nraise ValueError('broken')")
    busgate("run set it -c it -t -")
    done = busgate("run debug it")
    assert done.status == 1
    assert "end         error after 0." in done.out
    assert "File \"<it>\", line 2, in it\n    raise ValueError('broken')\nValueError: broken" in done.out
    assert stored(busgate, ":.moat.kv.error") == []


def test_an_error_that_the_code_records_is_told(busgate, code):
    code("await _self.error('place', message='too cold', limit=limit)")
    busgate("run set it -c it -t - -e limit 3")
    done = busgate("run debug it --json")
    assert done.status == 1
    (told,) = events(done, "error")
    assert (told["path"], told["message"], told["data"]) == ("place", "too cold", {"limit": 3})
    assert stored(busgate, ":.moat.kv.error") == []


def test_code_in_a_thread(busgate, code):
    code("import anyio\nanyio.from_thread.run(_client.set, _P('x'), limit)\nreturn limit", "thread")
    busgate("run set it -c it -t - -e limit 3")
    done = busgate("run debug it --json")
    assert done.status == 0
    assert (events(done, "set")[0]["path"], events(done, "end")[0]["result"]) == ("x", 3)


def test_a_failed_write_is_told(busgate, code):
    code("await _self.set('x', 1, revision=77)", "async")
    busgate("run set it -c it -t -")
    (told,) = events(busgate("run debug it --json"), "set")
    assert "conflict at x: expected revision 77" in told["error"]


def test_code_that_holds_the_loop_is_ended(busgate, code):
    code("while True: pass", "sync")
    busgate("run set it -c it -t -")
    done = busgate("run debug it --json")
    assert (done.status, events(done, "end")[0]["end"]) == (1, "blocked")


def test_a_timeout_for_this_run_alone(busgate, code):
    code("import anyio\nawait anyio.sleep_forever()")
    busgate("run set it -c it -t -")
    before = busgate("run get it --json").object
    done = busgate("run debug it --timeout 0.05 -v where else --json")
    assert (done.status, events(done, "end")[0]["end"]) == (1, "timeout")
    assert busgate("run get it --json").object == before


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        ("debug nothing", 1, "there is no job nothing"),
        ("debug it -v _x 1", 2, "_x"),
        ("debug it --timeout -1", 2, "--timeout"),
        ("debug it", 1, "its code can't run: there is no procedure missing"),
        ("debug wired", 1, "no running node and no [[interface]] here has the bus 'radio'"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(busgate, code, arguments, status, complaint):
    code("return 1")
    busgate("run set it -c missing -t -")
    busgate("run set wired -c it -t - --bus radio")
    done = busgate(f"run {arguments}")
    assert (done.status, done.out) == (status, "")
    assert complaint in done.err


def test_code_that_does_not_compile_is_shown_with_line_and_caret(busgate):
    busgate("store", "set", ":.moat.kv.code.proc.it", '{"code": "a = 1\\nreturn ("}')
    busgate("run set it -c it -t -")
    done = busgate("run debug it")
    assert done.status == 1
    assert "line 2" in done.err
    assert "^" in done.err


def test_a_job_that_runs_is_not_run_twice_by_mistake(busgate, code):
    code("return 1")
    busgate("run -n attic set it -c it -t -")
    busgate("store", "set", ":.moat.kv.state.at.attic.default.it", json.dumps({"node": "attic"}))
    refused = busgate("run -n attic debug it")
    assert (refused.status, refused.out) == (2, "")
    assert "it runs on attic; stop it first with `busgate run -n attic set it -t -`, or add --force" in refused.err
    assert busgate("run -n attic debug it --force").status == 0
