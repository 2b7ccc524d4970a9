"""The time that a node lives in.

A node carries its own clock, so that in tests each node can be paused and skewed by itself
(:class:`gateway.testing.clocks.VirtualClock`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod

import anyio


class Clock(ABC):
    """Wall time for records, lease time for deadlines, and sleep."""

    @abstractmethod
    def now(self) -> float:
        """Unix seconds; may jump when somebody sets the clock. For records and absolute targets only."""

    @abstractmethod
    def lease_now(self) -> float:
        """Seconds since some fixed moment; never jumps and runs on in suspend. Callable from any thread."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; at least one checkpoint. Cancellation ends it at once."""


class SystemClock(Clock):
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def lease_now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))


async def pause(clock: Clock, seconds: float, event: anyio.Event) -> bool:
    """Wait for so many seconds of the clock, or until the event is set; return whether it is set."""
    async with anyio.create_task_group() as tasks:

        async def listen() -> None:
            await event.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(listen)
        await clock.sleep(seconds)
        tasks.cancel_scope.cancel()
    return event.is_set()
