"""``busgate run``: jobs as the command line makes, shows and changes them."""

import time

import pytest

from gateway.cli.run import set_
from gateway.runner.entries import RunnerEntry

pytestmark = pytest.mark.usefixtures("config")


def job(busgate, path="poll.attic"):
    return busgate(f"run -n attic get {path} --json").object


def test_a_job_with_everything(busgate):
    done = busgate(
        "run -n attic -g house set poll.attic -c onewire.poll -t 0 -r 60 -d 5 -k 10 -b 1.5 -i 'the attic' --bus attic "
        "--timeout 30 --queue 20 --overflow coalesce --max-failures 3 --on-detach keep --weight 2.5 "
        "-v name text -p where a.b:5 -e interval 2 -e python '(1, None)'"
    )
    assert (done.status, done.out, done.err) == (0, "", "")
    got = busgate("run -n attic -g house get poll.attic --json").object
    assert abs(got.pop("target") - time.time()) < 60
    assert got.pop("uid")
    assert got == {
        "path": "poll.attic",
        "code": {"$path": "onewire.poll"},
        "data": {"name": "text", "where": {"$path": "a.b:5"}, "interval": 2, "python": [1, None]},
        "repeat": 60,
        "delay": 5,
        "ok_after": 10,
        "backoff": 1.5,
        "info": "the attic",
        "bus": "attic",
        "timeout": 30,
        "queue": 20,
        "overflow": "coalesce",
        "max_failures": 3,
        "on_detach": "keep",
        "weight": 2.5,
    }


def test_setting_changes_only_what_is_given(busgate):
    busgate("run -n attic set poll.attic -c onewire.poll -d 5 -e a 1 -e b 2")
    before = job(busgate)
    busgate("run -n attic set poll.attic -e b 3 --unset a --timeout 9")
    assert job(busgate) == before | {"data": {"b": 3}, "timeout": 9}


def test_a_copy_is_a_job_of_its_own(busgate):
    busgate("run -n attic set poll.attic -c onewire.poll -d 5 -e a 1")
    busgate("run -n attic set other -C poll.attic -e a 2")
    first, second = job(busgate), job(busgate, "other")
    assert second["data"] == {"a": 2}
    assert second["delay"] == 5
    assert first["uid"] != second["uid"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("set it", "a job needs the path of a procedure (-c)"),
        ("set it -c x -t tomorrow", "'tomorrow' is no time"),
        ("set it -c x -e a nonsense", "'nonsense' is neither JSON nor a Python literal"),
        ("set it -c x -v _self 1", "_self"),
        ("set it -c x --backoff 0", "backoff: "),
        ("set it -c x --overflow drop", "coalesce"),
        ("set it -c x --queue 0", "queue: "),
        ("set it -c x -p a ..", "a: malformed path"),
    ],
)
def test_what_is_no_job_is_refused_in_words(busgate, arguments, complaint):
    done = busgate(f"run -n attic {arguments}")
    assert done.status == 2
    assert complaint in done.err
    assert busgate("run -n attic list --json").out == ""


def test_every_field_of_a_job_has_an_option(busgate):
    options = {parameter.name for parameter in set_.params}
    assert set(RunnerEntry.model_fields) - options == {"data", "uid"}  # data: -v, -p, -e; uid: made at creation
    assert {"texts", "paths", "values"} <= options


def test_a_bus_can_be_taken_away(busgate):
    busgate("run -n attic set it -c x --bus attic")
    busgate("run -n attic set it --bus -")
    assert job(busgate, "it")["bus"] is None


def test_targets(busgate):
    busgate("run -n attic set it -c x -t 2030-01-31T07:30:00+00:00")
    assert job(busgate, "it")["target"] == 1896075000
    busgate("run -n attic set it -t -")
    assert job(busgate, "it")["target"] is None
    busgate("run -n attic restart it")
    assert abs(job(busgate, "it")["target"] - time.time()) < 60


def test_the_list_says_what_and_when_and_why(busgate):
    busgate("run -n attic set one -c some.code -t 0")
    busgate("run -n attic set two -c some.code -t -")
    rows = busgate("run -n attic list --json").objects
    assert [(row["path"], row["state"]) for row in rows] == [("one", "waits"), ("two", "stopped")]
    assert rows[0]["reason"] == "node attic does not run (start it there: busgate up)"
    shown = busgate("run -n attic list").out.splitlines()
    assert shown[0].split("  ")[0] == "JOB"
    assert "its target is null" in shown[2]


def test_kinds_and_groups_are_distinct(busgate):
    for which in ("", "-n attic", "-n other", "-n -", "-g house"):
        busgate(f"run {which} set it -c x -i 'of {which}'")
    for which in ("", "-n attic", "-n other", "-n -", "-g house"):
        (row,) = busgate(f"run {which} list --json").objects
        assert row["info"] == f"of {which}"


def test_paths(busgate):
    assert busgate("run -n attic path it --json").object == {
        "path": "it",
        "job": ":.moat.kv.run.at.attic.default.it",
        "state": ":.moat.kv.state.at.attic.default.it",
    }
    assert busgate("run -n - path it --json").object["state"] == ":.moat.kv.state.all.default.attic.it"


def test_deleting(busgate):
    busgate("run -n attic set it -c x")
    assert busgate("run -n attic delete it").status == 0
    assert busgate("run -n attic delete it").status == 1
    assert busgate("store list --json").out == ""


def test_a_running_job_is_not_deleted_by_mistake(busgate):
    busgate("run -n attic set it -c x")
    busgate("store", "set", ":.moat.kv.state.at.attic.default.it", '{"node": "attic", "started": 1.0}')
    done = busgate("run -n attic delete it")
    assert done.status == 2
    assert "it runs on attic; stop it first with `busgate run -n attic set it -t -`" in done.err
    assert busgate("run -n attic delete it -f").status == 0


def test_a_broken_record_hides_no_other(busgate):
    busgate("run -n attic set good -c x")
    busgate("store", "set", ":.moat.kv.run.at.attic.default.bad", '{"delay": "soon"}')
    rows = {row["path"]: row for row in busgate("run -n attic list --json").objects}
    assert rows["good"]["state"] == "idle"
    assert rows["bad"]["state"] == "not readable"


def test_a_node_that_is_gone_is_not_taken_for_running(busgate):
    busgate("run -n attic set it -c x")
    busgate("store", "set", ":.moat.kv.state.at.attic.default.it", '{"node": "attic", "started": 1.0}')
    (row,) = busgate("run -n attic list --json").objects
    assert (row["state"], row["reason"]) == ("runs", "node attic is gone, or cut off from the store")


def test_a_job_of_all_nodes_has_a_row_for_each_that_lives_or_has_a_state(busgate):
    busgate("run -n - set it -c x -t 0")
    (row,) = busgate("run -n - list --json").objects
    assert (row["node"], row["reason"]) == (None, "no node runs the jobs of all.default (start one: busgate up)")
    busgate("store", "set", ":.moat.kv.presence.attic", '{"runners": ["all.default"], "interfaces": {}}')
    busgate("store", "set", ":.moat.kv.presence.barn", '{"runners": ["at.default"], "interfaces": {}}')
    busgate("store", "set", ":.moat.kv.state.all.default.cellar.it", '{"runs": 3, "end": "finished", "stopped": 5.0}')
    first, second = busgate("run -n - list --json").objects
    assert (first["node"], first["end"]) == ("attic", "")
    assert (second["node"], second["end"]) == ("cellar", "finished")
    assert second["reason"] == "node cellar does not run (start it there: busgate up)"
    states = busgate("run -n - state it --json").objects
    assert [(one["path"], one["on"], one["runs"]) for one in states] == [("it", "attic", 0), ("it", "cellar", 3)]
    assert busgate("run -n - state it --on cellar --json").object["runs"] == 3
    shown = busgate("run -n - state it").out
    assert "stopped      1970-01-01" in shown
    missing = busgate("run -n - state it --on barn")
    assert missing.status == 1
    assert "there are: attic, cellar" in missing.err
    assert busgate("run -n attic state it --on attic").status == 2
