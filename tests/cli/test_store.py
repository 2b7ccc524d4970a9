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


def test_from_one_store_into_another_of_the_same_kind_or_not(busgate, tmp_path):
    busgate("store", "set", "a.b:5", '{"x": [1, 2.5, null, {"$bytes": "AP8="}, {"$path": "x.y:5"}]}')
    busgate("store set c 1")
    exported = busgate("store export backup --json").object
    assert (exported["name"], exported["entries"]) == ("backup", 2)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    imported = busgate("store import backup --store sqlite:other.db --json").object
    assert imported == {"name": "backup", "written": 2, "equal": 0, "differing": [], "unequal": []}
    assert values(busgate("store list --store sqlite:other.db --json")) == values(busgate("store list --json"))


def values(listed):
    return [(row["path"], row["value"]) for row in listed.objects]


def test_an_import_leaves_alone_what_is_there(busgate):
    busgate("store set a 1")
    busgate("store export backup")
    busgate("store set a 2")
    done = busgate("store import backup")
    assert done.status == 1
    assert "a: the store has another value, which stays (--overwrite" in done.err
    assert busgate("store import backup --overwrite").status == 0
    assert busgate("store get a").out == "1\n"


def test_a_torn_archive_is_refused_whole(busgate, tmp_path):
    busgate("store set a 1")
    busgate("store export backup")
    file = tmp_path / "backup"
    file.write_bytes(file.read_bytes()[:-3])
    done = busgate("store import backup --store sqlite:other.db")
    assert done.status == 2
    assert "backup: the archive is not whole" in done.err
    assert busgate("store list --store sqlite:other.db --json").out == ""


def test_what_can_t_be_written_leaves_the_last_archive(busgate, tmp_path):
    busgate("store set a 1")
    (tmp_path / "backup.partial").mkdir()
    done = busgate("store export backup")
    assert done.status == 2
    assert "backup can't be written" in done.err
    assert not (tmp_path / "backup").exists()
