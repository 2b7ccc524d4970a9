"""A watch on a memory store.

Theory of operation
-------------------
1. ``_queue`` holds what is fixed: the snapshot or the difference, and ``Ready``. ``_pending`` holds the changes behind
   it, one for each path: a newer one takes the older one's place and moves to the end, so the order stays that of the
   revisions and the size is bounded.
2. ``_known`` is what the consumer knows, by key: what has been delivered, or what it knew when it came. It is updated
   when an event is handed out, so a difference is right at any moment.
3. While the connection is broken nothing is offered. Afterwards the records newer than the break are offered again;
   when tombstones may be missing, or too much is pending, the consumer gets ``Resync`` and the difference.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from gateway.errors import Detached
from gateway.path import Path
from gateway.store.memory.server import Record, in_depth
from gateway.values import Ready, Resync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gateway.store.memory.faults import Faults
    from gateway.store.memory.server import MemoryServer
    from gateway.values import WatchEvent


class MemoryWatch:
    """The async iterator that :meth:`MemoryStore.watch` gives. A cancelled ``anext`` loses nothing."""

    def __init__(
        self, server: MemoryServer, paths: Sequence[Path], min_depth: int, max_depth: int, faults: Faults
    ) -> None:
        self._server = server
        self._roots = [path.key for path in paths]
        self._depths = min_depth, max_depth
        self._faults = faults
        self._queue: deque[Record | Ready | Resync] = deque()
        self._pending: dict[str, Record] = {}
        self._known: dict[str, int] = {}
        self._arrived = anyio.Event()
        self._connected = True
        self._broken_at = 0
        self._overrun = False
        self._closed = False

    def start(self, fetch: bool, since: tuple[str, int] | None) -> None:
        """Fill the queue with what the caller doesn't know yet, and begin to listen."""
        records = self._select()
        if since is not None:
            self._start_since(records, *since)
        elif fetch:
            self._queue += _live(records)
        else:
            self._known = {record.path.key: record.revision for record in _live(records)}
        self._queue.append(Ready(self._server.revision))
        self._server.watch(self._roots, self)

    def _start_since(self, records: list[Record], store_id: str, since: int) -> None:
        if store_id != self._server.id or not self._server.floor <= since <= self._server.revision:
            self._queue += [Resync(f"changes since {since} of {store_id} are not known here"), *_live(records)]
            return
        self._queue += _newer(records, since)
        # what has been deleted since may have been there before: known, at some older revision
        self._known = {
            record.path.key: min(record.revision, since)
            for record in records
            if record.data is not None or record.revision > since
        }

    def offer(self, record: Record, depth: int) -> None:
        if not in_depth(depth, *self._depths) or self._overrun:
            return
        self._pending.pop(record.path.key, None)
        self._pending[record.path.key] = record
        self._overrun = len(self._pending) > self._server.backlog
        self._arrived.set()

    def disconnect(self) -> None:
        self._server.unwatch(self._roots, self)
        self._connected = False
        self._broken_at = self._server.revision

    def reconnect(self, reason: str) -> None:
        """Go on after a break: from where it was, or with the difference when ``reason`` is given."""
        if self._broken_at < self._server.floor:
            reason = reason or "the break was so long that deletions may have been forgotten"
        self._connected = True
        if reason:
            self._resync(reason)
        elif not self._overrun:
            for record in _newer(self._select(), self._broken_at):
                self.offer(record, self._depths[0])
        self._server.watch(self._roots, self)

    def end(self) -> None:
        self._server.unwatch(self._roots, self)
        self._closed = True
        self._arrived.set()

    def _select(self) -> list[Record]:
        return self._server.select(self._roots, *self._depths)

    def _resync(self, reason: str) -> None:
        self._pending.clear()
        self._overrun = False
        self._queue = deque([Resync(reason), *self._difference(), Ready(self._server.revision)])
        self._arrived.set()

    def _difference(self) -> list[Record]:
        """What has changed against what the consumer knows; a forgotten deletion gets the newest revision."""
        now = {record.path.key: record for record in self._select()}
        gone = [Record(Path.from_key(key), None, self._server.revision) for key in self._known if key not in now]
        changed = [
            record
            for key, record in now.items()
            if (key in self._known or record.data is not None) and self._known.get(key) != record.revision
        ]
        return sorted([*changed, *gone], key=lambda record: record.path)

    def __aiter__(self) -> AsyncIterator[WatchEvent]:
        return self

    async def __anext__(self) -> WatchEvent:
        await anyio.lowlevel.checkpoint()
        while (event := self._next()) is None:
            self._arrived = anyio.Event()
            await self._arrived.wait()
            if self._faults.lag > 0:
                await anyio.sleep(self._faults.lag)
        return event

    def _next(self) -> WatchEvent | None:
        if self._closed:
            raise Detached("the watch is closed")
        if self._overrun and self._connected:
            self._resync(f"more than {self._server.backlog} changes were waiting")
        if self._queue:
            item = self._queue.popleft()
        elif self._pending:
            item = self._pending.pop(next(iter(self._pending)))
        else:
            return None
        return self._told(item) if isinstance(item, Record) else item

    def _told(self, record: Record) -> WatchEvent:
        if record.data is None:
            self._known.pop(record.path.key, None)
        else:
            self._known[record.path.key] = record.revision
        return record.change()


def _live(records: list[Record]) -> list[Record]:
    return [record for record in records if record.data is not None]


def _newer(records: list[Record], revision: int) -> list[Record]:
    """Those after a revision, in the order of revisions."""
    return sorted((record for record in records if record.revision > revision), key=lambda record: record.revision)
