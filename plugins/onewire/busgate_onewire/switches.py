"""Switches that tell by themselves when something has happened. No I/O.

Theory of operation
-------------------
1. A DS2408 or DS2406 latches each change of its inputs, and answers a conditional search while a latch is set, if it
   has been told to (``set_alarm``). So one search a second replaces a read of each device, and no short pulse is lost.
2. What it has been told is lost with its supply. A DS2408 then answers each search until ``por`` is cleared; a DS2406
   answers too, because all bits of its condition are set (Maxim datasheets, "power-on default").
3. The latch is cleared before the inputs are read: a change between the two is latched anew, or in what is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Switch:
    """How a family is made to answer for its latches.

    ``condition`` is its ``set_alarm``: "any of these latches is set" (owserver's manual pages DS2408 and DS2406).
    """

    condition: int
    elements: str
    por: bool = False

    @property
    def latches(self) -> tuple[str, ...]:
        return tuple(f"latch.{element}" for element in self.elements)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"sensed.{element}" for element in self.elements)

    @property
    def programming(self) -> tuple[tuple[str, int], ...]:
        """What to write to a device that has just appeared or lost its supply, in this order."""
        return (("set_alarm", self.condition), *((("por", 0),) if self.por else ()), CLEAR)


#: Clears all latches of a device.
CLEAR: Final = ("latch.BYTE", 0)

#: By family code. First digit of the DS2408: source and logic (1: latches, any of them), then 3 for each channel: set.
#: DS2406: channels (3: both), source (1: latches), polarity (1: set).
SWITCHES: Final = {
    "29": Switch(133333333, "01234567", por=True),
    "12": Switch(311, "AB"),
}
