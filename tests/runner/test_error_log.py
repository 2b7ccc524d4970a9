"""Error records: counted, bounded, never lost, resolved."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.errors import Detached
from gateway.locations import Locations
from gateway.path import P
from gateway.runner.error_log import ErrorEntry, ErrorLog, storable

PLACE = P("at.n1.default.job")


@pytest.fixture
async def node(make_node):
    async with make_node() as made:
        yield made


@pytest.fixture
def errors(node):
    return node.context.errors


async def only(errors):
    (record,) = await errors.list()
    return record.entry


async def test_a_record(node, errors):
    await errors.record("run", PLACE, "it broke", traceback="where", data={"pin": 7})
    value = (await node.store.get(Locations().error("run", PLACE))).value
    now = node.clock.now()
    assert value == {
        "message": "it broke", "traceback": "where", "data": {"pin": 7}, "node": "n1",
        "count": 1, "first": now, "last": now, "resolved": None,
    }  # fmt: skip
    (record,) = await errors.list()
    assert (record.subsystem, record.place) == ("run", PLACE)


async def test_it_counts_and_begins_anew_after_it_was_resolved(node, errors):
    start = node.clock.now()
    for number in range(3):
        await errors.record("run", PLACE, f"error {number}")
        await anyio.sleep(10)
    entry = await only(errors)
    assert (entry.count, entry.first, entry.last, entry.message) == (3, start, start + 20, "error 2")
    await errors.resolve("run", PLACE)
    assert (await only(errors)).resolved == start + 30
    await errors.record("run", PLACE, "again")
    await anyio.sleep(2)
    entry = await only(errors)
    assert (entry.count, entry.first, entry.resolved) == (1, start + 30, None)


async def test_many_errors_are_few_writes_and_all_counted(node, errors, server):
    before = server.revision
    for _ in range(1000):
        await errors.record("run", PLACE, "again and again")
        await anyio.sleep(0.01)
    await anyio.sleep(2)
    assert (await only(errors)).count == 1000
    assert server.revision - before <= 12


async def test_nothing_is_lost_while_the_store_is_out_of_reach(node, errors):
    await errors.record("run", PLACE, "one")
    await anyio.sleep(2)
    node.store.cut()
    for number in range(5):
        await errors.record("run", PLACE, f"off {number}")
        await errors.record("compile", P(f"code{number}"), "bad")
        await anyio.sleep(5)
    await errors.resolve("compile", P("code3"))
    node.store.mend()
    await anyio.sleep(2)
    found = {str(one.place): one.entry for one in await errors.list()}
    assert (found[str(PLACE)].count, found[str(PLACE)].message) == (6, "off 4")
    assert len(found) == 6
    assert [name for name, entry in found.items() if entry.resolved] == ["code3"]


async def test_an_uncertain_write_is_not_lost(node, errors):
    node.store.faults.lost_request = 0.5
    for _ in range(20):
        await errors.record("run", PLACE, "maybe")
        await anyio.sleep(3)
    node.store.faults.lost_request = 0
    await anyio.sleep(5)
    assert (await only(errors)).count >= 20


async def test_two_nodes_count_in_one_record(make_node, errors):
    async with make_node("n2") as other:
        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(errors.record, "compile", P("a"), "bad")
                tasks.start_soon(other.context.errors.record, "compile", P("a"), "bad")
            await anyio.sleep(2)
        assert (await only(errors)).count == 20


async def test_what_an_earlier_process_left_open_is_resolved(node, errors):
    await errors.record("run", PLACE, "it broke")
    later = ErrorLog(node.store, Locations(), "n1")
    await later.resolve("run", PLACE)
    assert (await only(errors)).resolved is not None


async def test_resolving_what_is_fine_writes_nothing(node, errors, server):
    before = server.revision
    await errors.resolve("run", PLACE)
    await errors.record("run", PLACE, "it broke")
    await errors.resolve("run", PLACE)
    await errors.resolve("run", PLACE)
    assert server.revision == before + 2


async def test_a_record_that_an_operator_deleted_stays_away(node, errors):
    await errors.record("run", PLACE, "it broke")
    await node.store.delete(Locations().error("run", PLACE))
    await errors.resolve("run", PLACE)
    assert await errors.list() == []


async def test_sizes_are_bounded(errors):
    await errors.record("run", PLACE, "m" * 10**6, traceback="t" * 10**6, data={"d": "x" * 10**6})
    entry = await only(errors)
    assert len(entry.message) <= 2000
    assert len(entry.traceback) <= 16_000
    assert entry.traceback.startswith("ttt")
    assert entry.traceback.endswith("ttt")
    assert "characters ..." in entry.traceback
    assert len(codec.encode(entry.data)) <= 16_000


async def test_damaged_records_are_left_out_and_overwritten(node, errors, caplog):
    await node.store.set(Locations().error("run", PLACE), {"message": 7})
    assert await errors.list() == []
    assert "is no error record" in caplog.text
    await errors.record("run", PLACE, "it broke")
    assert (await only(errors)).count == 1


async def test_flush_waits_for_the_store(node, errors):
    node.store.cut()
    await errors.record("run", PLACE, "it broke")
    with anyio.move_on_after(5) as scope:
        await errors.flush()
    assert scope.cancelled_caught
    node.store.mend()
    await errors.flush()
    assert (await only(errors)).count == 1


async def test_an_exception_with_its_traceback(errors):
    try:
        raise ExceptionGroup("group", [Detached("no server")])
    except ExceptionGroup as error:
        await errors.record_exception("interface", P("n1.stick"), error)
    entry = await only(errors)
    assert entry.message == "gateway.errors.Detached: no server"
    assert "test_an_exception_with_its_traceback" in entry.traceback


class BadRepr:
    def __repr__(self):
        raise ValueError


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
keys = st.integers() | st.text() | st.tuples(st.text())


def nested(parts):
    return st.lists(parts) | st.dictionaries(keys, parts) | st.sets(st.integers())


@given(st.recursive(leaves | st.builds(BadRepr), nested, max_leaves=20))
def test_whatever_it_is_something_of_it_can_be_stored(value):
    assert len(codec.encode(storable(value))) <= 16_000


def test_storable_keeps_what_it_can():
    assert storable({"a": 1, "b": print, 3: [object]}) == {
        "a": 1,
        "b": "<built-in function print>",
        3: ["<class 'object'>"],
    }
    loop: list[object] = []
    loop.append(loop)
    assert codec.encode(storable(loop))


def test_counts_add_up():
    old = ErrorEntry(message="old", count=3, first=1.0, last=2.0)
    new = ErrorEntry(message="new", count=2, first=5.0, last=6.0)
    both = new.after(old.to_map())
    assert (both.message, both.count, both.first, both.last) == ("new", 5, 1.0, 6.0)
