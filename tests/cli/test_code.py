"""``busgate code``."""

import pytest

pytestmark = pytest.mark.usefixtures("config")


@pytest.fixture
def script(tmp_path):
    def write(text):
        (tmp_path / "script.py").write_text(text)
        return "script.py"

    return write


def test_a_procedure_goes_in_and_comes_out(busgate, script):
    text = 'x = """\n  kept\n"""\nreturn a * 2\n'
    busgate(f"code set forty.two -S {script(text)} --thread --vars a,b --default '{{\"a\": 21}}' -i 'the answer'")
    got = busgate("code get forty.two --json").object
    assert got == {
        "path": "forty.two",
        "code": text,
        "is_async": False,
        "vars": ["a", "b"],
        "requires": [],
        "default": {"a": 21},
        "info": "the answer",
    }
    assert busgate("code get forty.two").out == text
    busgate("code get forty.two -S out.py")
    assert busgate("code set again -S out.py").status == 0


def test_a_mode_can_be_changed_back(busgate, script):
    """`code set -A` of MoaT-KV can't turn an async entry into a sync one."""
    busgate(f"code set it -S {script('return 1')} --async")
    busgate("code set it --sync")
    assert busgate("code get it --json").object["is_async"] is None


def test_what_does_not_compile_is_refused_with_line_and_caret(busgate, script):
    done = busgate(f"code set it -S {script('a = 1' + chr(10) + 'b = (')}")
    assert done.status == 2
    assert "it, line 2" in done.err
    assert "^" in done.err
    assert busgate("code get it").status == 1


def test_new_code_is_needed(busgate):
    done = busgate("code set it --async")
    assert done.status == 2
    assert "-S FILE" in done.err


def test_the_list_marks_what_plugins_bring(busgate, script):
    busgate(f"code set mine -S {script('# the first line' + chr(10) + 'return 1')}")
    rows = {row["path"]: row for row in busgate("code list --json").objects}
    assert rows["mine"] == {"path": "mine", "mode": "sync", "vars": [], "from": "store", "info": "# the first line"}
    assert rows["onewire.poll"]["from"] == "plugin"
    assert rows["onewire.poll"]["mode"] == "async"


def test_a_stored_procedure_comes_before_a_plugins(busgate, script):
    busgate(f"code set onewire.poll -S {script('return 1')}")
    assert {row["path"]: row["from"] for row in busgate("code list --json").objects}["onewire.poll"] == "store"
    busgate("code delete onewire.poll")
    assert {row["path"]: row["from"] for row in busgate("code list --json").objects}["onewire.poll"] == "plugin"


def test_check_finds_bad_code_and_the_jobs_it_spoils(busgate, script):
    busgate(f"code set good -S {script('return a')} --vars a")
    busgate("run -n attic set fine -c good -e a 1")
    assert busgate("code check").status == 0
    busgate("run -n attic set lacking -c good")
    busgate("run -n attic set lost -c nowhere.at.all")
    busgate("store", "set", ":.moat.kv.code.proc.bad", '{"code": "return ("}')
    done = busgate("code check")
    assert done.status == 1
    assert "bad, line 1" in done.out
    assert "job at.attic.default.lacking: good: the variable a is missing" in done.out
    assert "job at.attic.default.lost: there is no procedure nowhere.at.all" in done.out
    assert busgate("code check good").status == 1
    assert busgate("code check missing").status == 1


def test_check_looks_at_a_file_without_storing_it(busgate, script):
    done = busgate(f"code check -S {script('return (')}")
    assert done.status == 1
    assert "code, line 1" in done.out
    assert busgate(f"code check -S {script('return a')} --vars a").status == 0
    assert busgate("store set :.moat.kv.code.proc.odd 5").status == 0
    assert busgate(f"code check odd -S {script('return 1')}").status == 0
    busgate("run -n attic set it -c mine")
    done = busgate(f"code check mine -S {script('return a')} --vars a")
    assert "mine: the variable a is missing" in done.out
    assert busgate("code get mine").status == 1
