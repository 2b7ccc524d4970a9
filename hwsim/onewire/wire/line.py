"""A 1-Wire line: its level in each slot, who hears a reset, and who still takes part.

Theory of operation
 1. The line is low when the master or any slave pulls it low, so a slot is the AND of all that drive it.
 2. A reset starts all slaves anew that it reaches: those on the trunk, and those behind hub branches that are on.
 3. A slave that is not meant any more leaves until the next reset. It costs nothing then.
 4. The strong pull-up begins with the last bit of a slot, before the slaves get to know that bit, and ends with the
    next thing that happens on the line. A parasite that loses it too early browns out.
 5. All that have got a reset hear the same ROM command, so it is put together once for all of them.
 6. What is wrong with the line is asked in each slot, in a fixed order, so that a seed gives the same run twice.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from typing import TYPE_CHECKING

from hwsim.onewire.bus import Place
from hwsim.onewire.families import DS2409
from hwsim.onewire.wire.rom_commands import attend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from hwsim.onewire.bus import OneWireBus
    from hwsim.onewire.families import Branch
    from hwsim.onewire.slave import Slave
    from hwsim.onewire.wire.slots import Slots

    _Talks = list[tuple[Slots[None], int | Callable[[], int]]]

_WHOLE_BYTE = 1 << 8


class Presence(IntEnum):
    """What a reset finds; the numbers are those of a DS2480B, whose 2 would be an alarm that no simulated part has."""

    SHORT = 0
    PRESENT = 1
    NOBODY = 3


@dataclass
class LineTrouble:
    """What is wrong with a line."""

    shorted: int = 0
    """How many faults hold it low."""
    broken: int = 0
    """How many faults cut it off from all slaves."""
    rates: list[float] = field(default_factory=list)
    """Chances that a slot is read wrong: by the master, and, each for itself, by the slaves."""

    @property
    def flips(self) -> float:
        """The chance in all."""
        return 1 - prod(1 - rate for rate in self.rates)


@dataclass
class LineTraffic:
    """Counters of one line."""

    resets: int = 0
    slots: int = 0
    flipped: int = 0
    """Slots that somebody has read wrong."""


class Line:
    """One channel of a bus as copper."""

    def __init__(self, bus: OneWireBus, random: Random, channel: int = 0) -> None:
        self.trouble = LineTrouble()
        self.traffic = LineTraffic()
        self.resumable: set[Slave] = set()
        """Those that RESUME means: chosen by the last MATCH or SEARCH."""
        self.strong_pullup = False
        self.when_programmed: list[Callable[[], None]] = []
        """What the next programming pulse does in slaves that wait for it."""
        self._bus = bus
        self._random = random
        self._trunk = Place(channel)
        self._talks: _Talks = []
        """Each slave that takes part, and the bit that it drives in the next slot."""
        self._listeners: list[Slave] = []
        """Those that have just got a reset; none of them drives anything before it knows the ROM command."""
        self._command, self._mask = 0, 1

    def reset(self) -> Presence:
        """Begin anew with everybody."""
        self.traffic.resets += 1
        self.end_pullup()
        self._talks, self._listeners = [], []
        self.when_programmed = []
        if self.trouble.shorted:
            return Presence.SHORT
        self._join(self._trunk)
        return Presence.PRESENT if self._listeners else Presence.NOBODY

    def anybody_behind(self, hub: DS2409, branch: Branch) -> bool:
        """Whether somebody answers a reset on a branch."""
        return any(self._reached(self._bus.place(hub.rom).below(hub.rom, branch)))

    def join_behind(self, hub: DS2409, branch: Branch) -> None:
        """Let those on a branch take part, who have just got a reset of their own."""
        self._join(self._bus.place(hub.rom).below(hub.rom, branch))

    def _join(self, place: Place) -> None:
        self._listeners += self._reached(place)
        self._command, self._mask = 0, 1

    def slot(self, bit: int, *, then_pullup: bool = False) -> int:
        """One time slot: the master writes 0, or leaves the line alone; returns what it reads.

        Args:
            bit: what the master writes; 1 to read.
            then_pullup: the strong pull-up begins with the end of the slot.
        """
        self.traffic.slots += 1
        if self.strong_pullup:
            self.end_pullup()
        level = bit
        for _, driven in self._talks:
            if driven != 1:
                level &= driven if isinstance(driven, int) else driven()
        heard = level
        if self.trouble.shorted:
            level = heard = 0
        elif self.trouble.rates:
            level, heard = self._flip(level), self._flip(level)
        self.strong_pullup = then_pullup
        listening = bool(self._listeners)  # those behind a hub that now lets them in begin with the next slot
        self._talks = _told(self._talks, heard)
        if listening:
            self._listen(heard)
        return level

    def byte(self, byte: int, *, then_pullup: bool = False) -> int:
        """Eight slots, least significant bit first; the strong pull-up may begin with the end of the last one."""
        unusual = self.trouble.shorted or self.trouble.rates or self.strong_pullup or then_pullup
        if len(self._talks) == 1 and not self._listeners and not unusual:
            return self._byte_of_one(byte)
        return self._rest_of_byte(byte, 0, then_pullup=then_pullup)

    def _rest_of_byte(self, byte: int, done: int, *, then_pullup: bool = False) -> int:
        read = 0
        for position in range(done, 8):
            last = position == 7
            read |= self.slot(byte >> position & 1, then_pullup=last and then_pullup) << position
        return read

    def _byte_of_one(self, byte: int) -> int:
        """The same eight slots when one slave alone takes part and nothing is wrong, which is most of the time."""
        ((talk, driven),) = self._talks
        read = 0
        for position in range(8):
            level = byte >> position & 1
            if driven != 1:
                level &= driven if isinstance(driven, int) else driven()
            read |= level << position
            try:
                driven = talk.send(level)
            except StopIteration:
                self._talks = []
                self.traffic.slots += position + 1
                return read | self._rest_of_byte(byte, position + 1)
        self._talks = [(talk, driven)]
        self.traffic.slots += 8
        return read

    def _listen(self, bit: int) -> None:
        """One more bit of the ROM command."""
        self._command |= bit * self._mask
        self._mask <<= 1
        if self._mask == _WHOLE_BYTE:
            listeners, self._listeners = self._listeners, []
            for slave in listeners:
                talk = attend(slave, self, self._command)
                with suppress(StopIteration):
                    self._talks.append((talk, next(talk)))

    def begin_pullup(self) -> None:
        """Hold the line high, strongly."""
        self.strong_pullup = True

    def end_pullup(self) -> None:
        """Leave the line to its normal pull-up."""
        if self.strong_pullup:
            self.strong_pullup = False
            for slave in self._reached(self._trunk):
                slave.lose_strong_pullup()

    def program(self) -> None:
        """A pulse of 12 V, as EPROMs need it."""
        burning, self.when_programmed = self.when_programmed, []
        for burn in burning:
            burn()

    def lose_power(self) -> None:
        """Those that live on the line alone are without supply for a moment; hubs pass it on to both branches."""
        self.strong_pullup = False
        for slave in self._bus:
            for one in (slave, slave.twin):
                if one is not None and one.connected and not one.externally_powered():
                    one.power_cycle()

    def _reached(self, place: Place) -> Iterator[Slave]:
        """Those at a place and their twins, and those behind branches there that are on."""
        for slave in self._bus.at(place):
            if slave.connected and not self.trouble.broken:
                yield slave
                if slave.twin is not None:
                    yield slave.twin
                if isinstance(slave, DS2409) and slave.active is not None:
                    yield from self._reached(place.below(slave.rom, slave.active))

    def _flip(self, level: int) -> int:
        if self._random.random() >= self.trouble.flips:
            return level
        self.traffic.flipped += 1
        return 1 - level


def _told(talks: _Talks, heard: int) -> _Talks:
    """Those that go on after a slot, each with the next bit that it drives."""
    going_on: _Talks = []
    for talk, _ in talks:
        try:
            going_on.append((talk, talk.send(heard)))
        except StopIteration:
            continue
    return going_on
