"""What the driver suite measures: readings, losses, what is held, how long the event loop stood still."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anyio

from gateway.errors import InterfaceDown
from gateway.testing.permits import WatchedPermit
from gateway.values import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.abc import Interface

#: Threads that event loops keep for their next call to a worker; they are not the driver's.
POOLS = ("AnyIO worker thread", "Trio thread", "asyncio_")


def check_value(reading: Reading) -> None:
    """Check a Reading that ought to hold a number."""
    assert isinstance(reading, Reading)
    assert reading.quality == "ok", f"working hardware gave {reading}"
    assert isinstance(reading.value, int | float)
    assert math.isfinite(reading.value)
    assert abs(reading.time - time.time()) < 60, "the time of the reading is not the time of the context's clock"
    assert reading.unit is None or isinstance(reading.unit, str)


def is_loss(error: Exception) -> bool:
    """Whether it is InterfaceDown, be it in groups."""
    if isinstance(error, ExceptionGroup):
        return all(is_loss(part) for part in error.exceptions)
    return isinstance(error, InterfaceDown)


def held() -> Counter[str]:
    """What this process has now: open files, threads and tasks, each by what is known of it."""
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the links are read, not the files
        with suppress(FileNotFoundError):  # that of the listing itself
            found[f"file {re.sub(r'[0-9]+', '#', os.readlink(f'/proc/self/fd/{number}'))}"] += 1  # noqa: PTH115 - may be no path
    for thread in threading.enumerate():
        if not thread.name.startswith(POOLS):
            found[f"thread {re.sub(r'[0-9]+', '#', thread.name)}"] += 1
    for task in anyio.get_running_tasks():
        found[f"task {re.sub(r'[0-9]+', '#', task.name or '?')}"] += 1
    return found


async def writes_at_once(
    interface: Interface, device: str, attribute: str, values: Sequence[Any], count: int
) -> tuple[list[tuple[float, float]], float]:
    """Make so many writes at the same time, with the values in turn, and as many reads among them.

    Returns:
        For each the time that it declared and the one from its last check to its end; and how long all of them took.
        All in seconds.
    """
    found: list[tuple[float, float]] = []

    async def write(value: Any) -> None:
        permit = WatchedPermit()
        await interface.write(device, attribute, value, permit=permit)
        assert permit.asked, "each write must ask for its permit"
        found.append((permit.asked[-1].seconds, time.monotonic() - permit.asked[-1].at))

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(interface.read, device, attribute)
            tasks.start_soon(write, values[number % len(values)])
    return found, time.monotonic() - began


async def longest_gap(work: Callable[[], Any]) -> float:
    """Do some work; return for how many seconds at the longest the event loop did nothing else meanwhile."""
    ticks = [time.perf_counter()]

    async def tick() -> None:
        while True:
            await anyio.sleep(0.005)
            ticks.append(time.perf_counter())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await work()
        ticks.append(time.perf_counter())
        tasks.cancel_scope.cancel()
    return max(later - earlier for earlier, later in pairwise(ticks))
