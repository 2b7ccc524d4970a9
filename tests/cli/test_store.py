"""``busgate store``."""

import pytest


def test_a_value_goes_in_and_comes_out(busgate):
    assert busgate("store", "set", "a.b:5", '{"x": [1, 2.5, null, true]}').out == ""
    got = busgate("store get a.b:5 --json").object
    assert list(got) == ["path", "value", "revision"]
    assert got["path"] == "a.b:5"
    assert got["value"] == {"x": [1, 2.5, None, True]}
    assert got["revision"] > 0
    assert busgate("store get a.b:5").out == '{"x": [1, 2.5, null, true]}\n'


@pytest.mark.parametrize("value", ['{"$bytes": "AP8="}', '{"$path": "x.y:5"}'])
def test_bytes_and_paths_survive(busgate, value):
    busgate("store", "set", "a", value)
    assert busgate("store get a").out.strip() == (value if "bytes" in value else "x.y:5")


def test_text_needs_no_quotes(busgate):
    busgate("store set a --text hello")
    assert busgate("store get a --json").object["value"] == "hello"
    done = busgate("store set a hello")
    assert done.status == 2
    assert "--text" in done.err


def test_a_revision_guards(busgate):
    revision = busgate("store set a 1 --json").object["revision"]
    assert busgate(f"store set a 2 --revision {revision}").status == 0
    done = busgate(f"store set a 3 --revision {revision}")
    assert done.status == 1
    assert "conflict at a" in done.err


def test_a_list_is_depth_first_and_one_object_a_line(busgate):
    for path in ["b", "a.x", "a", "a.x.y", "c"]:
        busgate(f"store set {path} 0")
    assert [row["path"] for row in busgate("store list --json").objects] == ["a", "a.x", "a.x.y", "b", "c"]
    assert [row["path"] for row in busgate("store list a.x --json").objects] == ["a.x", "a.x.y"]
    assert busgate("store list nothing").err == "nothing is stored below nothing\n"


def test_deleting(busgate):
    busgate("store set a.b 1")
    busgate("store set a.c 1")
    assert busgate("store delete a").status == 1
    assert busgate("store delete a -r").status == 0
    assert busgate("store list --json").out == ""
