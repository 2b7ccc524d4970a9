"""A watch on a subtree or several.

Theory of operation
-------------------
1. ``_stage`` holds what is fixed: a snapshot or a difference, with its ``Ready``. ``_queue`` holds the changes behind
   it, as the feed offers them. Both hold undecoded rows.
2. The queue is bounded. When it would overflow it is dropped and the watch is *behind*: it reads the changes after
   its position from the table, a page whenever its consumer asks. It stops being behind when a page ends where the
   feed is or later: then nothing can fall between.
3. ``_seen`` is the revision up to which everything is delivered, staged or queued; an older row that is offered is
   dropped. So the order of registering and reading doesn't matter.
4. ``_known`` holds the keys that the consumer knows. It is needed only for a difference: when deletions after the
   watch's position have been forgotten, known keys that are no longer there were deleted.
5. A snapshot is read in one transaction: at once as far as it fits into ``STAGED_BYTES``, the rest as the consumer
   asks, on a connection of its own.
"""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from gateway.errors import Detached
from gateway.store.sqlite.rows import Row
from gateway.values import Change, Ready, Resync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from gateway.path import Path
    from gateway.store.sqlite.feed import Feed
    from gateway.store.sqlite.reader import Reader, Snapshot
    from gateway.store.sqlite.rows import Range
    from gateway.values import WatchEvent

#: Bounds of the changes that wait in memory, for each watch.
QUEUED, QUEUED_BYTES = 5000, 4 * 1024 * 1024
#: Rows of the table that a watch which is behind reads at once.
PAGE = 1000
#: One of so many events lets other tasks run even if the next one is there already.
CHECKPOINT = 32


class Watch:
    """The async iterator that :meth:`SqliteStore.watch` gives. A cancelled ``anext`` loses nothing."""

    def __init__(self, feed: Feed, reader: Reader, path_of: Callable[[str], Path], ranges: Sequence[Range]) -> None:
        self._feed = feed
        self._reader = reader
        self._path_of = path_of
        self._ranges = ranges
        self._roots = [part.root for part in ranges]
        self._stage: deque[Row | Ready | Resync] = deque()
        self._snapshot: Snapshot | None = None
        self._queue: deque[Row] = deque()
        self._queued_bytes = 0
        self._behind = False
        self._seen = 0
        self._known: set[str] = set()
        self._arrived = anyio.Event()
        self._closed = False
        self._taken = 0

    async def start(self, *, fetch: bool = True, resume: int | None = None, resync: str = "") -> None:
        """Begin to listen, and stage what the caller doesn't know yet.

        Args:
            resume: the revision from which to go on instead of a snapshot.
            resync: why a snapshot comes in place of what was asked for.
        """
        self._feed.attach(self._roots, self)
        if resync:
            self._stage.append(Resync(resync))
        if resume is not None:
            await self._resume(resume)
        elif fetch or resync:
            await self._fetch()
        else:
            self._seen, self._known = await self._reader.keys(self._ranges)
            self._stage.append(Ready(self._seen))
        self._drop_seen()

    async def _resume(self, revision: int) -> None:
        rows, state, self._known = await self._reader.since(self._ranges, revision)
        if not state.floor <= revision <= state.revision:
            self._stage.append(Resync(f"changes since revision {revision} are not known here"))
            await self._fetch()
            return
        self._seen = state.revision
        self._stage += rows
        self._stage.append(Ready(self._seen))

    async def _fetch(self) -> None:
        snapshot = self._snapshot = await self._reader.snapshot(self._ranges)
        self._seen = snapshot.revision
        self._known = set()
        await self._stage_more(snapshot)

    async def _stage_more(self, snapshot: Snapshot) -> None:
        rows, finished = await self._reader.more(snapshot)
        self._stage += rows
        if finished:
            self._stage.append(Ready(snapshot.revision))
            self._snapshot = None

    def _drop_seen(self) -> None:
        while self._queue and self._queue[0].revision <= self._seen:
            self._queued_bytes -= len(self._queue.popleft().value or b"")

    def close(self) -> None:
        self._feed.detach(self._roots, self)
        if self._snapshot is not None:
            self._reader.discard(self._snapshot)
        self.end()

    def end(self) -> None:
        """Nothing comes any more: the consumer gets ``Detached``."""
        self._closed = True
        self._arrived.set()

    def offer(self, row: Row) -> None:
        if self._behind or row.revision <= self._seen or not any(self._takes(row.key)):
            if self._behind:
                self._arrived.set()
            return
        if self._queue and self._queue[-1].revision >= row.revision:
            return  # offered already, for another of the roots
        self._queue.append(row)
        self._queued_bytes += len(row.value or b"")
        if len(self._queue) > QUEUED or self._queued_bytes > QUEUED_BYTES:
            self._fall_behind()
        self._arrived.set()

    def _takes(self, key: str) -> Iterable[bool]:
        return (
            part.takes(key) and (not part.root or key == part.root or key.startswith(part.root + "."))
            for part in self._ranges
        )

    def _fall_behind(self) -> None:
        self._seen = self._queue[0].revision - 1
        self._queue.clear()
        self._queued_bytes = 0
        self._behind = True

    def __aiter__(self) -> AsyncIterator[WatchEvent]:
        return self

    async def __anext__(self) -> WatchEvent:
        self._taken += 1
        if self._taken % CHECKPOINT:
            await anyio.lowlevel.checkpoint_if_cancelled()
        else:
            await anyio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise Detached("the store has been closed")
            if (event := self._next()) is not None:
                return event
            if self._snapshot is not None:
                await self._stage_more(self._snapshot)
            elif self._behind:
                await self._refill()
            else:
                self._arrived = anyio.Event()
                await self._arrived.wait()

    def _next(self) -> WatchEvent | None:
        if self._stage:
            item = self._stage.popleft()
            return self._told(item) if isinstance(item, Row) else item
        if self._queue and self._snapshot is None:
            row = self._queue.popleft()
            self._queued_bytes -= len(row.value or b"")
            self._seen = max(self._seen, row.revision)
            return self._told(row)
        return None

    def _told(self, row: Row) -> Change:
        change = Change(self._path_of(row.key), row.decoded(), row.revision)
        if row.value is None:
            self._known.discard(row.key)
        else:
            self._known.add(row.key)
        return change

    async def _refill(self) -> None:
        """Read on in the table, as far as one page goes."""
        page = await self._reader.page(self._seen, PAGE, self._ranges)
        if self._seen < page.state.floor:
            await self._resync(f"deletions up to revision {page.state.floor} have been forgotten")
            return
        self._stage += page.rows
        self._seen = page.upto
        self._behind = self._feed.position > page.upto

    async def _resync(self, reason: str) -> None:
        """Stage the difference between what the consumer knows and what there is now."""
        rows, present, revision = await self._reader.difference(self._ranges, self._seen)
        gone = [Row(revision, key, None) for key in self._known - present]
        self._stage.append(Resync(reason))
        self._stage += sorted([*rows, *gone], key=attrgetter("key"))
        self._stage.append(Ready(revision))
        self._seen = revision
        self._behind = self._feed.position > revision
