"""What an owserver path names: a device, a property, one of the folders about the server.

Source: the owserver 3.2p4 manual page owfs; corner cases as measured: prefixes in any letter case and in any
order, a `/bus.N` is taken as long as that bus exists, whether the device is on it or not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from hwsim.onewire.bus import Branches, Place
from hwsim.onewire.families import Branch
from hwsim.onewire.owserver.formats import Format
from hwsim.onewire.owserver.information import INTERFACE, SETTINGS, STATISTICS, SYSTEM
from hwsim.onewire.owserver.properties import PROPERTIES
from hwsim.onewire.owserver.property import Property
from hwsim.onewire.owserver.simultaneous import SIMULTANEOUS
from hwsim.onewire.rom import RomId

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.onewire.owserver.property import PropertyTable

LONGEST_PATH = 4096
_BUS = re.compile(r"bus\.(\d+)", re.IGNORECASE)


class Area(Enum):
    """The kinds of folders at the top."""

    BUS = "bus"
    STRUCTURE = "structure"
    SETTINGS = "settings"
    SYSTEM = "system"
    STATISTICS = "statistics"
    INTERFACE = "interface"
    SIMULTANEOUS = "simultaneous"


_TABLES = {
    Area.SETTINGS: SETTINGS,
    Area.SYSTEM: SYSTEM,
    Area.STATISTICS: STATISTICS,
    Area.INTERFACE: INTERFACE,
    Area.SIMULTANEOUS: SIMULTANEOUS,
}


class PathError(Exception):
    """The path names nothing; owserver answers -1."""


@dataclass(frozen=True)
class Target:
    """What a path names."""

    segments: tuple[str, ...] = ()
    """The parts of the path; in listings, the id of a device is replaced by its alias."""
    area: Area = Area.BUS
    channel: int | None = None
    """The N of /bus.N; None: all wires."""
    branches: Branches = ()
    uncached: bool = False
    text: bool = False
    alarm: bool = False
    rom: RomId | None = None
    device_segment: int = -1
    """Which of the segments is the device."""
    table: PropertyTable | None = None
    folder: str = ""
    prop: Property | None = None
    element: int = 0

    @property
    def is_file(self) -> bool:
        """A property, not a folder."""
        return self.prop is not None

    def place(self, channel: int) -> Place:
        """Where the path leads to on a wire."""
        return Place(channel, self.branches)


@dataclass
class PathParser:
    """Parses paths for one server."""

    channels: int
    rom_of_alias: Callable[[str], RomId | None]

    def parse(self, path: str) -> Target:
        """What `path` names; whether a device is really there is another question.

        Raises:
            PathError: it names nothing.
        """
        if len(path) > LONGEST_PATH:
            raise PathError("too long")
        segments = tuple(path.removeprefix("/").removesuffix("/").split("/"))
        if segments == ("",):
            return Target()
        if path.endswith("/") and len(path) > 1 and self._walk(segments).is_file:
            raise PathError("a file is no folder")
        return self._walk(segments)

    def _walk(self, segments: tuple[str, ...]) -> Target:
        target = Target(segments=segments)
        for index, segment in enumerate(segments):
            if target.table is not None and (target.rom is None or segment not in target.table.branches):
                return _inside(target, "/".join(segments[index:]))
            if target.area is Area.STRUCTURE:
                target = replace(target, table=_structure_table(segment))
            elif target.table is not None and target.rom is not None:
                below = (*target.branches, (target.rom, Branch(segment)))
                target = replace(target, branches=below, rom=None, table=None, alarm=False)
            else:
                target = self._step(target, segment, index)
        return target

    def _step(self, target: Target, segment: str, index: int) -> Target:
        word = segment.lower()
        if word == "uncached":
            return replace(target, uncached=True)
        if word in ("text", "json"):
            return replace(target, text=True)
        if match := _BUS.match(segment):
            return self._choose_channel(target, int(match[1]))
        if word == "alarm" and not target.alarm:
            return replace(target, alarm=True)
        if word in (area.value for area in Area if area is not Area.BUS):
            return _enter_area(target, Area(word))
        rom = self._rom(segment)
        if rom.family not in PROPERTIES:
            raise PathError("unknown family")
        return replace(target, rom=rom, table=PROPERTIES[rom.family], device_segment=index)

    def _choose_channel(self, target: Target, channel: int) -> Target:
        if target.channel is not None or target.alarm or target.branches or channel >= self.channels:
            raise PathError("no such bus")
        return replace(target, channel=channel)

    def _rom(self, segment: str) -> RomId:
        try:
            return RomId.parse(segment)
        except ValueError:
            rom = self.rom_of_alias(segment)
        if rom is None:
            raise PathError("neither an id nor an alias")
        return rom


def _enter_area(target: Target, area: Area) -> Target:
    within_bus = target.channel is not None or target.alarm or bool(target.branches)
    allowed = {
        Area.SIMULTANEOUS: not target.alarm,
        Area.INTERFACE: target.channel is not None and not target.alarm and not target.branches,
    }
    if not allowed.get(area, not within_bus):
        raise PathError("not here")
    return replace(target, area=area, table=_TABLES.get(area))


def _structure_table(segment: str) -> PropertyTable:
    if segment == Area.SIMULTANEOUS.value:
        return SIMULTANEOUS
    try:
        return PROPERTIES[int(segment, 16)]
    except (ValueError, KeyError):
        raise PathError("no such family") from None


def _inside(target: Target, name: str) -> Target:
    """The rest of a path, below a device or another folder with properties."""
    table = target.table
    if table is None:
        raise PathError("nothing here")
    if target.area is Area.STRUCTURE and name in table.branches:
        return replace(target, prop=Property(name, Format.BRANCH, width=8))
    if found := table.find(name):
        return replace(target, prop=found[0], element=found[1])
    if name in table.folders:
        return replace(target, folder=name)
    raise PathError("no such property")
