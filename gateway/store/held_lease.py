"""The holder's side of a lease, for every backend that renews by itself.

Theory of operation
-------------------
1. ``expires`` counts from the sending of a renewal, not from its answer: the holder never believes longer than the
   store. It is counted on the holder's own clock.
2. A renewal that fails is tried again soon, so that several may fail within one ``ttl``.
3. The lease is lost when it has run out on the holder's clock, or when the store says that it is gone. Either is for
   good; what may still be bound to it is then given up as well as the store allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

import anyio

from gateway.abc import Lease
from gateway.errors import StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from gateway.abc import Store

#: Renewals within one ``ttl``, so that two may fail.
RENEWALS: Final = 3
#: Attempts within one ``ttl`` after a renewal has failed.
RETRIES: Final = 10
#: Shortest wait before the expiry is looked at again, in s: keeps rounding from turning the wait into a spin.
GRAIN: Final = 0.001


class Granter(Protocol):
    """The store, as a lease sees it."""

    async def grant(self, lease: Lease) -> None:
        """Make the lease known; StoreError when that fails."""

    async def renew(self, lease: Lease) -> bool:
        """Prolong it; False when it is gone, StoreError when the store doesn't answer."""

    async def release(self, lease: Lease) -> None:
        """End it with all that is bound to it, now or as soon as that is possible; never raises a StoreError."""


class HeldLease(Lease):
    """Renews itself on its holder's clock while its store is open; so many ``renewals`` within one ``ttl``."""

    def __init__(
        self, store: Store, granter: Granter, lease_id: str, ttl: float, *, renewals: float = RENEWALS
    ) -> None:
        self.id = lease_id
        self.ttl = ttl
        self._store = store
        self._granter = granter
        self._pause = ttl / renewals
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
        try:
            await self._granter.grant(self)
        except BaseException:  # cancelled or uncertain: it may have been granted all the same
            await self._release()
            raise
        self._expires = sent + self.ttl
        self._store.tasks.start_soon(self._keep, name=f"lease {self.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._scope.cancel()
        await self._release()

    async def _release(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._granter.release(self)

    async def _keep(self) -> None:
        with self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._renew)
                group.start_soon(self._run_out)
                await self._lost.wait()
                group.cancel_scope.cancel()
            await self._release()

    async def _run_out(self) -> None:
        while (left := self._expires - self._clock.lease_now()) > 0:
            await self._clock.sleep(max(left, GRAIN))
        self._lost.set()

    async def _renew(self) -> None:
        pause, sent = self._pause, self._clock.lease_now()
        while not self._lost.is_set():
            await self._clock.sleep(max(0.0, sent + pause - self._clock.lease_now()))
            sent = self._clock.lease_now()
            if sent >= self._expires:
                return
            try:
                found = await self._granter.renew(self)
            except StoreError:
                pause = self.ttl / RETRIES
                continue
            pause = self._pause
            if not found:
                self._lost.set()
            elif not self._lost.is_set():
                self._expires = sent + self.ttl
