"""What a benchmark reports: a figure, and its ratio to a named baseline measured in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. ``ratio`` is to ``baseline``; ``cpu`` is processor time in seconds per unit of work, where measured."""

    name: str
    value: float
    unit: str
    baseline: str = ""
    ratio: float | None = None
    aim: str = ""
    cpu: float | None = None

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:6.2f} x {self.baseline}"
        cpu = "" if self.cpu is None else f"cpu {self.cpu * 1e6:.0f} us each"
        return f"{self.name:<58} {self.value:>10.4g} {self.unit:<8} {ratio:<44} {cpu:<18} {self.aim}".rstrip()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per unit of work, by the wall and by the processor: the medians of interleaved rounds."""

    wall: float
    cpu: float


def interleaved(rounds: int, *works: Callable[[], int]) -> list[Timing]:
    """Time each work ``rounds`` times, in turn, so that a drift of the machine's speed meets all alike.

    Each work returns how many units it did.
    """
    taken: Sequence[list[Timing]] = [[] for _ in works]
    for _ in range(rounds):
        for work, timings in zip(works, taken, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            units = work()
            timings.append(Timing((time.perf_counter() - wall) / units, (time.process_time() - cpu) / units))
    return [
        Timing(statistics.median(t.wall for t in timings), statistics.median(t.cpu for t in timings))
        for timings in taken
    ]
