"""Totals of pulse counters, over wraps and resets. No I/O.

A DS2423 counts in 32 bits, has no reset of its own, and keeps its count by a battery (Maxim datasheet DS2423): its
count falls when it wraps, or when it has lost its battery and begins again at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: Counts of a 32-bit counter.
WRAP: Final = 1 << 32
#: A count that falls from the highest quarter to the lowest has wrapped.
_QUARTER: Final = WRAP // 4


@dataclass(frozen=True, slots=True)
class Count:
    """What a counter showed last (``raw``), and all it has counted since it is watched (``total``)."""

    raw: int
    total: int


@dataclass(frozen=True, slots=True)
class Step:
    """From one reading to the next: the new count, the pulses between, and what happened to the counter."""

    count: Count
    delta: int
    event: Literal["", "wrap", "reset"] = ""


def advance(before: Count | None, raw: int) -> Step:
    """Take a new reading. The first one ever is the total so far."""
    if before is None:
        return Step(Count(raw, raw), 0)
    delta, event = _difference(before.raw, raw)
    return Step(Count(raw, before.total + delta), delta, event)


def _difference(old: int, new: int) -> tuple[int, Literal["", "wrap", "reset"]]:
    if new >= old:
        return new - old, ""
    if old >= WRAP - _QUARTER and new < _QUARTER:
        return new - old + WRAP, "wrap"
    return new, "reset"
