"""Fence: what keeps a run that has lost its claim from writing.

Theory of operation
-------------------
1. A run holds its claim under a registration of its node: an incarnation with a lease. It may write while that lease
   goes on, on the node's own clock, and nothing else is known.
2. The check needs no store and no event loop: a process that was paused finds its lease run out, whoever asks first.
3. A fence that is lost stays lost. Only a run that is allowed to outlive its lease gets a new claim under a new
   registration (``renew``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.abc import Permit
from gateway.errors import ClaimLost

if TYPE_CHECKING:
    from gateway.clock import Clock
    from gateway.cluster.presence import Registration
    from gateway.path import Path


class Fence(Permit):
    """The right of one run; ``token`` is the revision of the claim that it was taken with, ``claim`` its path."""

    def __init__(self, clock: Clock, registration: Registration, token: int, claim: Path) -> None:
        self.claim = claim
        self.registration = registration
        self.token = token
        self._clock = clock
        self._lost = ""

    @property
    def left(self) -> float:
        """Seconds until its lease ends, if nobody renews it; negative: it has ended."""
        return self.registration.lease.expires - self._clock.lease_now()

    @property
    def lost(self) -> str:
        """Why it is lost for good; empty while it isn't."""
        return self._lost

    def lose(self, why: str) -> None:
        """It is lost for good."""
        self._lost = self._lost or why

    def renew(self, registration: Registration, token: int) -> None:
        """The run has been given a new claim."""
        self.registration, self.token = registration, token

    def check(self, seconds: float) -> None:
        if self._lost:
            raise ClaimLost(f"nothing was written: {self._lost}")
        if (left := self.left) <= seconds:
            raise ClaimLost(f"nothing was written: the node's lease ends in {left:.2f} s, or has ended")
