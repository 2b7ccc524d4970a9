"""What can go wrong with a simulated house.

HwsimError
 ├─ ScenarioError       the scenario has mistakes; holds every one with its line
 ├─ UnknownTarget       no bus, device or fault of that name
 ├─ FaultError          a fault has options it can't have
 ├─ ActionError         a device has nothing that can be pressed so
 ├─ QuantityError       a device has no such quantity, or can't have that value
 ├─ PortInUse           a bus can't listen, or be opened, where the scenario says
 ├─ RecordingError      a recording can't be written or read
 │   └─ ReplayMismatch  what a host sends to a replay is not what was recorded
 └─ Unreachable         no running house, or nothing to record, can be reached there
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class HwsimError(Exception):
    """Anything the simulator reports."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a scenario: where it stands and what to do about it."""

    source: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ScenarioError(HwsimError):
    """The scenario has mistakes; `problems` holds all of them in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        super().__init__("\n".join(map(str, self.problems)))


class UnknownTarget(HwsimError, LookupError):
    """Nothing in the house has that name."""


class QuantityError(HwsimError, ValueError):
    """A device has no such quantity, or the value is outside of what it can measure."""


class ActionError(HwsimError, ValueError):
    """A device has nothing that can be pressed so; the message says what it has."""


class FaultError(HwsimError, ValueError):
    """There is no such kind of fault, or its options are wrong; the message says what is known."""


class PortInUse(HwsimError):
    """Another program listens on the port of a bus, or the path of a stick can't be made."""


class RecordingError(HwsimError):
    """A recording can't be written or read."""


class ReplayMismatch(RecordingError, AssertionError):
    """A host sends something else than was recorded; the message says where, what was expected, and what came."""


class Unreachable(HwsimError):
    """No running house, or no device, answers there, or it is not clear which house is meant."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint to append to a message: the closest known word, else all of them, else nothing."""
    known = sorted(choices)
    close = get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""
