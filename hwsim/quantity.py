"""Physical quantities over time: what the sensors of a house measure.

Times are seconds since the house began to run; day curves also need the time of day at that moment.
Every curve is a pure function of the time and its seed, so two runs of a scenario read the same.
"""

from __future__ import annotations

import csv
import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from hwsim.errors import QuantityError

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

DAY = 86400.0


class Quantity(Protocol):
    """Something that has a value at every time."""

    def at(self, time: float) -> float:
        """The value at so many seconds after the start, in the unit of the sensor that measures it."""
        ...


@dataclass(frozen=True)
class Range:
    """What a quantity can be, and what it is when nobody says."""

    default: float
    low: float
    high: float
    unit: str = ""

    def check(self, name: str, value: float) -> None:
        """Raise QuantityError unless low <= value <= high."""
        if not self.low <= value <= self.high:
            raise QuantityError(f"{name} can't be {value:g}{self.unit}; it must be from {self.low:g} to {self.high:g}")


@dataclass(frozen=True)
class Constant:
    """The same value for ever."""

    value: float

    def at(self, time: float) -> float:
        return self.value


@dataclass(frozen=True)
class Sine:
    """`mean` plus and minus `swing`, once in `period` seconds; rises through the mean at `phase` seconds."""

    mean: float
    swing: float
    period: float
    phase: float = 0.0

    def at(self, time: float) -> float:
        return self.mean + self.swing * math.sin(2 * math.pi * (time - self.phase) / self.period)


@dataclass(frozen=True)
class Square:
    """1 for the first `duty` part of each `period` seconds, then 0: a door, a window, a pulse."""

    period: float
    duty: float = 0.5
    phase: float = 0.0

    def at(self, time: float) -> float:
        return 1.0 if (time - self.phase) % self.period < self.duty * self.period else 0.0


@dataclass(frozen=True)
class Ramp:
    """`start` plus `rate` a second: a meter, a tank that fills."""

    start: float
    rate: float

    def at(self, time: float) -> float:
        return self.start + self.rate * time


@dataclass(frozen=True)
class Hurried:
    """Another quantity in fast motion: `speed` seconds of it pass in each second."""

    quantity: Quantity
    speed: float

    def at(self, time: float) -> float:
        return self.quantity.at(time * self.speed)


class Walk:
    """A random walk that is drawn back to `mean` and stays within `swing` of it.

    It has a node each `step` seconds and is straight in between. Nodes are drawn one after the other from
    the seed, so a value never depends on when it was asked for.
    """

    def __init__(self, mean: float, swing: float, step: float, random: Random) -> None:
        self.mean, self.swing, self.step = mean, swing, step
        self._random = random
        self._nodes = [0.0]

    def at(self, time: float) -> float:
        position = max(time, 0.0) / self.step
        index = int(position)
        while len(self._nodes) < index + 2:
            drawn = 0.9 * self._nodes[-1] + self._random.uniform(-0.3, 0.3)
            self._nodes.append(min(1.0, max(-1.0, drawn)))
        before, after = self._nodes[index], self._nodes[index + 1]
        return self.mean + self.swing * (before + (after - before) * (position - index))


@dataclass(frozen=True)
class Recorded:
    """Values that were measured somewhere: straight lines through the points, or steps.

    Before the first point and after the last one their values hold; with `repeat` it begins again.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]
    repeat: bool = False
    steps: bool = False

    @classmethod
    def load(cls, path: Path, column: str | None = None, *, repeat: bool = False, steps: bool = False) -> Self:
        """Read a CSV file: a header line, seconds in the first column, values in `column` (default: the second).

        Raises:
            OSError: the file can't be read.
            ValueError: it is not such a file; the message names the line.
        """
        rows = _rows(path)
        if len(rows) < 2:
            raise ValueError(f"{path} has no values; it needs a header line and rows of seconds and values")
        index = _column_index(path, rows[0][1], column)
        points = [(line, *_point(path, line, row, index)) for line, row in rows[1:]]
        for (_, earlier, _), (line, later, _) in itertools.pairwise(points):
            if later <= earlier:
                raise ValueError(f"{path}:{line}: {later:g} s comes after {earlier:g} s; the times must rise")
        _, times, values = zip(*points, strict=True)
        return cls(times, values, repeat, steps)

    def at(self, time: float) -> float:
        if self.repeat and self.times[-1] > self.times[0]:
            time = self.times[0] + (time - self.times[0]) % (self.times[-1] - self.times[0])
        after = bisect_right(self.times, time)
        if after == 0:
            return self.values[0]
        if after == len(self.times) or self.steps:
            return self.values[after - 1]
        start, end = self.times[after - 1], self.times[after]
        fraction = (time - start) / (end - start)
        return self.values[after - 1] + fraction * (self.values[after] - self.values[after - 1])


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The lines that are not empty, with their numbers."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: {error}") from None


def _column_index(path: Path, header: list[str], column: str | None) -> int:
    names = [name.strip() for name in header]
    if _number(names[0]) is not None:
        raise ValueError(f"{path}:1: a header line is needed here, as in time,{column or 'value'}")
    if column is None:
        return 1
    if column not in names[1:]:
        raise ValueError(f"{path} has no column {column!r}; its columns are {', '.join(names[1:])}")
    return names.index(column, 1)


def _point(path: Path, line: int, row: list[str], index: int) -> tuple[float, float]:
    time, value = (_number(row[i]) if i < len(row) else None for i in (0, index))
    if time is None or value is None:
        raise ValueError(f"{path}:{line}: seconds and a value are needed here")
    return time, value


def _number(text: str) -> float | None:
    """What a cell says; None: it is no number, or not finite."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
