"""Reads that need no waiting: a property of a device whose value is remembered, asked for in the same words before.

Theory of operation
 1. What a request means is learned when it has been answered the long way: the same bytes and flags mean the same
    again, as long as they name the device by its id, since aliases change.
 2. Only a value that the long way would take from the cache is given, with the same text and the same counts.
    Whatever else there is to it (no value, an uncached path, arrays as a whole, faults of the device) goes the
    long way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hwsim.onewire.owserver.formats import render
from hwsim.onewire.owserver.frames import LARGEST_REQUEST, Answer, Flag, Request
from hwsim.onewire.owserver.paths import Area, Target
from hwsim.onewire.owserver.values import Unit
from hwsim.onewire.rom import RomId

if TYPE_CHECKING:
    from hwsim.onewire.owserver.access import Master
    from hwsim.onewire.owserver.disturbance import Disturbance
    from hwsim.onewire.owserver.property import Property

_MOST_KNOWN: Final = 10_000


@dataclass
class _Known:
    """What a request means."""

    rom: RomId
    prop: Property
    target: Target
    flags: int
    units: dict[int, Unit] = field(default_factory=dict)
    """By channel."""


class QuickReads:
    """The requests of one server that were understood before."""

    def __init__(self, master: Master, disturbance: Disturbance) -> None:
        self._master = master
        self._disturbance = disturbance
        self._known: dict[tuple[bytes, int], _Known] = {}

    def learn(self, request: Request, target: Target) -> None:
        """Note what a request means, if it is one that can be answered at once."""
        rom, prop = target.rom, target.prop
        if rom is None or prop is None or target.area is not Area.BUS or target.uncached:
            return
        if request.flags & Flag.UNCACHED or prop.combined or target.element < 0 or not _names_id(target, rom):
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[request.payload, request.flags] = _Known(rom, prop, target, request.flags)

    def answer(self, request: Request, flags: int) -> Answer | None:
        """The answer, with these flags; None: it has to be found the long way."""
        known = self._known.get((request.payload, request.flags))
        if known is None or not 0 < request.size <= LARGEST_REQUEST or request.offset:
            return None
        unit = self._unit(known)
        value = None if unit is None else unit.remembered(known.prop, known.target.element, counted=False)
        if unit is None or value is None:
            return None
        text = render(value, known.prop.form, known.flags)[: request.size]
        self._count(known, len(text))
        return Answer(len(text), text, len(text), 0, flags)

    def _unit(self, known: _Known) -> Unit | None:
        if known.rom in self._disturbance.device_errors or known.rom not in self._master.bus:
            return None
        channel = known.target.channel
        if channel is None:
            channel = self._master.cache.peek(("presence", known.rom))
        if channel is None:
            return None
        if channel not in known.units:
            place = known.target.place(channel)
            known.units[channel] = Unit(self._master, known.rom, place, False, known.flags)
        return known.units[channel]

    def _count(self, known: _Known, length: int) -> None:
        self._master.cache.count_hits(1 if known.target.channel is not None else 2)
        statistics = self._master.statistics
        for name in ("read/tries.0", "read/calls", "read/success"):
            statistics[name] += 1
        statistics["read/bytes"] += length


def _names_id(target: Target, rom: RomId) -> bool:
    try:
        return RomId.parse(target.segments[target.device_segment]) == rom
    except ValueError:
        return False
