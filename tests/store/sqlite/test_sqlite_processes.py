"""Several processes with one file: kills, turns, stopped holders, forked children, messages."""

import os
import shutil
import signal
import statistics
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.errors import Detached
from gateway.path import P
from gateway.store.sqlite import SqliteStore
from gateway.values import Change, Ready

TOP = P("suite")
WRITERS = 4


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
async def store(file):
    async with SqliteStore(file, clock=SystemClock(), random=Random(), node="here") as store:
        yield store


def opened(file):
    return SqliteStore(file, clock=SystemClock(), random=Random())


async def ready(events):
    while not isinstance(await anext(events), Ready):
        pass


async def change(events):
    with anyio.fail_after(30):
        event = await anext(events)
    assert isinstance(event, Change)
    return event


async def killed_writers(elsewhere, random, what):
    """Let writers run at once, and kill each after a random number of acknowledgements; return what they told."""
    told = {}

    async def run(name, count):
        writer = elsewhere(what, name)
        await writer.line()
        writer.go()
        lines = [await writer.line() for _ in range(count)]
        writer.send(signal.SIGKILL)
        told[name] = [*lines, *await writer.rest()]

    async with anyio.create_task_group() as group:
        for _ in range(WRITERS):
            group.start_soon(run, f"w{random.getrandbits(32)}", random.randrange(1, 150))
    return told


def acknowledged(told):
    """What must be in the store: (path, value, revision)."""
    for name, lines in told.items():
        for line in lines:
            caller = [line["caller"]] if "caller" in line else []
            place = [name, *caller, line["number"]]
            yield TOP + P(":") + place, " ".join(map(str, place)), line["revision"]


async def check_kills(file, elsewhere, rounds, seed):
    print(f"seed {seed}")
    random = Random(seed)
    expected = []
    for number in range(rounds):
        told = await killed_writers(elsewhere, random, ["write", "write_at_once"][number % 2])
        expected += acknowledged(told)
        async with opened(file) as store:
            assert store.damage is None
            found = {entry.path: (entry.value, entry.revision) async for entry in store.tree(TOP)}
        missing = [path for path, value, revision in expected if found.get(path) != (value, revision)]
        assert missing == []
        doubled = [revision for revision, times in Counter(revision for *_, revision in expected).items() if times > 1]
        assert doubled == []
    assert len(expected) > rounds * WRITERS


async def test_what_killed_writers_had_acknowledged_is_there(file, elsewhere):
    await check_kills(file, elsewhere, 2, seed=1)


@pytest.mark.soak
async def test_what_killed_writers_had_acknowledged_is_there_in_the_long_run(file, elsewhere):
    await check_kills(file, elsewhere, 40, seed=2)


async def test_no_writer_starves(file, elsewhere):
    writers = [elsewhere("write", f"w{number}", 300) for number in range(WRITERS)]
    for writer in writers:
        await writer.line()
    for writer in writers:
        writer.go()
    told = {}

    async def read(writer):
        told[writer] = [line["revision"] for line in await writer.rest()]

    async with anyio.create_task_group() as group:
        for writer in writers:
            group.start_soon(read, writer)
    # how many writes of others came between two of one's own, while all four were at it
    end = min(revisions[-1] for revisions in told.values())
    begin = max(revisions[0] for revisions in told.values())
    gaps = []
    for revisions in told.values():
        turns = [revision for revision in revisions if begin <= revision <= end]
        gaps += [later - earlier for earlier, later in pairwise(turns)]
    print(f"turns between two of one's own: median {statistics.median(gaps)}, most {max(gaps)}")
    assert len(gaps) > 100, "they did not run at the same time"
    assert statistics.median(gaps) <= 2 * WRITERS
    assert max(gaps) <= 25 * WRITERS


async def test_a_change_elsewhere_reaches_a_watch(store, elsewhere):
    async with store.watch(TOP) as events:
        await ready(events)
        writer = elsewhere("write", "w")
        await writer.line()
        writer.go()
        for number in range(50):
            line = await writer.line()
            assert await change(events) == Change(TOP / "w" / number, f"w {number}", line["revision"])


async def test_a_watch_needs_no_notice(store, elsewhere, file):
    run = Path(store._open.member.run)
    async with store.watch(TOP) as events:
        await ready(events)
        writer = elsewhere("write", "w", 1)
        await writer.line()
        for notice in run.glob("*.changes"):
            notice.unlink()
        writer.go()
        assert (await change(events)).value == "w 0"


async def test_a_killed_holder_is_known_to_be_dead_within_milliseconds(store, elsewhere):
    holder = elsewhere("hold", 60)
    await holder.line()
    async with store.watch(TOP) as events:
        await ready(events)
        killed = store.clock.lease_now()
        holder.send(signal.SIGKILL)
        assert (await change(events)).deleted
        taken = store.clock.lease_now() - killed
    print(f"seen after {taken * 1e3:.1f} ms")
    assert taken < 10.0, "its lease has 60 s"


async def test_what_a_dead_holder_held_is_gone_when_a_store_opens(file, elsewhere):
    holder = elsewhere("hold", 60)
    await holder.line()
    holder.end()
    async with opened(file) as store:
        assert [entry async for entry in store.tree(TOP)] == []


async def test_an_observer_that_was_stopped_itself_counts_anew(elsewhere):
    holder = elsewhere("hold", 1.5)
    await holder.line()
    observer = elsewhere("observe")
    assert await observer.line() == {"observing": True}
    for process in (observer, holder):
        process.send(signal.SIGSTOP)
        await process.stopped()
    clock = SystemClock()
    await clock.sleep(2.0)  # without the observer's own pause the lease had run out
    woken = clock.lease_now()
    observer.send(signal.SIGCONT)
    assert (await observer.line())["gone"] - woken >= 1.5


class Standing(SystemClock):
    """Who has it never comes to renew anything."""

    async def sleep(self, seconds):
        await anyio.sleep_forever()


async def test_a_new_lease_is_not_ended_because_its_holder_gave_no_sign_before(store, file):
    async with (
        SqliteStore(file, clock=Standing(), random=Random()) as holder,
        store.watch(TOP) as events,
        holder.lease(60.0) as first,
    ):
        await ready(events)
        await holder.set(TOP, "old", lease=first)
        assert (await change(events)).value == "old"
        await store.clock.sleep(1.5)  # the heartbeat has stood still for longer than the new lease is to last
        async with holder.lease(1.0) as second:
            granted = store.clock.lease_now()
            await holder.set(TOP / "new", 1, lease=second)
            assert not (await change(events)).deleted
            assert (await change(events)).deleted
            assert store.clock.lease_now() - granted >= 1.0


async def test_a_forked_child_keeps_neither_lease_nor_store(store, elsewhere):
    parent = elsewhere("fork")
    child = await parent.line()
    try:
        assert "forked" in child["error"]
        async with store.watch(TOP) as events:
            await ready(events)
            parent.send(signal.SIGKILL)
            assert (await change(events)).deleted
        os.kill(child["child"], 0)  # it lives on
        await store.set(TOP, 1)
    finally:
        os.kill(child["child"], signal.SIGKILL)


async def test_a_dead_holder_is_known_by_its_pid_although_a_child_keeps_its_lock(store, elsewhere):
    parent = elsewhere("fork_unseen")
    child = (await parent.line())["child"]
    try:
        async with store.watch(TOP) as events:
            await ready(events)
            parent.send(signal.SIGKILL)
            assert (await change(events)).deleted  # the lease has 60 s, longer than the wait
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


async def test_a_process_stopped_within_a_write_is_named(store, elsewhere):
    await store.set(TOP, "before")
    stopped = elsewhere("stay_in_the_room")
    assert await stopped.line() == {"inside": True}
    await stopped.stopped()
    with anyio.fail_after(30):
        with pytest.raises(Detached, match=f"pid {stopped.pid} holds the store and is stopped"):
            await store.set(TOP, "during")
        assert store.link.state == "detached"
        assert (await store.get(TOP)).value == "before"
        with pytest.raises(Detached, match=f"pid {stopped.pid}"):
            await store.delete(TOP)
        stopped.send(signal.SIGCONT)
        assert (await store.wait_link(store.link)).state == "connected"
        await store.set(TOP, "after")
    assert await stopped.line() == {"left": True}


async def test_a_store_closes_while_another_process_is_stopped_within_a_write(file, elsewhere):
    with anyio.fail_after(30):
        async with opened(file) as store:
            stopped = elsewhere("stay_in_the_room")
            await stopped.line()
            await stopped.stopped()
            async with anyio.create_task_group() as group:
                group.start_soon(refused, store)
                await store.wait_link(store.link)
        stopped.end()
        async with opened(file) as store:
            await store.set(TOP, 1)


async def refused(store):
    with pytest.raises(Detached):
        await store.set(TOP, 1)


async def test_messages_reach_other_processes_in_order(store, elsewhere):
    listener = elsewhere("listen", "suite.t")
    assert await listener.line() == {"listening": True}
    for number in range(200):
        await store.publish(P("suite.t") / (number % 2), number)
        await store.publish(P("suite.other"), number)
    told = [await listener.line() for _ in range(200)]
    assert [line["value"] for line in told] == list(range(200))
    assert [line["number"] for line in told] == [number // 2 + 1 for number in range(200)]
    assert {line["missed"] for line in told} == {0}


async def test_the_largest_message_arrives(store, elsewhere):
    listener = elsewhere("listen", "suite")
    await listener.line()
    value = "x" * (64 * 1024 - 5)
    await store.publish(TOP / ("t" * 400), value)
    assert (await listener.line())["value"] == value


async def test_a_stopped_listener_holds_up_nobody_and_sees_the_gap(store, elsewhere):
    listener = elsewhere("listen", "suite")
    await listener.line()
    listener.send(signal.SIGSTOP)
    await listener.stopped()
    for number in range(3000):
        await store.publish(TOP, number)
    listener.send(signal.SIGCONT)
    told = [await listener.line()]
    while told[-1]["value"] != 2999:
        told.append(await listener.line())
    assert [line["value"] for line in told] == sorted(line["value"] for line in told)
    assert len(told) + sum(line["missed"] for line in told) == 3000
    assert len(told) < 3000


async def test_a_dead_listener_is_forgotten(store, elsewhere):
    listener = elsewhere("listen", "suite")
    await listener.line()
    listener.end()
    run = store._open.member.run
    assert len(list(run.glob("*.messages"))) == 1
    await store.publish(TOP, 1)
    assert list(run.glob("*.messages")) == []
    await store.set(TOP, 1)
    assert len(list(run.glob("*.changes"))) == 1


def vanish(store):
    """Take the run directory away, in one moment: others are making files in it."""
    run = store._open.member.run
    away = run.with_name(f"{run.name}.away")
    run.rename(away)
    shutil.rmtree(away)


async def test_a_lease_is_granted_while_the_run_directory_is_away(store):
    async with store.lease(60.0) as first:
        vanish(store)
        async with store.lease(60.0) as second:
            await store.set(TOP / "held", 1, lease=second)
            assert not first.lost.is_set()
            assert not second.lost.is_set()


async def test_one_socket_that_has_vanished_is_made_anew(store, file):
    member = store._open.member
    async with opened(file) as teller, store.subscribe(TOP) as messages:
        vanished = member.run / f"{member.name}.messages"
        vanished.unlink()
        with anyio.fail_after(30):
            while not vanished.exists():
                await store.clock.sleep(0.1)
            await teller.publish(TOP, 1)
            assert (await anext(messages)).value == 1


async def test_a_vanished_run_directory_is_made_anew_and_no_lease_lost(store, elsewhere):
    holder = elsewhere("hold", 6)
    await holder.line()
    listener = elsewhere("listen", "suite")
    await listener.line()
    async with store.lease(6.0) as lease:
        vanish(store)
        told = []

        async def listen():
            told.append(await listener.line())
            group.cancel_scope.cancel()

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(listen)
                while True:
                    await store.publish(TOP, "heard")
                    await store.clock.sleep(0.1)
        assert told[0]["value"] == "heard"
        first = lease.expires
        while lease.expires < first + 4.0:
            await store.clock.sleep(0.1)
        assert not lease.lost.is_set()
        assert (await store.get(TOP / "held")).value == 1
