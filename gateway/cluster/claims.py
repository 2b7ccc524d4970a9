"""Claims: taking, renewing and releasing them, each by one compare-and-set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

from gateway.clock import pause
from gateway.cluster.claim_view import Claim
from gateway.cluster.fence import Fence
from gateway.errors import BusgateError, Conflict, Detached, Uncertain

if TYPE_CHECKING:
    import logging

    from gateway.abc import Store
    from gateway.cluster.claim_view import ClaimView
    from gateway.cluster.presence import Presence, Registration
    from gateway.path import Path

#: Claims of one node that are under way at the same time.
AT_ONCE: Final = 64
#: Seconds, least and most, until a claim that could not be taken is looked at again if nobody tells of it before.
AGAIN: Final = (0.05, 0.1)
#: Seconds until the store is asked again when it refuses for a reason of its own.
REFUSED: Final = 5.0


@dataclass(slots=True)
class _Attempt:
    revision: int  # of the claim that was found to be free, or ours
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    shown: anyio.Event = field(default_factory=anyio.Event)


class Claims:
    """What this node does about the claims of one group; ``base / job`` is where a claim stands."""

    def __init__(self, store: Store, base: Path, presence: Presence, view: ClaimView, log: logging.Logger) -> None:
        self._store = store
        self._base = base
        self._presence = presence
        self._view = view
        self._log = log
        self._attempts: dict[Path, _Attempt] = {}
        self._released: dict[Path, int] = {}
        self._slots = anyio.Semaphore(AT_ONCE)

    def mine(self, claim: Claim | None) -> bool:
        """Whether a claim names this node as it lives now."""
        now = self._presence.registration
        return (
            claim is not None
            and now is not None
            and (claim.node, claim.incarnation) == (self._presence.name, now.incarnation)
        )

    def usable(self) -> Registration | None:
        """What runs may begin under; None when the lease is about to end, or has ended."""
        now = self._presence.registration
        if now is None or now.lease.lost.is_set():
            return None
        return now if now.lease.expires - self._store.clock.lease_now() > self._store.lease_margin else None

    def busy(self, job: Path) -> bool:
        """Whether the claim of a job is being taken, or its release hasn't been shown yet."""
        return job in self._attempts or self._released.get(job, 0) > 0

    def changed(self, job: Path) -> None:
        """The view has been told of a change of a claim."""
        if (attempt := self._attempts.get(job)) is not None:
            attempt.shown.set()
        if self._view.revision(job) != self._released.get(job):
            self._released.pop(job, None)

    def ordered(self) -> None:
        """The view is in order again."""
        for attempt in self._attempts.values():
            attempt.shown.set()

    def abandon(self) -> None:
        """Give up all attempts; what comes of them is found in the view."""
        for attempt in self._attempts.values():
            attempt.scope.cancel()

    def begin(self, job: Path) -> None:
        """An attempt to take a claim begins: the job is ``busy`` until ``done``."""
        self._attempts[job] = _Attempt(self._view.revision(job))

    def done(self, job: Path) -> None:
        """The attempt has led to a run, or to nothing."""
        del self._attempts[job]

    async def take(self, job: Path) -> Fence | None:
        """Take the claim of a job, or renew it, and wait until the view shows that; None when it wasn't to be had.

        To be called between ``begin`` and ``done``. When it wasn't, a moment has passed: it can be tried again at once.
        """
        attempt, fence = self._attempts[job], None
        with attempt.scope:
            async with self._slots:
                fence = await self._take(job, attempt)
        return None if attempt.scope.cancel_called else fence

    async def _take(self, job: Path, attempt: _Attempt) -> Fence | None:
        registration = self.usable()
        token = await self._put(job, registration, attempt.revision) if registration is not None else 0
        if registration is None or not token:
            await self._pause(attempt)
            return None
        while (seen := self._view.claims.get(job)) is None or seen.revision < token or not self._view.ordered:
            attempt.shown = anyio.Event()
            await attempt.shown.wait()
        fence = Fence(self._store.clock, registration, token, self._base + job)
        return fence if seen.revision == token and registration is self.usable() else None

    async def _put(self, job: Path, registration: Registration, revision: int) -> int:
        """The revision of a new claim; 0 if it isn't certain that it was written."""
        nonce = f"{self._store.random.getrandbits(64):016x}"
        claim = Claim(
            node=self._presence.name,
            incarnation=registration.incarnation,
            presence_revision=registration.revision,
            nonce=nonce,
            **self._presence.process(),
        )
        try:
            return await self._store.set(self._base + job, claim.to_map(), revision=revision)
        except (Conflict, Detached, Uncertain):
            return 0
        except BusgateError as error:
            self._log.error("the claim of %s can't be written: %s", job, error)
            await self._store.clock.sleep(REFUSED)
            return 0

    async def _pause(self, attempt: _Attempt) -> None:
        attempt.shown = anyio.Event()
        await pause(self._store.clock, self._store.random.uniform(*AGAIN), attempt.shown)

    async def replace(self, job: Path, fence: Fence) -> None:
        """Get a new claim for a run whose lease has ended, if nobody else has taken its job; the fence tells."""
        registration = self.usable()
        seen = self._view.claims.get(job)
        if registration is None or not self._view.ordered:
            return
        if seen is None or (seen.revision > fence.token and not self.mine(seen.claim)):
            fence.lose("another node has taken the job, or its claim was deleted")
        elif token := await self._put(job, registration, self._view.revision(job)):
            fence.renew(registration, token)

    async def release(self, job: Path) -> None:
        """Delete the claim that the view shows; ``busy`` until the view shows what came of it."""
        revision = self._view.revision(job)
        self._released[job] = revision
        try:
            await self._store.delete(self._base + job, revision=revision)
        except Conflict:
            await self._store.clock.sleep(AGAIN[0])
        except BusgateError:
            await self._store.clock.sleep(AGAIN[1])
        else:
            return
        if self._released.get(job) == revision:
            del self._released[job]
