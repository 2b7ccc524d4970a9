"""Leases: each bound entry has a time to live at the servers, and is written anew before it is over.

Theory of operation
-------------------
1. The servers know no leases, only the time to live of a message (header ``Nats-TTL``, whole seconds, so it is rounded
   up). A lease is what its holder makes of it: all entries bound to it are renewed together, each by compare-and-set
   on its newest message. The lease is prolonged only when all of that was acknowledged.
2. A renewal that is refused tells that somebody else has written or deleted the entry, or that it has run out: the
   lease is lost. Unless it shows the lease's own mark: then an unacknowledged write of this holder had landed. A
   refusal that isn't final (:mod:`~gateway.store.nats.entries`), or an older state than it tells of, says nothing.
3. Own writes to a bound entry and its renewal take turns, lest one be taken for somebody else's.
4. When a lease ends, its entries are deleted by compare-and-set, so nobody else's is. What can't be deleted runs out.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

from gateway.errors import Conflict, Denied, StoreError, Uncertain
from gateway.store.nats.entries import Refused
from gateway.store.nats.records import LEASE, REVISION, TTL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.abc import Lease
    from gateway.path import Path
    from gateway.store.nats.connection import Connection
    from gateway.store.nats.entries import Entries

#: Seconds that all deletions have when a lease is left.
RELEASE_TIMEOUT: Final = 2.0


@dataclass(eq=False, slots=True)
class _Bound:
    """An entry as its holder knows it; ``sequence`` 0: a write got no answer, it may or may not be there."""

    path: Path
    data: bytes
    sequence: int
    revision: int


@dataclass(slots=True)
class _Held:
    id: str
    ttl: float
    bound: dict[str, _Bound] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {LEASE: self.id, TTL: f"{max(1, math.ceil(self.ttl))}s"}


class Leases:
    """The leases of one store; grants and renews them for :class:`~gateway.store.held_lease.HeldLease`."""

    def __init__(self, connection: Connection, entries: Entries) -> None:
        self._connection = connection
        self._entries = entries
        self._held: dict[str, _Held] = {}
        self._locks: dict[str, anyio.Lock] = {}  # of entries that are or were bound

    async def grant(self, lease: Lease) -> None:
        await anyio.lowlevel.checkpoint()
        self._connection.session()
        self._held[lease.id] = _Held(lease.id, lease.ttl)

    async def renew(self, lease: Lease) -> bool:
        held = self._held.get(lease.id)
        if held is None:
            return False
        self._connection.session()
        outcomes: list[bool | StoreError] = []

        async def renew(bound: _Bound) -> None:
            try:
                outcomes.append(await self._renew(held, bound))
            except StoreError as error:
                outcomes.append(error)

        async with anyio.create_task_group() as tasks:
            for bound in list(held.bound.values()):
                tasks.start_soon(renew, bound)
        for outcome in outcomes:
            if isinstance(outcome, StoreError):
                raise outcome
        return all(outcomes)

    async def _renew(self, held: _Held, bound: _Bound) -> bool:
        """Whether the entry is still there, and ours."""
        async with self._lock(bound.path.key):
            newest = 0
            for _ in range(2):
                if held.bound.get(bound.path.key) is not bound:
                    return True  # it has been unbound meanwhile
                if bound.sequence:
                    try:
                        headers = held.headers | {REVISION: str(bound.revision)}
                        bound.sequence = await self._entries.replace(
                            bound.path, bound.data, headers, bound.sequence, bound.revision
                        )
                        return True
                    except Refused as refused:
                        if not refused.final:
                            raise Uncertain(f"{bound.path} may or may not have been renewed") from refused
                        newest = refused.last or 0
                        await anyio.lowlevel.checkpoint()
                if not await self._adopt(held, bound, newest):
                    return False
        return held.bound.get(bound.path.key) is not bound

    async def _adopt(self, held: _Held, bound: _Bound, newest: int = 0) -> bool:
        """Take over what is there if an unanswered write of ours has made it; else it is somebody else's, or gone."""
        record = await self._entries.read(bound.path)
        if record is not None and record.sequence < newest:
            raise Uncertain(f"{bound.path} is at {newest}, and is shown as of {record.sequence}")
        if record is not None and record.data is not None and record.lease == held.id:
            bound.sequence, bound.revision, bound.data = record.sequence, record.revision, record.data
            return True
        if bound.sequence:
            return False
        del held.bound[bound.path.key]  # that write never landed
        return True

    async def release(self, lease: Lease) -> None:
        held = self._held.pop(lease.id, None)
        if held is None:
            return
        with anyio.move_on_after(RELEASE_TIMEOUT):
            async with anyio.create_task_group() as tasks:
                for bound in held.bound.values():
                    tasks.start_soon(self._bury, held, bound)

    async def _bury(self, held: _Held, bound: _Bound) -> None:
        try:
            async with self._lock(bound.path.key):
                if bound.sequence or await self._adopt(held, bound):
                    await self._entries.bury(bound.path, bound.revision)
        except (Conflict, StoreError, KeyError):  # somebody else's now, or out of reach: then it runs out
            return

    async def set(self, path: Path, data: bytes, revision: int | None, lease: Lease | None) -> int:
        """Write an entry, bound to a lease or, without one, to none; raises as ``Store.set``."""
        if lease is None:
            async with self._alone(path):
                return await self._entries.set(path, data, revision)
        async with self._lock(path.key):
            held = self._usable(lease)
            try:
                written = await self._entries.set(path, data, revision, held.headers)
            except (Uncertain, anyio.get_cancelled_exc_class()):
                held.bound.setdefault(path.key, _Bound(path, data, 0, 0))
                raise
            self._unbind(path)
            held.bound[path.key] = _Bound(path, data, written, written)
            if lease.id not in self._held:
                await self._bury(held, held.bound[path.key])
                self._usable(lease)
            return written

    async def delete(self, path: Path, revision: int | None) -> int:
        async with self._alone(path):
            return await self._entries.delete(path, revision)

    def _usable(self, lease: Lease) -> _Held:
        held = self._held.get(lease.id)
        if held is None or lease.lost.is_set():
            raise Denied(f"lease {lease.id} has run out or was never entered: nothing can be bound to it")
        return held

    @asynccontextmanager
    async def _alone(self, path: Path) -> AsyncIterator[None]:
        """For a write that unbinds the entry, if it is bound to a lease of this store."""
        if path.key not in self._locks:
            yield
            return
        async with self._lock(path.key):
            yield
            self._unbind(path)

    def _unbind(self, path: Path) -> None:
        for held in self._held.values():
            held.bound.pop(path.key, None)

    def _lock(self, key: str) -> anyio.Lock:
        return self._locks.setdefault(key, anyio.Lock())
