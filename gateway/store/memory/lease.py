"""The holder's side of a lease on a memory store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio

from gateway.abc import Lease
from gateway.errors import StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from gateway.store.memory.store import MemoryStore

#: Renewals within one ``ttl``, so that two may fail.
RENEWALS = 3
#: Attempts within one ``ttl`` after a renewal has failed.
RETRIES = 10
#: Shortest wait before the expiry is looked at again, in s: keeps rounding from turning the wait into a spin.
GRAIN = 0.001


class MemoryLease(Lease):
    """Renews itself on its holder's clock, while the holder lives and is connected."""

    def __init__(self, store: MemoryStore, ttl: float) -> None:
        self.id = f"{store.name}-{store.random.getrandbits(48):012x}"
        self.ttl = ttl
        self._store = store
        self._clock = store.clock
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
        await self._store.grant(self)
        self._expires = sent + self.ttl
        self._store.tasks.start_soon(self._keep, name=f"lease {self.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.cancel()
        # out of reach, what is bound vanishes by itself; so nobody has to know
        with anyio.CancelScope(shield=True):
            await self._store.release(self)

    async def _keep(self) -> None:
        with self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._renew)
                await self._run_out()
                group.cancel_scope.cancel()

    async def _run_out(self) -> None:
        while not self._lost.is_set():
            left = self._expires - self._clock.lease_now()
            if left <= 0:
                self._lost.set()
            else:
                await self._clock.sleep(max(left, GRAIN))

    async def _renew(self) -> None:
        pause, sent = self.ttl / RENEWALS, self._clock.lease_now()
        while not self._lost.is_set():
            await self._clock.sleep(max(0.0, sent + pause - self._clock.lease_now()))
            sent = self._clock.lease_now()
            if sent >= self._expires:
                self._lost.set()
                return
            try:
                found = await self._store.renew(self)
            except StoreError:
                pause = self.ttl / RETRIES
                continue
            pause = self.ttl / RENEWALS
            if not found:
                self._lost.set()
            elif not self._lost.is_set():
                self._expires = sent + self.ttl
