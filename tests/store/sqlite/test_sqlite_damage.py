"""Damaged files: nothing wrong is read, what can be saved is saved, the rest comes from the snapshot or is named."""

import sqlite3
from pathlib import Path
from random import Random

import pytest

from gateway.clock import SystemClock
from gateway.errors import StoreUnusable
from gateway.path import P
from gateway.store.sqlite import SqliteStore
from gateway.values import Resync

TOP = P("suite")
COUNT = 600
HALF = COUNT // 2
PAGE = 4096


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.db"


def opened(file):
    return SqliteStore(file, clock=SystemClock(), random=Random())


def value_of(number):
    return f"value {number} " + "x" * (number % 200)


async def fill(file, *, snapshot=True):
    """A store with ``COUNT`` entries, of which half are in the snapshot; one of those was deleted afterwards."""
    async with opened(file) as store:
        await write(store, range(HALF))
        if snapshot:
            assert await store.snapshot()
        await write(store, range(HALF, COUNT))
        revision = await store.delete(TOP / 0)
        return store.id, revision


async def write(store, numbers):
    for number in numbers:
        await store.set(TOP / number, value_of(number))


async def content(store):
    return {entry.path[-1]: entry.value async for entry in store.tree(TOP)}


def flip(data, random):
    for _ in range(3):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def flip_within_values(data, random):
    for _ in range(3):
        place = data.index(b"xxxx", random.randrange(len(data) // 2))
        data[place] ^= 1


def zero_pages(data, random):
    for _ in range(2):
        start = random.randrange(1, len(data) // PAGE) * PAGE
        data[start : start + PAGE] = bytes(PAGE)


def truncate(data, random):
    del data[random.randrange(len(data) // 4, len(data)) :]


def zero_the_header(data, random):
    data[:100] = bytes(100)


def zero_everything(data, random):
    data[:] = bytes(len(data))


def empty(data, random):
    data.clear()


def break_the_key_index(data, random):
    """Change a key in its index only: no row is lost."""
    place = data.index(b"suite.=i500", data.index(b"suite.=i500") + 1)
    data[place] ^= 0x20


def change_the_program(data, random):
    data[68] ^= 1


def change_the_version(data, random):
    data[61] ^= 1


def clear_the_version(data, random):
    data[60:64] = bytes(4)


def forbid_writing(data, random):
    data[18] = 3


def garble_the_schema(data, random):
    data[data.index(b"CREATE TABLE entry") + 20] = 0xA0


HEADER = [change_the_program, change_the_version, clear_the_version, forbid_writing, garble_the_schema]
SURE = [flip_within_values, zero_pages, truncate, zero_the_header, zero_everything, empty]


def damage(file, how, seed):
    data = bytearray(file.read_bytes())
    how(data, Random(seed))
    file.write_bytes(data)
    return bytes(data)


async def check_repaired(file, damaged, store_id, *, snapshot):
    """Open a damaged file; everything that is there must be right, and all that is missing must be accounted for."""
    async with opened(file) as store:
        report = store.damage
        found = await content(store)
        assert all(value == value_of(number) for number, value in found.items())
        missing = {number for number in range(1, COUNT) if number not in found}
        if report is None:
            assert not missing
            assert 0 not in found
            return None
        assert store.id != store_id
        assert (report.set_aside / file.name).read_bytes() == damaged
        assert str(file) in str(report)
        assert str(report.set_aside) in str(report)
        assert report.saved + report.from_snapshot == len(found)
        assert not (report.complete and missing)
        assert {path[-1] for path in report.lost} <= missing | {0}
        if snapshot:
            assert set(range(1, HALF)) <= found.keys()
        await store.set(TOP, "works")
    async with opened(file) as store:
        assert store.damage is None
        assert await content(store) == {**found, "suite": "works"}
    return report


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", SURE, ids=lambda how: how.__name__)
async def test_damage_is_repaired_and_reported(file, how, seed):
    store_id, _ = await fill(file)
    damaged = damage(file, how, seed)
    assert await check_repaired(file, damaged, store_id, snapshot=True) is not None


@pytest.mark.parametrize("how", HEADER, ids=lambda how: how.__name__)
async def test_a_damaged_header_is_not_taken_for_another_file(file, how):
    store_id, _ = await fill(file)
    assert await check_repaired(file, damage(file, how, 0), store_id, snapshot=True) is not None


@pytest.mark.parametrize("seed", range(15))
async def test_flipped_bits_anywhere_never_give_a_wrong_value(file, seed):
    store_id, _ = await fill(file, snapshot=seed % 2)
    await check_repaired(file, damage(file, flip, seed), store_id, snapshot=seed % 2)


@pytest.mark.soak
@pytest.mark.parametrize("how", [flip, *SURE], ids=lambda how: how.__name__)
async def test_damage_of_many_kinds(tmp_path, how):
    for seed in range(100):
        file = tmp_path / str(seed) / "store.db"
        store_id, _ = await fill(file, snapshot=seed % 2)
        print(f"{how.__name__} seed {seed}")
        await check_repaired(file, damage(file, how, seed), store_id, snapshot=seed % 2)


async def test_a_damaged_index_costs_nothing(file):
    store_id, _ = await fill(file, snapshot=False)
    report = await check_repaired(file, damage(file, break_the_key_index, 0), store_id, snapshot=False)
    assert report is None or (report.complete and report.saved == COUNT - 1)


async def test_without_a_snapshot_what_is_known_to_be_lost_is_named(file):
    await fill(file, snapshot=False)
    damage(file, flip_within_values, 1)
    async with opened(file) as store:
        found = await content(store)
        lost = set(range(1, COUNT)) - found.keys()
        assert lost
        assert store.damage.from_snapshot == 0
        assert {path[-1] for path in store.damage.lost} == lost


async def test_nothing_can_be_read_and_there_is_no_snapshot(file):
    await fill(file, snapshot=False)
    damage(file, zero_everything, 0)
    async with opened(file) as store:
        assert await content(store) == {}
        assert store.damage.saved == 0
        assert not store.damage.complete


async def test_revisions_never_come_again(file):
    store_id, revision = await fill(file)
    damage(file, zero_everything, 0)
    async with opened(file) as store:
        assert await store.set(TOP, 1) > revision
        async with store.watch(TOP, since=(store_id, revision)) as events:
            assert isinstance(await anext(events), Resync)


async def test_entries_of_leases_are_not_brought_back(file):
    async with opened(file) as store, store.lease(3.0) as lease:
        await store.set(TOP / "bound", 1, lease=lease)
        await store.set(TOP / "kept", 1)
        await store.snapshot()
    damage(file, zero_everything, 0)
    async with opened(file) as store:
        assert await content(store) == {"kept": 1}


async def test_damage_is_not_repaired_under_another_process(file, elsewhere):
    await fill(file)
    holder = elsewhere("listen", "suite")
    await holder.line()
    before = damage(file, zero_pages, 0)
    async with opened(file) as store:
        assert store.damage is None
        with pytest.raises(StoreUnusable, match="is damaged"):
            await content(store)
    holder.end()
    assert file.read_bytes() == before
    async with opened(file) as store:
        assert store.damage is not None
        assert set(range(1, HALF)) <= (await content(store)).keys()


@pytest.mark.parametrize("complete", [True, False])
async def test_an_interrupted_repair_is_finished_or_begun_again(file, complete):
    await fill(file)
    folder = file.with_name(file.name + ".d")
    damage(file, zero_the_header, 0)
    async with opened(file) as store:
        repaired = await content(store)
    # as if the process had died just before, or in the middle
    draft = folder / ("repaired.db" if complete else "repaired.new")
    file.rename(draft)
    if not complete:
        draft.write_bytes(draft.read_bytes()[:10_000])
    file.write_bytes(b"damaged" * 1000)
    async with opened(file) as store:
        assert (store.damage is None) == complete
        found = await content(store)
        assert found == repaired if complete else set(range(1, HALF)) <= found.keys()
    assert not list(folder.glob("repaired*"))


async def test_a_failed_repair_leaves_everything_as_it_is(file, elsewhere):
    await fill(file)
    before = damage(file, zero_pages, 0)
    folder = file.with_name(file.name + ".d")
    (folder / "repaired.new").mkdir()
    with pytest.raises(StoreUnusable, match="can't be repaired"):
        async with opened(file):
            pass
    assert file.read_bytes() == before


async def test_a_snapshot_holds_everything_and_is_taken_by_one(file):
    async with opened(file) as store:
        await write(store, range(10))
        assert await store.snapshot()
        await write(store, range(10, 20))
    copy = sqlite3.connect(Path(f"{file}.d") / "snapshot.db")
    assert copy.execute("SELECT count(*) FROM entry").fetchone() == (10,)
    copy.close()
