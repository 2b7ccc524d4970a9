"""The time that a node lives in.

A node carries its own clock, so that in tests each node can be paused and skewed by itself
(:class:`gateway.testing.clocks.VirtualClock`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

Sleep = TypeVar("Sleep", bound="Callable[..., object]")


def as_the_loop(sleep: Sleep) -> Sleep:
    """Mark a clock's ``sleep`` as one that lasts as long as the event loop's own; what overrides it is not marked."""
    sleep.as_the_loop = True  # type: ignore[attr-defined]
    return sleep


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

    @as_the_loop
    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))


async def pause(clock: Clock, seconds: float, event: anyio.Event) -> bool:
    """Wait for so many seconds of the clock, or until the event is set; return whether it is set."""
    if hasattr(type(clock).sleep, "as_the_loop"):
        with anyio.move_on_after(max(0.0, seconds)):  # at a tenth of the cost
            await event.wait()
        return event.is_set()
    async with anyio.create_task_group() as tasks:

        async def listen() -> None:
            await event.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(listen)
        await clock.sleep(seconds)
        tasks.cancel_scope.cancel()
    return event.is_set()
