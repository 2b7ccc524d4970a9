"""Random histories: several writers and watchers at once, judged by what must hold of any history.

Theory of operation
-------------------
1. Writers on two connections set, delete and compare-and-set a few paths. Each acknowledged write is logged with its
   revision; each value is written once, so a value tells who wrote it.
2. Viewers watch subtrees in random depths. Some are slow, some leave and come back with ``since``, each replays what
   it is told. A viewer is done when it sees one of the sentinels that are written at the end.
3. The log is the judge: revisions are unique; a compare-and-set has no other write of its path between the revision
   it asked for and its own; every event tells a logged write; what a viewer has replayed is the final state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from gateway.errors import Conflict
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.values import Change, NotGiven, Ready, Resync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.values import WatchEvent

ROOTS = [P("suite.a"), P("suite.b")]
PATHS = [root + rest for root in ROOTS for rest in (P(":"), P("x"), P("x.y"), P("x.y:1"), P("x-y"), P("z.y"))]
END = P("suite.end")
#: One of them is within the depths of each viewer.
SENTINELS = [END + Path(*"xyz"[:depth]) for depth in range(4)]
WRITERS = 4
VIEWERS = 5
WRITES = 40


@dataclass(slots=True)
class _Write:
    path: Path
    value: Any
    expected: int | None


@dataclass(slots=True)
class _Log:
    """All acknowledged writes, by revision."""

    writes: dict[int, _Write] = field(default_factory=dict)

    def add(self, revision: int, path: Path, value: Any, expected: int | None = None) -> None:
        assert revision not in self.writes, f"revision {revision} was given twice"
        self.writes[revision] = _Write(path, value, expected)

    def final(self) -> dict[Path, Any]:
        state = {self.writes[revision].path: self.writes[revision].value for revision in sorted(self.writes)}
        return {path: value for path, value in state.items() if value is not NotGiven}

    def check_conditions(self) -> None:
        latest: dict[Path, int] = {}
        for revision in sorted(self.writes):
            write = self.writes[revision]
            current = latest.get(write.path, 0)
            assert write.expected in (None, current), f"at {write.path}: {revision} asked for {write.expected}"
            latest[write.path] = 0 if write.value is NotGiven else revision


@dataclass
class _Viewer:
    """Replays what one watch tells, and checks the order."""

    store: Store
    random: Random
    state: dict[Path, Any] = field(default_factory=dict)
    latest: dict[Path, int] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)
    known: int = 0  # everything up to this revision
    ordered: bool = False
    fresh: bool = True  # nothing but Resync has come since entering

    def __post_init__(self) -> None:
        self.roots = self.random.choice([[P("suite")], [ROOTS[0], END], [*ROOTS, END], [ROOTS[1], P("suite"), END]])
        shift = 1 if P("suite") in self.roots and len(self.roots) == 1 else 0
        self.min_depth = self.random.choice([0, 0, 1, 2]) + shift
        self.max_depth = self.random.choice([-1, -1, self.min_depth, self.min_depth + 1])
        self.slow = self.random.random() < 0.4
        self.leaves = self.random.random() < 0.4

    def covers(self, path: Path) -> bool:
        depths = [len(path) - len(root) for root in self.roots if path.below(root)]
        return any(self.min_depth <= each and (self.max_depth < 0 or each <= self.max_depth) for each in depths)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        since = None
        while True:
            self.fresh, self.ordered = True, False
            async with self.store.watch(
                *self.roots, min_depth=self.min_depth, max_depth=self.max_depth, since=since
            ) as events:
                if since is None:
                    task_status.started()
                if await self._follow(events):
                    return
            since = self.store.id, self.known

    async def _follow(self, events: AsyncIterator[WatchEvent]) -> bool:
        """Take events; False when the viewer leaves, True when it has seen the end."""
        ended = False
        async for event in events:
            ended = self._take(event) or ended
            if ended and self.ordered:
                return True
            if self.ordered and self.leaves and self.random.random() < 0.1:
                return False
            if self.slow:
                await self.store.clock.sleep(self.random.uniform(0, 0.005))
        raise AssertionError("the watch ended by itself")

    def _take(self, event: WatchEvent) -> bool:
        if isinstance(event, Resync):
            self.ordered = False
            if self.fresh:
                self.state.clear()
                self.latest.clear()
            return False
        self.fresh = False
        if isinstance(event, Ready):
            self.ordered = True
            self.known = max(self.known, event.revision)
            return False
        self._apply(event)
        return event.path in SENTINELS

    def _apply(self, change: Change) -> None:
        assert self.covers(change.path), f"{change.path} is outside of the watch"
        assert change.revision > self.latest.get(change.path, 0), f"{change} came late or twice"
        if self.ordered:
            assert change.revision > self.known, f"{change} after revision {self.known}"
            self.known = change.revision
        self.latest[change.path] = change.revision
        if (
            self.ordered or not change.deleted
        ):  # within a difference, a forgotten deletion has a revision made up for it
            self.told.append(change)
        self.state[change.path] = change.value
        if change.deleted:
            del self.state[change.path]


class Histories(StoreChecks):
    """What holds of any history of writes."""

    @pytest.mark.parametrize("seed", range(5))
    async def test_a_random_history_holds(self, connect: Connect, seed: int) -> None:
        await self.check_history(connect, seed)

    @pytest.mark.soak
    @pytest.mark.parametrize("seed", range(1000, 1300))
    async def test_many_random_histories_hold(self, connect: Connect, seed: int) -> None:
        await self.check_history(connect, seed)

    async def check_history(self, connect: Connect, seed: int) -> None:
        """Run and judge one history; the seed decides what is tried, the scheduler still decides who is first."""
        random, log = Random(seed), _Log()
        with anyio.fail_after(3 * self.patience):
            async with connect("a") as store, connect("b") as other:
                viewers = [_Viewer((store, other)[n % 2], Random(random.random())) for n in range(VIEWERS)]
                async with anyio.create_task_group() as watching:
                    for viewer in viewers:
                        await watching.start(viewer.run)
                    async with anyio.create_task_group() as writing:
                        for number in range(WRITERS):
                            each = (store, other)[number % 2]
                            writing.start_soon(_write, each, Random(random.random()), log, number)
                    for path in SENTINELS:
                        log.add(await store.set(path, "end"), path, "end")
                state = {entry.path: entry.value async for entry in other.tree(P("suite"))}
        log.check_conditions()
        assert state == log.final(), f"seed {seed}: the store lost or made up a write"
        for viewer in viewers:
            self._judge(viewer, log, f"seed {seed}, watch of {viewer.roots} in {viewer.min_depth}:{viewer.max_depth}")

    def _judge(self, viewer: _Viewer, log: _Log, which: str) -> None:
        for change in viewer.told:
            write = log.writes.get(change.revision)
            assert write is not None, f"{which}: {change} was never written"
            assert (write.path, write.value) == (change.path, change.value), f"{which}: {change} was {write}"
        # it stops at the first sentinel; those behind it may be missing
        expected = {path: value for path, value in log.final().items() if viewer.covers(path)}
        found = {path: value for path, value in viewer.state.items() if path not in SENTINELS}
        assert found == {path: value for path, value in expected.items() if path not in SENTINELS}, which


async def _write(store: Store, random: Random, log: _Log, number: int) -> None:
    for turn in range(WRITES):
        path, value = random.choice(PATHS), [number, turn]
        match random.choices(["set", "delete", "compare", "compare and delete"], [4, 2, 4, 1])[0]:
            case "set":
                log.add(await store.set(path, value), path, value)
            case "delete":
                if revision := await store.delete(path):
                    log.add(revision, path, NotGiven)
            case kind:
                await _write_if(store, path, NotGiven if "delete" in kind else value, log)
        if random.random() < 0.3:
            await store.clock.sleep(random.uniform(0, 0.004))


async def _write_if(store: Store, path: Path, value: Any, log: _Log) -> None:
    expected = (await store.get(path)).revision
    try:
        if value is not NotGiven:
            log.add(await store.set(path, value, revision=expected), path, value, expected)
        elif expected:
            log.add(await store.delete(path, revision=expected), path, value, expected)
    except Conflict:
        return
