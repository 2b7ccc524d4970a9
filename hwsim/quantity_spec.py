"""How a scenario writes a quantity: a number, a table with a curve, or a CSV file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hwsim.errors import did_you_mean
from hwsim.quantity import DAY, Constant, Quantity, Ramp, Recorded, Sine, Square, Walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random


@dataclass(frozen=True)
class Circumstances:
    """What a curve needs to know of its house."""

    random: Callable[[], Random]
    """A generator of its own, seeded from the house and the quantity."""
    start: float
    """Time of day at the start, in seconds after midnight."""
    folder: Path
    """What relative file names start from."""


class QuantitySpec(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def build(self, circumstances: Circumstances) -> Quantity:
        """Make the quantity.

        Raises:
            OSError, ValueError: a file it needs can't be used.
        """
        raise NotImplementedError


class DaySpec(QuantitySpec):
    """A sine over 24 hours: `mean`, plus `swing` at `peak` o'clock, minus `swing` 12 hours later."""

    curve: Literal["day"]
    mean: float
    swing: float
    peak: float = Field(default=15.0, ge=0, lt=24)

    def build(self, circumstances: Circumstances) -> Quantity:
        rising_at = (self.peak - 6.0) * 3600.0 - circumstances.start
        return Sine(self.mean, self.swing, DAY, rising_at)


class SineSpec(QuantitySpec):
    """`mean` plus and minus `swing`, once in `period` seconds, from the mean upwards at `phase` seconds."""

    curve: Literal["sine"]
    mean: float
    swing: float
    period: float = Field(gt=0)
    phase: float = 0.0

    def build(self, circumstances: Circumstances) -> Quantity:
        return Sine(self.mean, self.swing, self.period, self.phase)


class WalkSpec(QuantitySpec):
    """Wanders within `swing` of `mean`, a new direction each `step` seconds."""

    curve: Literal["walk"]
    mean: float
    swing: float
    step: float = Field(default=60.0, gt=0)

    def build(self, circumstances: Circumstances) -> Quantity:
        return Walk(self.mean, self.swing, self.step, circumstances.random())


class SquareSpec(QuantitySpec):
    """1 for the first `duty` part of each `period` seconds, then 0."""

    curve: Literal["square"]
    period: float = Field(gt=0)
    duty: float = Field(default=0.5, ge=0, le=1)
    phase: float = 0.0

    def build(self, circumstances: Circumstances) -> Quantity:
        return Square(self.period, self.duty, self.phase)


class RampSpec(QuantitySpec):
    """`start` plus `rate` a second: pulses of a meter."""

    curve: Literal["ramp"]
    start: float = 0.0
    rate: float

    def build(self, circumstances: Circumstances) -> Quantity:
        return Ramp(self.start, self.rate)


class FileSpec(QuantitySpec):
    """A CSV file: a header line, seconds in the first column, values in `column` (default: the second)."""

    csv: str
    column: str | None = None
    repeat: bool = False
    steps: bool = False

    def build(self, circumstances: Circumstances) -> Quantity:
        path = circumstances.folder / self.csv
        return Recorded.load(path, self.column, repeat=self.repeat, steps=self.steps)


class NumberSpec(QuantitySpec):
    """A value that stays."""

    value: float

    def build(self, circumstances: Circumstances) -> Quantity:
        return Constant(self.value)


CURVES: dict[str, type[QuantitySpec]] = {
    "day": DaySpec,
    "sine": SineSpec,
    "walk": WalkSpec,
    "square": SquareSpec,
    "ramp": RampSpec,
}


def spec_of(written: Any) -> tuple[type[QuantitySpec], dict[str, Any]]:
    """Which kind of quantity a TOML value is, and the keys to validate for it.

    Raises:
        ValueError: it is none; the message says what it could be.
    """
    if isinstance(written, bool | int | float):
        return NumberSpec, {"value": float(written)}
    if isinstance(written, str):
        return FileSpec, {"csv": written}
    if isinstance(written, dict) and "csv" in written:
        return FileSpec, written
    if isinstance(written, dict) and "curve" in written:
        curve = written["curve"]
        if curve not in CURVES:
            raise ValueError(f"no curve {curve!r}{did_you_mean(str(curve), CURVES)}")
        return CURVES[curve], written
    raise ValueError("write a number, a table with a curve, or the name of a CSV file")
