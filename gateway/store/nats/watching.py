"""A watch on a subtree or several: what its consumer gets.

Theory of operation
-------------------
1. ``_stage`` holds what is fixed: a snapshot or a difference, with its ``Ready``. ``_pending`` holds the changes behind
   it, one for each path: a newer one takes the older one's place and moves to the end, so the order stays that of the
   revisions.
2. ``_known`` holds the revision that the consumer has of each path. It is updated when an event is handed out, so a
   difference is right at any moment. ``_staged`` holds the revisions of what is staged.
3. ``position`` is the sequence up to which everything is handed out, staged or pending: where the follower goes on
   after a break (:mod:`~gateway.store.nats.following`).
4. When too much is pending the watch is *behind*: it takes no more, until its consumer has taken all and asks for more;
   then the follower goes on from the position. So nothing is lost but values that were overwritten meanwhile.
5. A renewal changes nothing for whoever knows the content. For whoever doesn't, it is a change like any other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from gateway.errors import CodecError, Detached
from gateway.path import Path
from gateway.store.nats.records import Record
from gateway.values import Change, NotGiven, Ready, Resync

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from gateway.errors import StoreError
    from gateway.values import WatchEvent

#: Bounds of the changes that wait in memory, for each watch.
PENDING, PENDING_BYTES = 5000, 4 * 1024 * 1024
#: One of so many events lets other tasks run even if the next one is there already.
CHECKPOINT: Final = 32


class Watch:
    """The async iterator that ``NatsStore.watch`` gives. A cancelled ``anext`` loses nothing.

    Args:
        backlog: how many changes may be pending.
    """

    def __init__(
        self, roots: Sequence[str], min_depth: int, max_depth: int, log: logging.Logger, backlog: int = PENDING
    ) -> None:
        self.position = 0
        self.behind = False
        self.wanted = anyio.Event()  # set when the consumer of a watch that is behind asks for more
        self._roots = roots
        self._depths = min_depth, max_depth
        self._log = log
        self._backlog = backlog
        self._stage: deque[Record | Change | Ready | Resync] = deque()
        self._pending: dict[str, Record] = {}
        self._pending_bytes = 0
        self._known: dict[str, int] = {}
        self._staged: dict[str, int] = {}
        self._arrived = anyio.Event()
        self._failure: StoreError | None = None
        self._taken = 0

    def takes(self, key: str) -> bool:
        """Whether a key is within the depths below one of the roots; only keys below one are asked for."""
        least, most = self._depths
        if least <= 0 and most < 0:
            return True
        return any(
            least <= depth and (most < 0 or depth <= most)
            for depth in (_below(key, root) for root in self._roots)
            if depth >= 0
        )

    def begin(self, snapshot: Mapping[str, Record], upto: int, resync: str = "") -> None:
        """Stage a whole snapshot; the consumer knows nothing yet."""
        if resync:
            self._stage.append(Resync(resync))
        self._stage += _live(snapshot.values())
        self._ready(upto)

    def begin_at(self, snapshot: Mapping[str, Record], since: int, upto: int, *, tell: bool) -> None:
        """The consumer knows everything up to ``since``.

        Args:
            tell: stage what came after it; else that counts as changes behind ``Ready``.
        """
        later = sorted((one for one in snapshot.values() if one.sequence > since), key=lambda one: one.sequence)
        # what has been deleted since may have been there before
        self._known = {one.key: min(one.revision, since) for one in snapshot.values()}
        for one in snapshot.values():
            if one.data is None and one.sequence <= since:
                del self._known[one.key]
        if tell:
            self._stage += [one for one in later if one.revision > since]
            self._ready(max(since, upto))
            return
        self._ready(since)
        for one in later:
            self.offer(one)

    def resync(self, reason: str, snapshot: Mapping[str, Record], upto: int) -> None:
        """Stage the difference between what the consumer knows and what there is."""
        live = {one.key: one for one in _live(snapshot.values())}
        changed: list[Record | Change] = [one for key, one in live.items() if self._known.get(key, 0) < one.revision]
        for key in self._known.keys() - live.keys():
            marker = snapshot.get(key)
            revision = max(marker.sequence if marker else upto, self._known[key] + 1)
            changed.append(Change(Path.from_key(key), NotGiven, revision))
        self._pending.clear()
        self._pending_bytes = 0
        self._stage = deque([Resync(reason), *sorted(changed, key=_key)])
        self._ready(upto)

    def _ready(self, revision: int) -> None:
        self._staged = {item.key: item.revision for item in self._stage if isinstance(item, Record)}
        self._stage.append(Ready(revision))
        self.position = revision
        self._arrived.set()

    def offer(self, record: Record) -> None:
        """Take the next change."""
        if self.behind:
            return
        self.position = record.sequence
        old = self._pending.get(record.key)
        known = old.revision if old is not None else self._staged.get(record.key) or self._known.get(record.key, 0)
        if record.renewed and known >= record.revision:
            return
        self._pending.pop(record.key, None)
        self._pending[record.key] = record
        self._pending_bytes += _size(record) - (_size(old) if old else 0)
        if len(self._pending) > self._backlog or self._pending_bytes > PENDING_BYTES:
            self.behind = True
            self.wanted = anyio.Event()
        self._arrived.set()

    def fail(self, error: StoreError) -> None:
        """Nothing comes any more: the consumer gets the error."""
        self._failure = self._failure or error
        self._arrived.set()

    def end(self) -> None:
        self.fail(Detached("the store has been closed"))

    def __aiter__(self) -> AsyncIterator[WatchEvent]:
        return self

    async def __anext__(self) -> WatchEvent:
        self._taken += 1
        if self._taken % CHECKPOINT:
            await anyio.lowlevel.checkpoint_if_cancelled()
        else:
            await anyio.lowlevel.checkpoint()
        while True:
            if self._failure is not None:
                raise self._failure
            if (event := self._next()) is not None:
                return event
            self.wanted.set()
            self._arrived = anyio.Event()
            await self._arrived.wait()

    def _next(self) -> WatchEvent | None:
        while self._stage:
            item = self._stage.popleft()
            if isinstance(item, Ready | Resync):
                return item
            if (told := self._told(item, item.revision)) is not None:
                return told
        while self._pending:
            record = self._pending.pop(next(iter(self._pending)))
            self._pending_bytes -= _size(record)
            if (told := self._told(record, record.sequence)) is not None:
                return told
        return None

    def _told(self, item: Record | Change, revision: int) -> Change | None:
        """One change as the consumer gets it; None for what somebody else has put there and can't be read."""
        if isinstance(item, Change):
            self._known.pop(item.path.key, None)
            return item
        self._staged.pop(item.key, None)
        if item.data is None:
            self._known.pop(item.key, None)
        else:
            self._known[item.key] = revision
        try:
            return Change(Path.from_key(item.key), item.decoded(), revision)
        except (CodecError, ValueError) as error:
            self._log.warning("passing over %s in the bucket, which was not written by busgate: %s", item.key, error)
            return None


def _live(records: Iterable[Record]) -> list[Record]:
    """Those that are there, depth-first: the order of keys."""
    return sorted((one for one in records if one.data is not None), key=lambda one: one.key)


def _key(item: Record | Change) -> str:
    return item.path.key if isinstance(item, Change) else item.key


def _size(record: Record) -> int:
    return len(record.data or b"")


def _below(key: str, root: str) -> int:
    """How many elements a key has below a root; -1: it isn't below it."""
    if not root:
        return key.count(".") + 1 if key else 0
    if key == root:
        return 0
    return key.count(".") - root.count(".") if key.startswith(root + ".") else -1
