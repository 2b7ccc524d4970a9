"""The time a simulated house lives by."""

from __future__ import annotations

import sys
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


def in_virtual_time() -> bool:
    """Whether the running event loop lives in the virtual time of trio's `MockClock`."""
    trio = sys.modules.get("trio")
    if trio is None or not trio.lowlevel.in_trio_run():
        return False
    testing = sys.modules.get("trio.testing")
    return testing is not None and isinstance(trio.lowlevel.current_clock(), testing.MockClock)


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

    @property
    def virtual(self) -> bool:
        """Whether waiting takes no time."""
        return in_virtual_time()

    def now(self) -> float:
        return 0.0 if self._start is None else self._clock.now() - self._start

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
