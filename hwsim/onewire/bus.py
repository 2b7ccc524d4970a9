"""The wire: which slaves hang where, who holds it, and what a master sees of it.

Theory of operation
 1. A bus has one or more channels (owserver's `/bus.N`), each a wire of its own with its own lock.
 2. A slave hangs on a channel directly or behind a chain of hub branches. Only slaves whose hubs are all
    there can be reached.
 3. Whoever talks on a channel holds its lock for as long as the talk takes. A master that wants to wait
    without blocking the others gives it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from hwsim.errors import UnknownTarget, did_you_mean
from hwsim.onewire.families import DS2409, Branch
from hwsim.onewire.rom import RomId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.onewire.slave import Slave

Branches = tuple[tuple[RomId, Branch], ...]
"""Hub branches on the way to a device, outermost first."""


@dataclass(frozen=True)
class Place:
    """Where a slave hangs: the channel and the hub branches on the way, outermost first."""

    channel: int = 0
    branches: Branches = ()

    def below(self, hub: RomId, branch: Branch) -> Place:
        return Place(self.channel, (*self.branches, (hub, branch)))


@dataclass
class Channel:
    """One wire: its lock, and the time each talk on it takes beyond the ideal, in seconds."""

    number: int
    lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    extra_delay: float = 0.0


class OneWireBus:
    """All slaves of one bus and their places."""

    def __init__(self, name: str, channels: int = 1) -> None:
        self.name = name
        self.channels = [Channel(number) for number in range(channels)]
        self._slaves: dict[RomId, Slave] = {}
        self._places: dict[RomId, Place] = {}
        self._at: dict[Place, list[Slave]] = {}

    def attach(self, slave: Slave, place: Place) -> None:
        """Hang a slave on the bus.

        Raises:
            ValueError: the bus has a slave of that id, or not that channel.
        """
        if slave.rom in self._slaves:
            raise ValueError(f"bus {self.name!r} has a device {slave.id} already")
        if not 0 <= place.channel < len(self.channels):
            raise ValueError(f"bus {self.name!r} has no channel {place.channel}; it has {len(self.channels)}")
        self._slaves[slave.rom] = slave
        self._places[slave.rom] = place
        self._at.setdefault(place, []).append(slave)

    def detach(self, rom: RomId) -> None:
        """Take a slave away for good; those behind it can't be reached any more."""
        self._at[self._places.pop(rom)].remove(self._slaves.pop(rom))

    def __iter__(self) -> Iterator[Slave]:
        return iter(self._slaves.values())

    def __contains__(self, rom: RomId) -> bool:
        return rom in self._slaves

    def slave(self, rom: RomId) -> Slave:
        """The slave of that id, connected or not.

        Raises:
            UnknownTarget: there is none.
        """
        try:
            return self._slaves[rom]
        except KeyError:
            hint = did_you_mean(str(rom), map(str, self._slaves))
            raise UnknownTarget(f"bus {self.name!r} has no device {rom}{hint}") from None

    def place(self, rom: RomId) -> Place:
        """Where the slave of that id hangs."""
        return self._places[rom]

    def at(self, place: Place) -> list[Slave]:
        """All slaves at exactly this place, connected or not."""
        return self._at.get(place, [])

    def reachable(self, rom: RomId) -> bool:
        """Whether the slave would answer now: it and all hubs on the way are connected."""
        if rom not in self._slaves or not self._slaves[rom].connected:
            return False
        return all(hub in self._slaves and self._slaves[hub].connected for hub, _ in self._places[rom].branches)

    def selectable(self, place: Place) -> bool:
        """Whether a master can switch on all hub branches that lead there."""
        above = Place(place.channel)
        for rom, branch in place.branches:
            if rom.family != DS2409.family or not self.reachable(rom) or self._places[rom] != above:
                return False
            above = above.below(rom, branch)
        return True

    def search(self, place: Place) -> list[Slave]:
        """What a ROM search finds at exactly this place, in the order of the search."""
        found = [s for s in self.at(place) if self.reachable(s.rom)]
        return sorted(found, key=lambda slave: slave.rom.search_key)

    def alarm_search(self, place: Place) -> list[Slave]:
        """What a conditional search finds at this place; it can't tell twins apart."""
        return [s for s in self.search(place) if s.in_alarm() or (s.twin is not None and s.twin.in_alarm())]

    def all_at(self, place: Place) -> list[Slave]:
        """All that hear a command after SKIP ROM at this place, twins too."""
        found = self.search(place)
        return found + [slave.twin for slave in found if slave.twin is not None]
