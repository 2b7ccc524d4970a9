"""Archives: what goes in comes out, and what is not whole is not used."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.path import P, Path
from gateway.record import same
from gateway.transfer import Archive, ArchiveError

ENTRIES = {
    P("a"): {"x": [1, 1.0, True, None, b"\xff", P("x.y:5"), datetime(2026, 1, 1, tzinfo=UTC)]},
    Path("b", 1.5, None, b"k", (1, "t")): "text",
    P("c"): {},
}
WHOLE = b"".join(Archive("id", P("a"), 12.5, ENTRIES).dump())


def test_what_goes_in_comes_out():
    archive = Archive.load(WHOLE)
    assert (archive.store, archive.prefix, archive.time) == ("id", P("a"), 12.5)
    assert list(archive.entries) == list(ENTRIES)
    assert all(same(archive.entries[path], value) for path, value in ENTRIES.items())


@given(st.dictionaries(st.text(max_size=5).map(Path), st.recursive(st.integers(-9, 9) | st.floats(), st.lists)))
def test_any_values(entries):
    archive = Archive("", P(":"), 0.0, entries)
    loaded = Archive.load(b"".join(archive.dump()))
    assert same(list(loaded.entries.values()), list(entries.values()))


def test_nothing_torn_is_used():
    for length in range(len(WHOLE)):
        with pytest.raises(ArchiveError, match=r"is no archive|not whole"):
            Archive.load(WHOLE[:length])


def test_a_flipped_bit_is_seen():
    random = Random(5)
    for _ in range(500):
        place = random.randrange(len(WHOLE))
        damaged = bytearray(WHOLE)
        damaged[place] ^= 1 << random.randrange(8)
        with pytest.raises(ArchiveError):
            Archive.load(bytes(damaged))


@pytest.mark.parametrize("data", [b"", b"[store]\n", b"\0" * 100, b"\xff" * 100])
def test_what_is_no_archive(data):
    with pytest.raises(ArchiveError, match="no archive"):
        Archive.load(data)


def test_a_missing_entry_is_counted():
    records = list(Archive("id", P("a"), 12.5, ENTRIES).dump())
    with pytest.raises(ArchiveError, match="not whole: it ends after 2 entries"):
        Archive.load(b"".join([*records[:2], *records[3:]]))


def test_a_newer_one_is_named(monkeypatch):
    monkeypatch.setattr("gateway.transfer.archive.VERSION", 2)
    newer = b"".join(Archive("id", P("a"), 12.5, ENTRIES).dump())
    monkeypatch.undo()
    with pytest.raises(ArchiveError, match="version 2, this program reads version 1"):
        Archive.load(newer)
