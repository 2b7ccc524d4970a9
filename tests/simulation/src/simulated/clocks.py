"""The clocks of simulated machines: each began somewhere else, and goes a little too fast or too slow."""

from __future__ import annotations

from gateway.testing.clocks import VirtualClock

#: Unix seconds at the begin: far from today, so that no process of this machine is taken for one that died there.
START = 4_000_000_000.0


class SkewedClock(VirtualClock):
    """One machine's clock.

    Args:
        booted: what its lease clock showed at the begin, in s.
        rate: seconds of its own in one second of the server's.
    """

    def __init__(self, booted: float, rate: float, skew: float = 0.0) -> None:
        super().__init__(START - booted + skew)
        self._booted = booted
        self._rate = rate

    def lease_now(self) -> float:
        return self._booted + self._rate * super().lease_now()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._rate)
