"""Writers and watches on a store that something happens to meanwhile, and the judgement of what they were told.

Each path has one writer. A write counts as acknowledged, as failed (``Detached``: it must not have happened), or as
unknown (``Uncertain``: it may have happened, now or later). In the end each watch must have been told of the final
state of each path, of no revision twice, and the final state must be an acknowledged write or a later unknown one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from random import Random
from typing import TYPE_CHECKING, Any

import anyio

from gateway.errors import Detached, Uncertain
from gateway.values import Change, NotGiven

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.path import Path
    from gateway.values import Entry

WRITERS = 6
PATHS = 20


class Trial:
    """The writes below one path of a store, and two or more connections to it.

    For example::

        trial = Trial(P("trial"))
        async with trial.on([one, two]):
            await trial.go_on(200)
            servers.kill(0)
            await trial.go_on(200)
        assert trial.wrongs == []

    Args:
        patience: seconds that writes may take to be acknowledged again, and watches to be told of all.
    """

    def __init__(self, top: Path, patience: float = 60) -> None:
        self.wrongs: list[str] = []
        self._top = top
        self._patience = patience
        self._acknowledged: dict[Path, tuple[int, Any]] = {}  # by path: newest revision and value
        self._unknown: dict[Path, list[Any]] = {}  # by path: values
        self._count = 0
        self._failed = 0
        self._longest = 0.0  # time of one writer without an acknowledged write
        self._ended = False
        self._progress = anyio.Event()
        self._viewers: list[_Viewer] = []

    @asynccontextmanager
    async def on(self, stores: Sequence[Store]) -> AsyncIterator[None]:
        """Write and watch on each of the stores; when it is left, ``wrongs`` tells what mustn't have happened."""
        last = self._top / "last"
        async with anyio.create_task_group() as watching:
            self._viewers = [_Viewer(store, self._top, last) for store in stores]
            for viewer in self._viewers:
                await watching.start(viewer.run)
            async with anyio.create_task_group() as writing:
                for number in range(WRITERS):
                    writing.start_soon(self._write_on, stores[number % len(stores)], number)
                yield
                self._ended = True
            with anyio.fail_after(self._patience):
                await _persist(stores[0], last)
                for viewer in self._viewers:
                    await viewer.done.wait()
        self._judge({entry.path: entry async for entry in stores[-1].tree(self._top, min_depth=2)})

    async def go_on(self, count: int) -> None:
        """Wait until so many more writes have been acknowledged; TimeoutError when that takes too long."""
        target = self._count + count
        with anyio.fail_after(self._patience):
            while self._count < target:
                self._progress = anyio.Event()
                await self._progress.wait()

    def __str__(self) -> str:
        return (
            f"{self._count} acknowledged, {self._failed} failed, {sum(map(len, self._unknown.values()))} unknown, "
            f"longest gap {self._longest:.1f} s, watches told {[viewer.told for viewer in self._viewers]} "
            f"(resynchronised {[viewer.resyncs for viewer in self._viewers]}), {len(self.wrongs)} contradictions"
        )

    async def _write_on(self, store: Store, number: int) -> None:
        random = Random(number)
        last, turn = anyio.current_time(), 0
        while not self._ended:
            turn += 1
            path = self._top / number / random.randrange(PATHS)
            value = NotGiven if random.random() < 0.2 else turn
            try:
                await self._write(store, path, value)
            except Detached:
                self._failed += 1
                await anyio.sleep(random.uniform(0.01, 0.05))  # not to keep the servers from recovering
            except Uncertain:
                self._unknown.setdefault(path, []).append(value)
            else:
                now = anyio.current_time()
                self._longest = max(self._longest, now - last)
                last = now

    async def _write(self, store: Store, path: Path, value: Any) -> None:
        revision = await (store.delete(path) if value is NotGiven else store.set(path, value))
        self._count += 1
        self._progress.set()
        if revision > self._acknowledged.get(path, (0, None))[0]:
            self._acknowledged[path] = revision, value

    def _judge(self, final: dict[Path, Entry]) -> None:
        for path in self._acknowledged.keys() | self._unknown.keys() | final.keys():
            entry = final.get(path)
            if not self._accounts_for(path, entry):
                self.wrongs.append(f"{path} is {entry}; acknowledged was {self._acknowledged.get(path)}")
            value = entry.value if entry is not None else NotGiven
            self.wrongs += [
                f"a watch missed that {path} is {value!r}: it was told {viewer.state.get(path, NotGiven)!r}"
                for viewer in self._viewers
                if viewer.state.get(path, NotGiven) != value
            ]
        self.wrongs += [
            f"a watch was told {viewer.doubled} times what it knew" for viewer in self._viewers if viewer.doubled
        ]

    def _accounts_for(self, path: Path, entry: Entry | None) -> bool:
        """Whether the final state of a path is its last acknowledged write, or an unknown one after it."""
        revision, value = self._acknowledged.get(path, (0, NotGiven))
        unknown = self._unknown.get(path, [])
        if entry is None:
            return value is NotGiven or NotGiven in unknown
        if entry.revision == revision:
            return bool(entry.value == value)
        return entry.revision > revision and entry.value in unknown


class _Viewer:
    """Replays a watch, until it is told of the last path."""

    def __init__(self, store: Store, top: Path, last: Path) -> None:
        self.state: dict[Path, Any] = {}
        self.told = self.doubled = self.resyncs = 0
        self.done = anyio.Event()
        self._store, self._top, self._last = store, top, last
        self._latest: dict[Path, int] = {}

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        async with self._store.watch(self._top) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self._take(event)
                    if event.path == self._last:
                        self.done.set()
                        return
                self.resyncs += type(event).__name__ == "Resync"

    def _take(self, change: Change) -> None:
        self.told += 1
        self.doubled += change.revision <= self._latest.get(change.path, 0)
        self._latest[change.path] = change.revision
        self.state[change.path] = change.value
        if change.deleted:
            del self.state[change.path]


async def _persist(store: Store, path: Path) -> None:
    """Write the last entry, however often it takes; behind it comes nothing."""
    await anyio.sleep(1.5)  # what was unknown has landed by now, or will never
    while True:
        with suppress(Detached, Uncertain):
            await store.set(path, "end")
            return
        await anyio.sleep(0.05)
