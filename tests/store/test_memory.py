"""The reference store passes the suite, in virtual time on trio and in real time on asyncio; and what is its own."""

from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.errors import Detached, Uncertain
from gateway.path import P
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.testing.store_suite import BreakSuite, StoreSuite
from gateway.values import Change, NotGiven, Ready, Resync

A = P("suite.a")


class MemoryBreaks(BreakSuite):
    async def cut(self, store):
        store.cut()

    async def mend(self, store, *, resync):
        store.mend("as asked" if resync else "")


class TestInVirtualTime(StoreSuite, MemoryBreaks):
    @pytest.fixture
    def connect(self):
        server = MemoryServer(Random(1))
        return lambda node: MemoryStore(server, clock=VirtualClock(), random=Random(node), node=node)


class TestInRealTime(StoreSuite, MemoryBreaks):
    ttl = 0.3

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture
    def connect(self):
        server = MemoryServer(Random(1))
        return lambda node: MemoryStore(server, clock=SystemClock(), random=Random(node), node=node)


@pytest.fixture
def server():
    return MemoryServer(Random(1), tombstones=5, backlog=8)


@pytest.fixture
async def store(server):
    async with MemoryStore(server, clock=VirtualClock(), random=Random(2), node="a") as store:
        yield store


@pytest.fixture
async def other(server):
    async with MemoryStore(server, clock=VirtualClock(), random=Random(3), node="b") as other:
        yield other


async def ready(events):
    """What comes up to ``Ready``."""
    found = []
    with anyio.fail_after(60):
        while not isinstance(event := await anext(events), Ready):
            found.append(event)
    return found


async def test_a_lost_request_is_uncertain_and_has_written_nothing(store, other):
    store.faults.lost_request = 1.0
    before = anyio.current_time()
    with pytest.raises(Uncertain):
        await store.set(A, 1)
    assert anyio.current_time() - before == pytest.approx(store.faults.timeout)
    assert (await other.get(A)).revision == 0


async def test_a_lost_reply_is_uncertain_and_has_written(store, other):
    store.faults.lost_reply = 1.0
    with pytest.raises(Uncertain):
        await store.set(A, 1)
    assert (await other.get(A)).value == 1


async def test_a_lost_reply_hides_a_conflict(store):
    await store.set(A, 1)
    store.faults.lost_reply = 1.0
    with pytest.raises(Uncertain):
        await store.set(A, 2, revision=0)


async def test_a_late_write_is_uncertain_and_is_written_after_all(store, other):
    """Even if its writer has lost its connection by then; what is refused when it comes has no effect."""
    store.faults.late = 1.0
    with pytest.raises(Uncertain):
        await store.set(A, 1)
    with pytest.raises(Uncertain):
        await store.set(A, 2, revision=0)
    store.cut()
    assert (await other.get(A)).revision == 0
    await anyio.sleep(store.faults.lateness)
    assert (await other.get(A)).value == 1


async def test_a_lost_read_is_detached(store):
    store.faults.lost_reply = 1.0
    with pytest.raises(Detached):
        await store.get(A)


async def test_losses_come_from_the_random_of_the_store(server):
    async def outcomes():
        async with MemoryStore(server, clock=VirtualClock(), random=Random(7)) as store:
            store.faults.lost_request = 0.5
            found = []
            for _ in range(30):
                try:
                    await store.set(A, 1)
                    found.append(True)
                except Uncertain:
                    found.append(False)
            return found

    first = await outcomes()
    assert first == await outcomes()
    assert {True, False} == set(first)


async def test_a_delay_takes_its_time_each_way(store, other):
    store.faults.delay = 0.25
    await store.set(A, 1)
    assert anyio.current_time() == pytest.approx(0.5)


async def test_a_write_cancelled_on_its_way_has_not_happened(store, other):
    store.faults.delay = 1.0
    with anyio.move_on_after(0.5):
        await store.set(A, 1)
    assert (await other.get(A)).revision == 0


async def test_a_write_cancelled_on_the_way_back_has_happened(store, other):
    store.faults.delay = 1.0
    with anyio.move_on_after(1.5):
        await store.set(A, 1)
    assert (await other.get(A)).value == 1


async def test_a_break_under_way_is_uncertain(store, other):
    store.faults.delay = 1.0
    async with anyio.create_task_group() as group:
        group.start_soon(_cut_and_mend_after, store, 1.5)
        with pytest.raises(Uncertain):
            await store.set(A, 1)
    assert (await other.get(A)).value == 1


async def _cut_and_mend_after(store, seconds):
    await anyio.sleep(seconds)
    store.cut()
    store.mend()


async def test_a_stale_get_gives_the_value_before(store, other):
    await other.set(A, "old")
    await other.set(A, "new")
    store.faults.stale_get = 1.0
    assert (await store.get(A)).value == "old"


async def test_a_stale_get_knows_own_writes(store, other):
    await other.set(A, "old")
    await store.set(A, "mine")
    store.faults.stale_get = 1.0
    assert (await store.get(A)).value == "mine"
    await other.set(A, "theirs")
    assert (await store.get(A)).value == "mine"


async def test_a_lagging_watch_is_late_and_coalesces(store, other):
    store.faults.lag = 3.0
    async with store.watch(A) as events:
        await ready(events)
        async with anyio.create_task_group() as group:
            group.start_soon(other.set, A, 1)
            group.start_soon(_set_after, other, 1.0, A, 2)
            assert (await anext(events)).value == 2
        assert anyio.current_time() == pytest.approx(3.0)


async def _set_after(store, seconds, path, value):
    await anyio.sleep(seconds)
    await store.set(path, value)


async def test_a_lost_message_shows_in_the_next(store, other):
    async with other.subscribe(A) as messages:
        await store.publish(A, 1)
        store.faults.lost_request = 1.0
        await store.publish(A, 2)
        store.faults.lost_request = 0.0
        await store.publish(A, 3)
        found = [await anext(messages) for _ in range(2)]
    assert [(message.value, message.missed) for message in found] == [(1, 0), (3, 1)]


async def test_a_renewal_that_gets_lost_is_repeated_in_time(store):
    async with store.lease(3.0) as lease:
        store.faults.lost_request = 1.0
        await anyio.sleep(1.5)  # the first renewal, of 1.0, is lost
        store.faults.lost_request = 0.0
        await anyio.sleep(10.0)
        assert not lease.lost.is_set()


async def test_a_mass_expiry_ends_every_lease(server, store, other):
    async with store.lease(3.0) as one, other.lease(3.0) as two, store.watch(A, fetch=False) as events:
        await ready(events)
        await store.set(A, 1, lease=one)
        await anext(events)
        server.expire_all()
        assert (await anext(events)).deleted
        with anyio.fail_after(1.1):  # a renewal is due each second
            await one.lost.wait()
            await two.lost.wait()


async def test_a_watch_that_lags_beyond_the_backlog_is_told_so(store, other):
    async with store.watch(P("suite")) as events:
        await ready(events)
        await other.set(A / "gone", 1)
        await anext(events)
        await other.delete(A / "gone")
        for number in range(10):
            await other.set(A / number, number)
        assert isinstance(await anext(events), Resync)
        found = await ready(events)
        assert {change.path: change.value for change in found} == {
            A / "gone": NotGiven,
            **{A / number: number for number in range(10)},
        }
        await other.set(A, "later")
        assert await anext(events) == Change(A, "later", server_revision(found) + 1)


def server_revision(changes):
    return max(change.revision for change in changes)


@pytest.mark.parametrize("deletions", [5, 6])
async def test_a_break_beyond_the_remembered_deletions_gives_the_difference(store, other, deletions):
    async with store.watch(P("suite")) as events:
        for number in range(6):
            await other.set(A / number, number)
        await ready(events)  # of the snapshot, which was empty
        store.cut()
        for _ in range(6):
            await anext(events)  # what had arrived before the break
        for number in range(deletions):
            await other.delete(A / number)
        store.mend()
        first = await anext(events)
        found = await ready(events) if isinstance(first, Resync) else [first, *[await anext(events) for _ in range(4)]]
        assert isinstance(first, Resync) == (deletions == 6)
        assert {(change.path, change.deleted) for change in found} == {(A / n, True) for n in range(deletions)}


@pytest.mark.parametrize("deletions", [5, 6])
async def test_since_before_the_remembered_deletions_gives_everything(store, deletions):
    for number in range(7):
        revision = await store.set(A / number, number)
    for number in range(deletions):
        await store.delete(A / number)
    async with store.watch(P("suite"), since=(store.id, revision)) as events:
        found = await ready(events)
    assert isinstance(found[0], Resync) == (deletions == 6)
    assert [change.value for change in found[1:]] == ([6] if deletions == 6 else [NotGiven] * 4)


async def test_a_backlog_that_overflowed_before_a_break_repeats_nothing(store, other):
    async with store.watch(P("suite")) as events:
        await ready(events)
        for number in range(10):
            await other.set(A / number, number)
        store.cut()
        found = []
        with anyio.move_on_after(1.0):
            while True:
                found.append(await anext(events))
        store.mend()
        assert isinstance(await anext(events), Resync)
        found += await ready(events)
        assert sorted(change.value for change in found) == list(range(10))


async def test_tombstones_are_dropped_for_good(server, store):
    for number in range(100):
        await store.set(A / number, number)
        await store.delete(A / number)
    assert len(server.select([""], 0, -1)) == 5
    assert server.floor == server.revision - 10


async def test_a_cut_link_is_uncertain_for_two_seconds(store):
    store.cut()
    assert store.link.state == "uncertain"
    seen = await store.wait_link(store.link)
    assert seen.state == "detached"
    assert anyio.current_time() == pytest.approx(2.0)


async def test_a_mended_link_does_not_become_detached(store):
    store.cut()
    store.mend()
    await anyio.sleep(10.0)
    assert store.link.state == "connected"


async def test_two_servers_are_two_stores(server):
    assert MemoryServer().id != MemoryServer().id
    assert MemoryServer(Random(1)).id == server.id
