"""A clock for tests on trio's virtual time: an hour of waiting takes no time."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import trio
from trio.testing import MockClock

from gateway.clock import Clock, as_the_loop

if TYPE_CHECKING:
    from collections.abc import Iterator


class VirtualClock(Clock):
    """Follows the virtual time of the running trio loop; to be made inside it.

    Args:
        start: wall time at the loop's time 0, in Unix seconds.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._loop: Any = trio.lowlevel.current_clock()
        self._offset = start

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP would."""
        self._offset += seconds

    def now(self) -> float:
        return self.lease_now() + self._offset

    def lease_now(self) -> float:
        return float(self._loop.current_time())

    @as_the_loop
    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))


def is_virtual() -> bool:
    """Whether the event loop that runs here lives in virtual time."""
    return isinstance(trio.lowlevel.current_clock(), MockClock)


@contextmanager
def standing_time() -> Iterator[None]:
    """While this is entered, virtual time stands: for tests in which a worker thread runs.

    trio's ``MockClock`` would jump ahead while the thread works, as it sees only tasks that wait.
    Does nothing where the loop runs in real time.
    """
    clock: Any = trio.lowlevel.current_clock() if trio.lowlevel.in_trio_run() else None
    if not isinstance(clock, MockClock):
        yield
        return
    threshold = clock.autojump_threshold
    clock.autojump_threshold = math.inf
    try:
        yield
    finally:
        clock.autojump_threshold = threshold
