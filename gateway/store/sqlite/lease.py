"""The holder's side of a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio

from gateway.abc import Lease
from gateway.errors import StoreError
from gateway.store.sqlite.operations import Confirm, End, Grant

if TYPE_CHECKING:
    import sqlite3
    from types import TracebackType

    from anyio.abc import TaskGroup

    from gateway.clock import Clock
    from gateway.store.sqlite.commit import Writer
    from gateway.store.sqlite.member import Member
    from gateway.store.sqlite.reader import Reader

#: Renewals within one ``ttl``, so that two may fail.
RENEWALS = 3
#: Shortest wait before the expiry is looked at again, in s: keeps rounding from turning the wait into a spin.
GRAIN = 0.001


class Holder:
    """What all leases of one store have in common: the heartbeat, and the way to the table of leases."""

    def __init__(self, member: Member, writer: Writer, reader: Reader) -> None:
        self._member = member
        self._writer = writer
        self._reader = reader
        self._left: list[str] = []  # leases that could not be ended when they were left

    async def grant(self, lease: SqliteLease) -> None:
        self._member.show()
        await self._writer.submit(Grant(lease.id, lease.ttl, self._member.process), urgent=True)

    async def renew(self, lease: SqliteLease) -> bool:
        """Beat, and look whether the lease is still there; needs no transaction unless somebody has condemned it."""
        if self._member.beat():
            found = bool(await self._writer.submit(Confirm(lease.id), urgent=True))
            self._member.absolve()
            return found
        return await self._reader.read(lambda connection: _is_there(connection, lease.id))

    async def end(self, lease: str) -> None:
        """End a lease, now or as soon as that is possible."""
        try:
            await self._writer.submit(End(lease), urgent=True)
        except StoreError:
            self._left.append(lease)

    async def end_left(self) -> None:
        """End the leases that could not be ended before."""
        left, self._left = self._left, []
        for lease in left:
            await self.end(lease)


def _is_there(connection: sqlite3.Connection, lease: str) -> bool:
    return connection.execute("SELECT 1 FROM lease WHERE id = ?", (lease,)).fetchone() is not None


class SqliteLease(Lease):
    """Renews itself while its store is open and its event loop runs."""

    def __init__(self, lease_id: str, ttl: float, clock: Clock, holder: Holder, tasks: TaskGroup) -> None:
        self.id = lease_id
        self.ttl = ttl
        self._clock = clock
        self._holder = holder
        self._tasks = tasks
        self._expires = 0.0
        self._lost = anyio.Event()
        self._scope = anyio.CancelScope()

    @property
    def expires(self) -> float:
        return self._expires

    @property
    def lost(self) -> anyio.Event:
        return self._lost

    async def __aenter__(self) -> Self:
        sent = self._clock.lease_now()
        try:
            await self._holder.grant(self)
        except BaseException:  # cancelled: it may have been granted all the same
            with anyio.CancelScope(shield=True):
                await self._holder.end(self.id)
            raise
        self._expires = sent + self.ttl
        self._tasks.start_soon(self._keep, name=f"lease {self.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._holder.end(self.id)

    async def _keep(self) -> None:
        with self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._renew)
                group.start_soon(self._run_out)
                await self._lost.wait()
                group.cancel_scope.cancel()
            await self._holder.end(self.id)

    async def _run_out(self) -> None:
        while (left := self._expires - self._clock.lease_now()) > 0:
            await self._clock.sleep(max(left, GRAIN))
        self._lost.set()

    async def _renew(self) -> None:
        while not self._lost.is_set():
            await self._clock.sleep(self.ttl / RENEWALS)
            sent = self._clock.lease_now()
            if sent >= self._expires:
                return
            try:
                found = await self._holder.renew(self)
            except StoreError:
                continue
            if not found:
                self._lost.set()
            elif not self._lost.is_set():
                self._expires = sent + self.ttl
