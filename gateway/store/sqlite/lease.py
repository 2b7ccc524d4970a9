"""How leases are granted, renewed and ended in the table of leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import StoreError
from gateway.store.sqlite.operations import Confirm, End, Grant

if TYPE_CHECKING:
    import sqlite3

    from gateway.abc import Lease
    from gateway.store.sqlite.commit import Writer
    from gateway.store.sqlite.member import Member
    from gateway.store.sqlite.reader import Reader


class Holder:
    """What all leases of one store have in common: the heartbeat, and the way to the table of leases."""

    def __init__(self, member: Member, writer: Writer, reader: Reader) -> None:
        self._member = member
        self._writer = writer
        self._reader = reader
        self._left: list[str] = []  # leases that could not be ended when they were left

    async def grant(self, lease: Lease) -> None:
        self._member.beat()  # whoever has seen it stand still must not end the new lease for that
        await self._writer.submit(Grant(lease.id, lease.ttl, self._member.process), urgent=True)

    async def renew(self, lease: Lease) -> bool:
        """Beat, and look whether the lease is still there; needs no transaction unless somebody has condemned it."""
        if self._member.beat():
            found = bool(await self._writer.submit(Confirm(lease.id), urgent=True))
            self._member.absolve()
            return found
        return await self._reader.read(lambda connection: _is_there(connection, lease.id))

    async def release(self, lease: Lease) -> None:
        """End a lease, now or as soon as that is possible."""
        await self._end(lease.id)

    async def _end(self, lease: str) -> None:
        try:
            await self._writer.submit(End(lease), urgent=True)
        except StoreError:
            self._left.append(lease)

    async def end_left(self) -> None:
        """End the leases that could not be ended before."""
        left, self._left = self._left, []
        for lease in left:
            await self._end(lease)


def _is_there(connection: sqlite3.Connection, lease: str) -> bool:
    return connection.execute("SELECT 1 FROM lease WHERE id = ?", (lease,)).fetchone() is not None
