"""Lateness: how much earlier than it was read something may have come, because the node stood still.

Theory of operation
-------------------
1. A driver takes the moment at which it reads for the moment at which its hardware heard. While the processor is taken
   by other programs, or the event loop by one long step, what comes waits.
2. A task that is to wake up each ``TICK`` seconds notices that afterwards: it wakes up late. What was read since it was
   to, or at the moment at which it does, may have come at any time since it woke up the last time.
3. ``TICK`` is shorter than the windows within which receptions are one telegram: a shorter halt does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from gateway.clock import Clock

#: Seconds from one look to the next.
TICK: Final = 0.15
#: Seconds that a look may be late, and after a halt until everything that waited is read.
SLACK: Final = 0.05


class Lateness:
    """Of one node; knows while :meth:`run` runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked = float("inf")
        self._halt = float("-inf"), float("-inf")

    async def run(self) -> NoReturn:
        """Look for ever."""
        while True:
            self._looked = self._clock.lease_now()
            await self._clock.sleep(TICK)
            now = self._clock.lease_now()
            if now > self._looked + TICK + SLACK:
                self._halt = self._looked, now

    def of(self, moment: float) -> float:
        """Seconds that what was read at a moment (lease clock, the last ones) may have come earlier; mostly 0."""
        began, ended = self._halt
        if moment > self._looked + TICK + SLACK:
            return moment - self._looked
        return moment - began if began <= moment <= ended + SLACK else 0.0
