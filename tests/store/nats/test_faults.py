"""Servers of a cluster of three are killed, stopped and started again under writers and watches; the log judges.

Each path has one writer. A write counts as acknowledged, as failed (``Detached``: it must not have happened), or as
unknown (``Uncertain``: it may have happened, now or later). In the end every watch must have been told of the final
state of each path, no revision twice, and the final state must be an acknowledged write or a later unknown one. A lease
as long as a node's must have survived.
"""

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import anyio
import pytest

from gateway.errors import Detached, Uncertain
from gateway.path import P, Path
from gateway.store.nats import NatsStore
from gateway.values import Change, NotGiven

TOP = P("trial")
LAST = P("trial.last")
HELD = P("held")
WRITERS = 6
PATHS = 20
#: Seconds that a test waits for the servers to agree on a leader again: 4 to 9 s by design, and a busy machine.
PATIENCE = 60


@dataclass
class Log:
    """What the writers know, and what the watches were told."""

    acknowledged: dict[Path, tuple[int, object]] = field(default_factory=dict)  # by path: newest revision and value
    unknown: dict[Path, list[object]] = field(default_factory=dict)  # by path: values
    count: int = 0
    failed: int = 0
    longest: float = 0.0  # time without an acknowledged write
    ended: bool = False
    progress: anyio.Event = field(default_factory=anyio.Event)

    @property
    def uncertain(self):
        return sum(map(len, self.unknown.values()))


class Writer:
    def __init__(self, number, store, log):
        self.store, self.log = store, log
        self.random = Random(number)
        self.paths = [TOP / number / each for each in range(PATHS)]
        self.turn = 0

    async def run(self):
        last = anyio.current_time()
        while not self.log.ended:
            self.turn += 1
            path = self.random.choice(self.paths)
            value = NotGiven if self.random.random() < 0.2 else self.turn
            try:
                await self.write(path, value)
            except Detached:
                self.log.failed += 1
                await anyio.sleep(self.random.uniform(0.01, 0.05))  # not to keep the servers from recovering
            except Uncertain:
                self.log.unknown.setdefault(path, []).append(value)
            else:
                now = anyio.current_time()
                self.log.longest = max(self.log.longest, now - last)
                last = now

    async def write(self, path, value):
        if value is NotGiven:
            revision = await self.store.delete(path)
        else:
            revision = await self.store.set(path, value)
        self.log.count += 1
        self.log.progress.set()
        if revision:
            self.log.acknowledged[path] = max((revision, value), self.log.acknowledged.get(path, (0, 0)), key=_first)


class Viewer:
    """Replays a watch."""

    def __init__(self, store):
        self.store = store
        self.state = {}
        self.latest = {}
        self.told = self.doubled = self.resyncs = 0
        self.done = anyio.Event()

    async def run(self, *, task_status):
        async with self.store.watch(TOP) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self.take(event)
                    if event.path == LAST:
                        self.done.set()
                        return
                self.resyncs += type(event).__name__ == "Resync"

    def take(self, change):
        self.told += 1
        self.doubled += change.revision <= self.latest.get(change.path, 0)
        self.latest[change.path] = change.revision
        self.state[change.path] = change.value
        if change.deleted:
            del self.state[change.path]


def _first(pair):
    return pair[0]


FAULTS = (
    "kill the leader",
    "freeze the leader",
    "kill a follower",
    "freeze a follower",
    "kill the host of a watch",
    "freeze the server of a node",
    "restart all",
    "restart one after the other",
)
#: These run in every test; the others in `make soak`.
QUICK = ("kill the leader", "restart all")


class TestFaults:
    @pytest.mark.parametrize("fault", QUICK)
    async def test_nothing_is_lost(self, cluster, connect, fault):
        await self.check(cluster, connect, fault)

    @pytest.mark.soak
    @pytest.mark.parametrize("turn", range(3))
    @pytest.mark.parametrize("fault", FAULTS)
    async def test_nothing_is_lost_ever(self, cluster, connect, fault, turn):
        await self.check(cluster, connect, fault)

    async def check(self, cluster, connect, fault):
        log = Log()
        async with (
            connect("a") as one,
            connect("b") as two,
            one.lease(NatsStore.lease_ttl) as lease,
            anyio.create_task_group() as tasks,
        ):
            held = await one.set(HELD, "held", lease=lease)
            viewers = [Viewer(one), Viewer(two)]
            for viewer in viewers:
                await tasks.start(viewer.run)
            async with anyio.create_task_group() as writing:
                for number in range(WRITERS):
                    writing.start_soon(Writer(number, (one, two)[number % 2], log).run)
                await self.go_on(log, 200)
                await cluster.strike(one, fault)
                await self.go_on(log, 200)
                log.ended = True
            with anyio.fail_after(PATIENCE):
                await self.persist(one)
                for viewer in viewers:
                    await viewer.done.wait()
            final = {entry.path: entry async for entry in two.tree(TOP, min_depth=2)}
            assert not lease.lost.is_set(), "a node was taken for dead when a server failed"
            assert (await two.get(HELD)).revision == held
        self.judge(log, viewers, final, fault)

    async def go_on(self, log, count):
        """Wait until so many more writes have been acknowledged."""
        target = log.count + count
        with anyio.fail_after(PATIENCE):
            while log.count < target:
                log.progress = anyio.Event()
                await log.progress.wait()

    async def persist(self, store):
        """Write the last entry, however often it takes; behind it comes nothing."""
        await anyio.sleep(1.5)  # what was unknown has landed by now, or will never
        while True:
            with suppress(Detached, Uncertain):
                await store.set(LAST, "end")
                return
            await anyio.sleep(0.05)

    def judge(self, log, viewers, final, fault):
        paths = log.acknowledged.keys() | log.unknown.keys() | final.keys()
        lost = [path for path in paths if not self.accounts_for(log, path, final.get(path))]
        missed = [
            (path, viewer.state.get(path, NotGiven), final.get(path))
            for viewer in viewers
            for path in paths
            if viewer.state.get(path, NotGiven) != (final[path].value if path in final else NotGiven)
        ]
        doubled = sum(viewer.doubled for viewer in viewers)
        sys.stdout.write(
            f"\n{fault}: {log.count} acknowledged, {log.failed} failed, {log.uncertain} unknown, "
            f"longest gap {log.longest:.1f} s; lost {len(lost)}, "
            f"watches told {[viewer.told for viewer in viewers]} (resynchronised {[v.resyncs for v in viewers]}), "
            f"missed {len(missed)}, doubled {doubled}\n"
        )
        assert log.count >= 400
        assert lost == []
        assert missed == []
        assert doubled == 0

    def accounts_for(self, log, path, entry):
        """Whether the final state of a path is its last acknowledged write, or an unknown one after it."""
        revision, value = log.acknowledged.get(path, (0, NotGiven))
        unknown = log.unknown.get(path, [])
        if entry is None:
            return value is NotGiven or NotGiven in unknown
        if entry.revision == revision:
            return entry.value == value
        return entry.revision > revision and entry.value in unknown
