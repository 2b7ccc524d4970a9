"""``busgate code module``."""

import pytest

pytestmark = pytest.mark.usefixtures("config")


@pytest.fixture
def script(tmp_path):
    def write(text, name="script.py"):
        (tmp_path / name).write_text(text)
        return name

    return write


def test_a_module_goes_in_and_comes_out(busgate, script):
    """MoaT-KV: `code module set` is inverted."""
    text = '"""What the heating needs."""\n\nLIMIT = 5\n'
    assert busgate(f"code module set house.heating -S {script(text)} --requires json -i 'for the cellar'").status == 0
    assert busgate("code module get house.heating --json").object == {
        "path": "house.heating",
        "code": text,
        "requires": ["json"],
        "info": "for the cellar",
    }
    assert busgate("code module get house.heating").out == text
    busgate("code module get house.heating -S out.py")
    assert busgate("code module set again -S out.py").status == 0


def test_what_is_not_given_stays(busgate, script):
    busgate(f"code module set mod_a -S {script('x = 1')} --requires json")
    assert busgate("code module set mod_a -i changed").status == 0
    assert busgate("code module get mod_a --json").object == {
        "path": "mod_a",
        "code": "x = 1",
        "requires": ["json"],
        "info": "changed",
    }
    done = busgate("code module set mod_b -i new")
    assert (done.status, done.err) == (2, "error: there is no module mod_b yet: give its code with -S FILE\n")


def test_the_list(busgate, script):
    assert "no modules" in busgate("code module list").err
    busgate(f"code module set house.heating -S {script('# the first line' + chr(10) + 'x = 1')} --requires json")
    busgate(f"code module set lib -S {script('')} -i 'for all'")
    assert busgate("code module list --json").objects == [
        {"path": "house.heating", "requires": ["json"], "info": "# the first line"},
        {"path": "lib", "requires": [], "info": "for all"},
    ]
    assert [row["path"] for row in busgate("code module list house --json").objects] == ["house.heating"]
    assert "house.heating" not in [row["path"] for row in busgate("code list --json").objects]


def test_what_does_not_compile_is_refused_with_line_and_caret(busgate, script):
    done = busgate(f"code module set mod_a -S {script('a = 1' + chr(10) + 'return a')}")
    assert done.status == 2
    assert "mod_a, line 2: 'return' outside function\n    return a\n    ^" in done.err
    assert busgate("code module get mod_a").status == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("json", "json: can't have this name: it would hide an installed module ("),
        ("a:5", "a:5: can't be imported: 5 is no name in Python"),
        (":", "a module needs a path of at least one element"),
    ],
)
def test_names_that_can_not_be_are_refused(busgate, script, path, words):
    done = busgate(f"code module set {path} -S {script('x = 1')}")
    assert done.status == 2
    assert words in done.err


def test_delete(busgate, script):
    busgate(f"code module set mod_a -S {script('x = 1')}")
    assert busgate("code module delete mod_a").status == 0
    done = busgate("code module delete mod_a")
    assert (done.status, done.err) == (1, "error: no module is stored at mod_a\n")


def test_check_looks_at_all_modules_together(busgate, script):
    busgate(f"code module set mod_a -S {script('import mod_b')}")
    busgate(f"code module set mod_b -S {script('import mod_c.inner')} --requires mod_c")
    assert (
        busgate("code module check").out
        == "mod_b: requires mod_c, which is neither stored nor can it be imported here\n"
    )
    busgate(f"code module set mod_c.inner -S {script('')}")
    done = busgate("code module check")
    assert (done.status, done.out) == (0, "")
    busgate(f"code module set mod_c.inner -S {script('import mod_a')}")
    done = busgate("code module check mod_a")
    assert (done.status, done.out) == (1, "mod_a: needs itself: mod_a -> mod_b -> mod_c.inner -> mod_a\n")
    busgate("store", "set", ":.moat.kv.code.module.bad", '{"code": "x = ("}')
    assert "bad, line 1: '(' was never closed\n    x = (\n        ^" in busgate("code module check").out
    assert busgate("code module check nowhere").status == 1


def test_check_looks_at_a_file_without_storing_it(busgate, script):
    done = busgate(f"code module check -S {script('x = (')}")
    assert done.status == 1
    assert "module, line 1" in done.out
    assert busgate(f"code module check -S {script('x = 1')}").status == 0
    assert busgate(f"code module check mod_a -S {script('x = 1')}").status == 0
    assert busgate("code module get mod_a").status == 1


def test_a_procedure_may_require_a_stored_module(busgate, script):
    assert busgate(f"code set it -S {script('return 1')} --requires house.heating").status == 2
    busgate(f"code module set house.heating -S {script('x = 1')}")
    assert busgate(f"code set it -S {script('return 1')} --requires house.heating").status == 0
    assert busgate("code check").status == 0
    busgate("code module delete house.heating")
    assert busgate("code check").out == "it: requires house.heating, which can't be imported here\n"
