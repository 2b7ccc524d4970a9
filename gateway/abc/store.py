"""The contract of a store and its leases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Self

from gateway.errors import Conflict, Uncertain
from gateway.values import Change, Entry, NotGiven, Ready

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import anyio
    from anyio.abc import TaskGroup

    from gateway.clock import Clock
    from gateway.doctor import Finding
    from gateway.locations import Writable
    from gateway.path import Path
    from gateway.values import Link, Message, WatchEvent


#: Largest packed value, in bytes, that ``Store.set`` takes.
MAX_VALUE: Final = 512 * 1024
#: Largest path, in bytes of its key.
MAX_KEY: Final = 1024
#: Largest packed value, in bytes, that ``Store.publish`` takes.
MAX_MESSAGE: Final = 64 * 1024
#: Of a store of one machine: how long a node's lease lasts, and how long before its end runs are ended, in s.
LEASE_TTL: Final = 3.0
LEASE_MARGIN: Final = 0.5


class Lease(ABC):
    """Entries bound to it vanish after its holder stops renewing. It renews itself while it is open.

    An async context manager: leaving it deletes what is bound to it.
    """

    id: str
    ttl: float  # seconds

    @property
    @abstractmethod
    def expires(self) -> float:
        """``clock.lease_now()`` when the last acknowledged renewal was sent, plus ``ttl``. Callable from any thread."""

    @property
    @abstractmethod
    def lost(self) -> anyio.Event:
        """Set when the lease has run out or its entries were found gone; it never comes back."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Store(ABC):
    """A tree of values that all nodes share. Every write gets a revision, which rises over the whole store.

    An async context manager that owns a task group, ``tasks``: whatever is started there ends when the store is closed.
    An error of its block leaves as it is, not within a group. Values are what :mod:`gateway.codec` packs.
    ``Detached`` may come from every call, and comes from each one after closing.
    """

    #: Seconds that a node's lease lasts here without renewal: longer than the store itself may be out of order.
    lease_ttl: float = LEASE_TTL
    #: Seconds before the end of that lease at which the node ends what it does under it.
    lease_margin: float = LEASE_MARGIN

    id: str
    clock: Clock
    random: random.Random
    tasks: TaskGroup

    @property
    @abstractmethod
    def link(self) -> Link: ...

    @abstractmethod
    async def wait_link(self, seen: Link) -> Link:
        """Wait until the link's state differs from that of ``seen``, and return it."""

    @abstractmethod
    async def get(self, path: Path) -> Entry:
        """Read one entry. It may be stale, though never older than this client's own acknowledged writes."""

    @abstractmethod
    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        """Write one entry and return its revision.

        Args:
            revision: compare and set: the entry must have this revision; 0: it must be absent. None: unconditional.
            lease: the entry vanishes with it.

        Raises:
            Conflict: the entry has another revision. Of several concurrent calls with one revision, one succeeds.
            CodecError, LimitExceeded: the value or the path can't be stored; nothing was written.
            Uncertain: unknown whether it was written.
            Denied: this user may not, or the lease is not held any more.
        """

    @abstractmethod
    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        """Delete one entry; return the revision of the deletion, 0 when there was none and no revision was asked for.

        Raises: as :meth:`set`.
        """

    async def update(self, path: Path, function: Callable[[Any], Any], *, idempotent: bool = False) -> int:
        """Set the entry to ``function(its value)``, again after each ``Conflict``, with jitter; return the revision.

        ``function`` gets ``NotGiven`` for an absent entry; when it returns ``NotGiven`` the entry is deleted.
        After ``Uncertain`` it tries again only when ``idempotent``: then the change may be applied twice.
        """
        entry = await self.get(path)
        while True:
            value = function(entry.value)
            try:
                if value is NotGiven:
                    return await self.delete(path, revision=entry.revision) if entry.revision else 0
                return await self.set(path, value, revision=entry.revision)
            except Conflict as conflict:
                await self.clock.sleep(self.random.uniform(0, 0.01))
                entry = conflict.current or await self.get(path)
            except Uncertain:
                if not idempotent:
                    raise
                entry = await self.get(path)

    @abstractmethod
    def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Watch one or several subtrees, in one revision order.

        Delivers the snapshot depth-first (a parent, then its subtree; siblings in key order), then ``Ready``, then
        changes in revision order. For each path revisions rise, nothing comes twice, and the last value or deletion
        always arrives; values overwritten meanwhile may be missing. Renewals of a lease are not delivered.
        After a break the watch goes on by itself: from where it was, or with ``Resync``, the difference, ``Ready``.
        A cancelled ``anext`` loses nothing: the next one goes on.

        Args:
            fetch: False: no snapshot; ``Ready`` comes first, then what changes after entering.
            min_depth, max_depth: number of elements below the watched path; -1: no limit.
            since: (``store.id``, revision) up to which the caller knows everything. It replaces the snapshot by the
                changes after that revision. Another id, or a revision that the store can't continue from, gives
                ``Resync`` first and then the whole snapshot: what the caller knew is void.
        """

    async def tree(self, path: Path, *, min_depth: int = 0, max_depth: int = -1) -> AsyncIterator[Entry]:
        """Iterate over a snapshot of a subtree, depth-first."""
        async with self.watch(path, min_depth=min_depth, max_depth=max_depth) as events:
            async for event in events:
                if isinstance(event, Ready):
                    return
                if isinstance(event, Change) and not event.deleted:
                    yield Entry(event.path, event.value, event.revision)

    @abstractmethod
    def lease(self, ttl: float) -> Lease:
        """A lease of ``ttl`` seconds; to be entered with ``async with``."""

    @abstractmethod
    async def publish(self, topic: Path, value: Any) -> None:
        """Send a value to whoever subscribes now: at most once, in order for each sender.

        Raises:
            CodecError, LimitExceeded: the value can't be sent.
        """

    @abstractmethod
    def subscribe(self, topic: Path, *, queue: int = 1000) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Receive what is published at a topic and below it, from entering on.

        A slow subscriber loses the oldest messages beyond ``queue``; the next one says how many (``missed``).
        """

    async def diagnose(self, writes: Sequence[Writable] = ()) -> list[Finding]:
        """What this backend knows of its own health, for ``busgate doctor``; called while the store is open.

        A backend looks at what only it can see: its files and its disk, or the versions, replicas, settings, clocks
        and permissions of its servers. Findings have the check ``store``. That the store can be opened, read and
        written is checked by the doctor, and what entering it raises is told by the doctor, so that its text should
        say what to do.

        Args:
            writes: what the node has to write; a backend that may forbid it says what it does forbid.

        Raises:
            StoreError: a part of it can't be asked. The doctor tells of that; the findings so far are lost, so a
                backend rather makes a finding of it.
        """
        return []

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
