"""The time a simulated house lives by."""

from __future__ import annotations

from typing import Protocol

import anyio


class Clock(Protocol):
    """Where a house takes its time from; one clock for each house."""

    def now(self) -> float:
        """Seconds on a monotonic scale with any zero point."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Come back after so many seconds; cancelling it has no effect but that it ends."""
        ...


class LoopClock:
    """The clock of the running event loop: real time, or virtual under trio's `MockClock`."""

    def now(self) -> float:
        return anyio.current_time()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class HouseTime:
    """Seconds since a house began to run; 0 before that.

    Devices and caches use it, so that a scenario's times mean the same in every run.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start: float | None = None

    def start(self) -> None:
        """Begin to count; later calls change nothing."""
        if self._start is None:
            self._start = self._clock.now()

    def now(self) -> float:
        return 0.0 if self._start is None else self._clock.now() - self._start

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
