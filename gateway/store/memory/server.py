"""What the connections to one memory store share.

Theory of operation
-------------------
1. All methods are synchronous: each takes effect as a whole.
2. A record is the newest write of a path, a deletion (a *tombstone*) included. Values are bytes, so nobody can change
   what another holds.
3. Every write gets the next revision and is offered at once to the watches of its path and of each path above.
4. Tombstones are kept until there are too many; ``floor`` is the revision of the newest one dropped. Who knows
   everything up to ``floor`` or later can resume; who knows less may have missed a deletion.
5. The server's time is the event loop's. A lease runs out ``ttl`` after its last renewal has *arrived*, so never
   before its holder believes, who counts from sending it. A foreign write to an entry ends the lease it is bound to.
"""

from __future__ import annotations

import itertools
import math
import random as random_module
from bisect import bisect_left, insort
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from gateway import codec
from gateway.errors import Conflict, Denied
from gateway.values import Change, Entry, NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

    from gateway.path import Path
    from gateway.values import Message


@dataclass(frozen=True, slots=True)
class Record:
    """The newest write of one path; ``data`` is None for a tombstone."""

    path: Path
    data: bytes | None
    revision: int
    lease: str | None = None

    @property
    def value(self) -> Any:
        return NotGiven if self.data is None else codec.decode(self.data)

    def entry(self) -> Entry:
        return Entry(self.path, self.value, 0 if self.data is None else self.revision)

    def change(self) -> Change:
        return Change(self.path, self.value, self.revision)


class Watcher(Protocol):
    """Gets each record at or below one of its roots; ``depth`` is counted from that root."""

    def offer(self, record: Record, depth: int) -> None: ...


class Subscriber(Protocol):
    """Gets each message at or below its topic."""

    def receive(self, message: Message) -> None: ...


@dataclass(slots=True)
class _Grant:
    """A lease as the server sees it."""

    holder: str
    ttl: float
    expires: float  # time of the event loop
    keys: dict[str, None] = field(default_factory=dict)


class MemoryServer:
    """Shared by any number of :class:`~gateway.store.memory.MemoryStore` in one event loop.

    Args:
        random: where the id of the store comes from; default: freshly seeded.
        tombstones: how many deletions are remembered for watches that resume.
        backlog: how many changes may wait in one watch before it is resynchronised.
    """

    def __init__(self, random: Random | None = None, *, tombstones: int = 10_000, backlog: int = 10_000) -> None:
        self.id = f"memory-{(random or random_module.Random()).getrandbits(64):016x}"
        self.backlog = backlog
        self.revision = 0
        self.floor = 0
        self._limit = tombstones
        self._keys: list[str] = []  # of all records, sorted: depth-first
        self._records: dict[str, Record] = {}
        self._previous: dict[str, Record] = {}
        self._tombstones: dict[str, int] = {}  # in the order of their revisions
        self._leases: dict[str, _Grant] = {}
        self._late: list[tuple[float, int, Callable[[], object]]] = []  # a heap: when, number, what
        self._numbers = itertools.count()
        self._stirred = anyio.Event()
        self._watchers: dict[str, dict[Watcher, None]] = {}
        self._subscribers: dict[str, dict[Subscriber, None]] = {}

    def read(self, path: Path) -> Record:
        return self._records.get(path.key) or Record(path, None, 0)

    def read_previous(self, path: Path) -> Record:
        """What :meth:`read` gave before the last write of this path."""
        return self._previous.get(path.key) or Record(path, None, 0)

    def write(
        self, path: Path, data: bytes | None, *, writer: str, revision: int | None = None, lease: str | None = None
    ) -> int:
        """Set or, with no ``data``, delete one entry; return the revision, 0 when there was nothing to delete.

        Raises:
            Conflict: ``revision`` is given and the entry has another one.
            Denied: the lease is not held.
        """
        current = self.read(path)
        if lease is not None and lease not in self._leases:
            raise Denied(f"lease {lease} has run out or was never entered: nothing can be bound to it")
        if revision is not None and revision != current.entry().revision:
            raise Conflict(path, revision, current.entry())
        if data is None and current.data is None:
            return 0
        self._unbind(current, writer)
        return self._put(path, data, lease)

    def _put(self, path: Path, data: bytes | None, lease: str | None = None) -> int:
        key = path.key
        self.revision += 1
        record = Record(path, data, self.revision, lease)
        if key in self._records:
            self._previous[key] = self._records[key]
        else:
            insort(self._keys, key)
        self._records[key] = record
        if lease is not None:
            self._leases[lease].keys[key] = None
        self._bury(key, record)
        for root, depth in _roots(key):
            for watcher in self._watchers.get(root, ()):
                watcher.offer(record, depth)
        return record.revision

    def _bury(self, key: str, record: Record) -> None:
        """Remember a tombstone, and drop the oldest when there are too many."""
        self._tombstones.pop(key, None)
        if record.data is None:
            self._tombstones[key] = record.revision
        if len(self._tombstones) > self._limit:
            oldest = next(iter(self._tombstones))
            self.floor = self._tombstones.pop(oldest)
            del self._records[oldest]
            self._previous.pop(oldest, None)
            del self._keys[bisect_left(self._keys, oldest)]

    def select(self, roots: Iterable[str], min_depth: int, max_depth: int) -> list[Record]:
        """All records, tombstones included, in these depths below one of the roots; depth-first, each once."""
        found: set[str] = set()
        for root in roots:
            for key in self._below(root):
                if in_depth(_depth(key) - _depth(root), min_depth, max_depth):
                    found.add(key)
        return [self._records[key] for key in sorted(found)]

    def _below(self, root: str) -> Iterator[str]:
        if not root:
            yield from self._keys
            return
        if root in self._records:
            yield root
        # "/" is the character after ".", which separates the elements of a key
        yield from self._keys[bisect_left(self._keys, root + ".") : bisect_left(self._keys, root + "/")]

    def watch(self, roots: Iterable[str], watcher: Watcher) -> None:
        for root in roots:
            self._watchers.setdefault(root, {})[watcher] = None

    def unwatch(self, roots: Iterable[str], watcher: Watcher) -> None:
        for root in roots:
            _forget(self._watchers, root, watcher)

    def grant(self, lease: str, holder: str, ttl: float) -> None:
        self._leases[lease] = _Grant(holder, ttl, anyio.current_time() + ttl)
        self._stir()

    def renew(self, lease: str) -> bool:
        """Whether the lease is still there; if so it lasts for another ``ttl`` from now."""
        grant = self._leases.get(lease)
        if grant is not None:
            grant.expires = anyio.current_time() + grant.ttl
        return grant is not None

    def end(self, lease: str) -> None:
        """Delete what is bound to a lease, and the lease."""
        grant = self._leases.pop(lease, None)
        for key in grant.keys if grant else ():
            self._put(self._records[key].path, None)

    def expire_all(self) -> None:
        """Let every lease run out now, as after a long loss of the whole cluster."""
        for lease in list(self._leases):
            self.end(lease)

    def receive_later(self, operation: Callable[[], object], delay: float) -> None:
        """Do something when so many seconds have passed, whoever is still there to hear of it."""
        heappush(self._late, (anyio.current_time() + delay, next(self._numbers), operation))
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        self._stirred = anyio.Event()

    async def run_expiry(self) -> None:
        """Let leases run out and late writes arrive in their time; every connection runs it, so somebody does."""
        while True:
            with anyio.move_on_after(self._work()):
                await self._stirred.wait()

    def _work(self) -> float:
        """Do what is due; return the seconds until there is more to do."""
        now = anyio.current_time()
        while self._late and self._late[0][0] <= now:
            with suppress(Conflict, Denied):
                heappop(self._late)[-1]()
        for lease in [lease for lease, grant in self._leases.items() if grant.expires <= now]:
            self.end(lease)
        moments = [grant.expires for grant in self._leases.values()] + [moment for moment, *_ in self._late[:1]]
        return min(moments, default=math.inf) - now

    def _unbind(self, record: Record, writer: str) -> None:
        grant = self._leases.get(record.lease or "")
        if grant is not None and record.data is not None:
            grant.keys.pop(record.path.key, None)
            if grant.holder != writer and record.lease:
                self.end(record.lease)

    def publish(self, message: Message) -> None:
        for root, _ in _roots(message.topic.key):
            for subscriber in self._subscribers.get(root, ()):
                subscriber.receive(message)

    def subscribe(self, topic: Path, subscriber: Subscriber) -> None:
        self._subscribers.setdefault(topic.key, {})[subscriber] = None

    def unsubscribe(self, topic: Path, subscriber: Subscriber) -> None:
        _forget(self._subscribers, topic.key, subscriber)


def in_depth(depth: int, min_depth: int, max_depth: int) -> bool:
    """Whether a depth is within the bounds; a negative ``max_depth`` is no bound."""
    return min_depth <= depth and (max_depth < 0 or depth <= max_depth)


def _depth(key: str) -> int:
    return key.count(".") + 1 if key else 0


def _roots(key: str) -> Iterator[tuple[str, int]]:
    """The key of each path above this one and its own, with the depth of this one below it."""
    parts = key.split(".") if key else []
    for count in range(len(parts) + 1):
        yield ".".join(parts[:count]), len(parts) - count


def _forget(listeners: dict[str, dict[Any, None]], root: str, listener: object) -> None:
    here = listeners.get(root, {})
    here.pop(listener, None)
    if not here:
        listeners.pop(root, None)
