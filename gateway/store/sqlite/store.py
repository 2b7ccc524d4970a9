"""The embedded store: one SQLite file, several processes.

Theory of operation
-------------------
1. Writes go to one thread that commits what is waiting (:mod:`~gateway.store.sqlite.commit`), reads to worker threads
   (:mod:`~gateway.store.sqlite.reader`); the feed brings each commit to the watches
   (:mod:`~gateway.store.sqlite.feed`).
2. Processes meet in the run directory: change notices, messages, lock files (:mod:`~gateway.store.sqlite.member`).
3. The link is detached while writes can't go through: the disk is full, the file is gone, or whoever is in the room is
   stopped. Then callers get ``Detached`` at once, and the store looks by itself whether it works again.
4. A forked child has no store: it lets go of the files, and every call there raises ``Detached``.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import anyio
import anyio.lowlevel
import anyio.to_thread

from gateway.abc import MAX_MESSAGE, MAX_VALUE, Lease, Store
from gateway.errors import Detached
from gateway.locations import Locations
from gateway.store.held_lease import HeldLease
from gateway.store.limits import check_key, packed
from gateway.store.link import LinkState
from gateway.store.sqlite.diagnosis import diagnose, free_bytes
from gateway.store.sqlite.engine import Engine
from gateway.store.sqlite.opening import open_file
from gateway.store.sqlite.operations import Write
from gateway.store.sqlite.place import MOUNTS
from gateway.store.sqlite.rows import Range
from gateway.store.sqlite.watching import Watch
from gateway.store.subscription import Subscription
from gateway.values import Entry, Link, NotGiven

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Sequence
    from random import Random
    from types import TracebackType

    from anyio.abc import TaskGroup

    from gateway.clock import Clock
    from gateway.doctor import Finding
    from gateway.locations import Writable
    from gateway.path import Path
    from gateway.store.sqlite.damage import DamageReport
    from gateway.values import Message, WatchEvent

#: How long a deletion is remembered for watches that resume, in s.
HORIZON = 24 * 3600.0


class SqliteStore(Store):
    """An open file. Several processes may have it open, and one process may have it open several times.

    Args:
        path: of the database file; made if it isn't there, with its parent directories.
        clock: for times of leases and waits.
        random: for ids.
        node: goes into the names of senders and leases.
        locations: writes below those of states, claims and presence overtake others.
        horizon: how long a deletion is remembered for watches that resume, in s.

    Entering it raises ``StoreUnusable`` when the file can't be used. ``damage`` says afterwards whether it was damaged
    and has been repaired.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock,
        random: Random,
        node: str = "",
        locations: Locations | None = None,
        horizon: float = HORIZON,
    ) -> None:
        self.id = ""
        self.name = ""
        self.damage: DamageReport | None = None
        self.clock = clock
        self.random = random
        self._path = path
        self._node = node
        where = locations or Locations()
        self._overtaking = tuple(f"{place.key}." for place in (where.states, where.claims, where.presence))
        self._horizon = horizon
        self._link = LinkState(clock)
        self._streams: dict[Watch | Subscription, None] = {}
        self._open: Engine | None = None

    @property
    def link(self) -> Link:
        return self._link.link

    async def wait_link(self, seen: Link) -> Link:
        return await self._link.wait(seen)

    @property
    def _engine(self) -> Engine:
        if self._open is None or self._open.forked:
            raise Detached(self._link.reason)
        return self._open

    async def get(self, path: Path) -> Entry:
        row = await self._engine.reader.row(path.key)
        return row.entry(path) if row else Entry(path, NotGiven, 0)

    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        return await self._write(path, packed(value, MAX_VALUE), revision, lease.id if lease else None)

    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        return await self._write(path, None, revision)

    async def _write(self, path: Path, value: bytes | None, revision: int | None, lease: str | None = None) -> int:
        check_key(path)
        urgent = path.key.startswith(self._overtaking)
        return await self._engine.writer.submit(Write(path, value, revision, lease), urgent=urgent)

    @asynccontextmanager
    async def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        engine = self._engine
        watch = Watch(
            engine.feed,
            engine.reader,
            engine.path_of,
            [Range(root.key, min_depth, max_depth) for root in (path, *more)],
        )
        self._streams[watch] = None
        try:
            if since is not None and since[0] != self.id:
                await watch.start(resync=f"changes of store {since[0]} are not known here")
            else:
                await watch.start(fetch=fetch, resume=since[1] if since else None)
            yield watch
        finally:
            watch.close()
            del self._streams[watch]

    def lease(self, ttl: float) -> Lease:
        lease_id = f"{self._engine.name}-{self.random.getrandbits(48):012x}"
        return HeldLease(self, self._engine.holder, lease_id, ttl)

    async def publish(self, topic: Path, value: Any) -> None:
        engine = self._engine
        check_key(topic)
        data = packed(value, MAX_MESSAGE)
        await anyio.lowlevel.checkpoint()
        number = engine.publisher.number(topic.key)
        engine.switchboard.deliver(engine.name, topic.key, number, data)
        engine.publisher.send(topic.key, number, data)

    @asynccontextmanager
    async def subscribe(self, topic: Path, *, queue: int = 1000) -> AsyncIterator[AsyncIterator[Message]]:
        engine = self._engine
        engine.listen()
        subscription = Subscription(queue)
        self._streams[subscription] = None
        engine.switchboard.add(topic, subscription)
        try:
            await anyio.lowlevel.checkpoint()
            yield subscription
        finally:
            engine.switchboard.remove(topic, subscription)
            del self._streams[subscription]

    async def diagnose(self, writes: Sequence[Writable] = ()) -> list[Finding]:
        file = self._engine.opened.file

        def look() -> list[Finding]:
            return list(diagnose(file, MOUNTS.read_text(), free_bytes(file.parent), self.damage))

        return await anyio.to_thread.run_sync(look)

    async def snapshot(self) -> bool:
        """Take a snapshot for a repair to fall back on, as happens once a day by itself; False: another is at it.

        Raises:
            StoreError: the file can't be read, or there is no room for the copy.
        """
        return await self._engine.snapshot()

    async def forget(self) -> int:
        """Forget deletions older than the horizon, as happens by itself; return how many."""
        return await self._engine.forget()

    async def __aenter__(self) -> Self:
        opened = await open_file(self._path, self.clock, self.random)
        engine = Engine(opened, self.clock, self.random, self._link, self._node, self._horizon)
        self.id, self.damage, self.name = opened.id, opened.damage, engine.name
        self._inner: TaskGroup = await anyio.create_task_group().__aenter__()
        self.tasks = await anyio.create_task_group().__aenter__()
        try:
            await self._inner.start(engine.run)
        except BaseException as error:
            await self._leave(engine, type(error), error, error.__traceback__)
            raise
        self._open = engine
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        engine, self._open = self._open, None
        self._link.set("detached", "the store has been closed")
        for stream in self._streams:
            stream.end()
        if engine is not None and not engine.forked:
            await self._leave(engine, kind, error, traceback)

    async def _leave(
        self,
        engine: Engine,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the tasks, then the engine; an error of the body leaves as it is, not within a group."""
        if not isinstance(error, anyio.get_cancelled_exc_class()):
            kind = error = traceback = None
        self.tasks.cancel_scope.cancel()
        try:
            await self.tasks.__aexit__(kind, error, traceback)
        finally:
            with anyio.CancelScope(shield=True):
                await engine.close()
            try:
                await self._inner.__aexit__(kind, error, traceback)
            finally:
                with anyio.CancelScope(shield=True):
                    await engine.release()
