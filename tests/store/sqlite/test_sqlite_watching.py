"""Watches that lag, that resume behind forgotten deletions, and that are left in the middle."""

from random import Random

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from gateway.clock import SystemClock
from gateway.path import P
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite.reader import STAGED_BYTES
from gateway.store.sqlite.room import Room
from gateway.store.sqlite.watching import QUEUED
from gateway.values import Change, NotGiven, Ready, Resync

TOP = P("suite")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(file):
    async with SqliteStore(file, clock=SystemClock(), random=Random(), horizon=0.0) as store:
        yield store


async def ready(events):
    found: list[Change] = []
    while not isinstance(found[-1] if found else None, Ready):
        with anyio.fail_after(30):
            found.append(await anext(events))
    return found[:-1]


async def flood(store, count, places=7):
    """More changes than wait in memory, on a few paths."""

    async def caller(place):
        for number in range(count // places + 1):
            await store.set(TOP / "flood" / place, number)

    async with anyio.create_task_group() as group:
        for place in range(places):
            group.start_soon(caller, place)
    return count // places


async def test_a_consumer_that_lags_gets_the_last_values_in_order(store):
    async with store.watch(TOP) as events:
        await ready(events)
        last = await flood(store, QUEUED + 1000)
        end = await store.set(TOP / "end", 1)
        found: list[Change] = []
        while not found or found[-1].revision != end:
            found.append(await anext(events))
        assert len(found) < QUEUED, "it was not behind"
        assert [each.revision for each in found] == sorted(each.revision for each in found)
        assert {each.path: each.value for each in found} == {
            TOP / "end": 1,
            **{TOP / "flood" / n: last for n in range(7)},
        }
        revision = await store.set(TOP, "later")
        assert await anext(events) == Change(TOP, "later", revision)


async def test_a_consumer_that_lags_behind_forgotten_deletions_gets_the_difference(store):
    await store.set(TOP / "old", 1)
    await store.set(TOP / "gone", 1)
    async with store.watch(TOP) as events:
        assert len(await ready(events)) == 2
        last = await flood(store, QUEUED + 1000)
        await store.delete(TOP / "gone")
        await store.set(TOP / "end", 1)
        await store.forget()
        assert await store.forget() == 1
        assert isinstance(await anext(events), Resync)
        found = {each.path: each.value for each in await ready(events)}
        expected = {TOP / "flood" / n: last for n in range(7)}
        assert found == {TOP / "gone": NotGiven, TOP / "end": 1, **expected}
        revision = await store.set(TOP, "later")
        assert await anext(events) == Change(TOP, "later", revision)


async def test_since_before_forgotten_deletions_gives_everything(store):
    kept = await store.set(TOP / "kept", 1)
    await store.delete(TOP / "kept")
    await store.set(TOP / "new", 1)
    await store.forget()
    assert await store.forget() == 1
    async with store.watch(TOP, since=(store.id, kept)) as events:
        found = await ready(events)
    assert isinstance(found[0], Resync)
    assert [(each.path, each.value) for each in found[1:]] == [(TOP / "new", 1)]


async def test_forgetting_never_brings_a_revision_back(store):
    await store.set(TOP, 1)
    deleted = await store.delete(TOP)
    await store.forget()
    await store.forget()
    assert await store.set(TOP, 2) > deleted


async def test_deletions_within_the_horizon_are_remembered(file):
    async with SqliteStore(file, clock=SystemClock(), random=Random()) as store:
        await store.set(TOP, 1)
        await store.delete(TOP)
        for _ in range(3):
            assert await store.forget() == 0


async def test_a_snapshot_larger_than_memory_is_for_one_moment(store):
    big = "x" * 400_000
    count = 2 * STAGED_BYTES // len(big)
    for number in range(count):
        await store.set(TOP / number, big)
    async with store.watch(TOP) as events:
        first = await anext(events)
        for number in range(count):
            await store.set(TOP / number, "changed")
        found = [first, *await ready(events)]
        assert [each.value for each in found] == [big] * count
        assert [each.path for each in found] == sorted(each.path for each in found)
        later = [await anext(events) for _ in range(count)]
        assert {each.path: each.value for each in later} == {TOP / number: "changed" for number in range(count)}


async def test_a_watch_left_within_a_large_snapshot_holds_nothing(store):
    big = "x" * 400_000
    for number in range(2 * STAGED_BYTES // len(big)):
        await store.set(TOP / number, big)
    for _ in range(3):
        async with store.watch(TOP) as events:
            await anext(events)
    async with store.watch(TOP) as events:
        assert len(await ready(events)) == 2 * STAGED_BYTES // len(big)


async def test_claims_overtake_data_that_has_waited_longer(store, file):
    order = {}

    async def write(path):
        order[path] = await store.set(path, 1)

    claim, state, data = (
        P(":.moat.kv.claim.default.job"),
        P(":.moat.kv.state.any.default.job"),
        [TOP / n for n in range(50)],
    )
    room = Room(file.with_name(file.name + ".d"), file)
    room.enter()
    async with anyio.create_task_group() as group:
        for path in (*data, claim, state):
            group.start_soon(write, path)
        await wait_all_tasks_blocked()
        room.leave()
    room.close()
    assert sorted(order, key=order.__getitem__) == [claim, state, *data]
