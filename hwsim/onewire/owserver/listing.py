"""What stands in owserver's folders, and how their paths are written.

Source: listings of owserver 3.2p4; the flags word is an OR over the families found, as in its ow_connection
documentation: 0x1 resume, 0x2 alarm, 0x4 overdrive, 0x2000 chain, 0x4000 voltage, 0x8000 temperature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwsim.onewire.owserver.formats import rom_text
from hwsim.onewire.owserver.frames import Flag
from hwsim.onewire.owserver.paths import Area, Target
from hwsim.onewire.owserver.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwsim.onewire.slave import Slave

RESUME, ALARM, OVERDRIVE, CHAIN, VOLTAGE, TEMPERATURE = 0x1, 0x2, 0x4, 0x2000, 0x4000, 0x8000
_FAMILY_FLAGS = {
    0x28: TEMPERATURE | ALARM,
    0x22: TEMPERATURE | ALARM,
    0x10: TEMPERATURE | ALARM,
    0x42: TEMPERATURE | ALARM | CHAIN,
    0x3B: TEMPERATURE | ALARM,
    0x01: 0,
    0x05: ALARM,
    0x29: ALARM | RESUME | OVERDRIVE,
    0x3A: RESUME | OVERDRIVE,
    0x12: ALARM,
    0x26: TEMPERATURE | VOLTAGE,
    0x20: VOLTAGE | ALARM | OVERDRIVE,
    0x1D: OVERDRIVE,
    0x1F: 0,
}
_ABOUT_ITSELF = (Area.SETTINGS, Area.SYSTEM, Area.STATISTICS, Area.STRUCTURE)


@dataclass
class Listing:
    """The paths in a folder, in order, each with whether it is a folder; and the flags word."""

    entries: list[tuple[str, bool]] = field(default_factory=list)
    flags: int = 0

    def paths(self, *, slashes: bool) -> list[str]:
        """The paths, folders with a slash at the end if asked for."""
        return [f"{path}/" if slashes and is_folder else path for path, is_folder in self.entries]


def prefix(target: Target, aliases: dict[int, str]) -> str:
    """The path of a folder as it begins the paths within: as asked, but with aliases for devices."""
    parts = [aliases.get(index, segment) for index, segment in enumerate(target.segments)]
    return "".join(f"/{part}" for part in parts)


def wire_listing(target: Target, start: str, slaves: Iterable[Slave], channels: int, flags: int) -> Listing:
    """The top folder, that of a wire, or that of a hub branch; `flags` is the flags word of the request."""
    listing = Listing()
    on_wire, top = target.channel is not None, not target.branches
    if on_wire and top:
        listing.entries.append((f"{start}/interface", True))
    for slave in slaves:
        listing.entries.append((f"{start}/{device_name(slave, flags)}", True))
        listing.flags |= _FAMILY_FLAGS[slave.rom.family]
    if not on_wire and not flags & Flag.BUS_RET:
        return listing
    names: list[str] = []
    if not on_wire and top:
        names += [f"bus.{number}" for number in range(channels)]
        names += [] if target.uncached or flags & Flag.UNCACHED else ["uncached"]
        names += [area.value for area in _ABOUT_ITSELF]
    if listing.flags & (TEMPERATURE | VOLTAGE):
        names.append("simultaneous")
    if listing.flags & ALARM:
        names.append("alarm")
    listing.entries += [(f"{start}/{name}", True) for name in names]
    return listing


def alarm_listing(start: str, slaves: Iterable[Slave], flags: int) -> Listing:
    """The folder of the devices in alarm."""
    return Listing([(f"{start}/{device_name(slave, flags)}", True) for slave in slaves])


def table_listing(target: Target, start: str, part: str = "") -> Listing:
    """The folder of a device of that part, or of one of the areas about the server."""
    if target.table is None:
        families = [f"{code:02X}" for code in sorted(PROPERTIES)]
        return Listing([(f"{start}/{name}", True) for name in (*families, Area.SIMULTANEOUS.value)])
    structure = target.area is Area.STRUCTURE
    entries = target.table.entries(target.folder, part=part, structure=structure)
    return Listing([(f"{start}/{name}", is_folder) for name, is_folder in entries])


def device_name(slave: Slave, flags: int) -> str:
    """What a device is called in listings: its alias, or its id in the format that the flags ask for."""
    return slave.alias or rom_text(slave.rom, flags)
