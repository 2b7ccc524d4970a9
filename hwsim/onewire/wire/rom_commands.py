"""The ROM layer: how a slave behind a reset finds out whether it is meant.

Commands and their flow are those of the Maxim DS18B20, DS2413 and DS2408 datasheets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families import DS2401
from hwsim.onewire.wire.functions import FUNCTIONS
from hwsim.onewire.wire.slots import Slots, send

if TYPE_CHECKING:
    from hwsim.onewire.rom import RomId
    from hwsim.onewire.slave import Slave
    from hwsim.onewire.wire.line import Line

SEARCH, ALARM_SEARCH, MATCH, SKIP, READ = 0xF0, 0xEC, 0x55, 0xCC, 0x33
RESUME, OVERDRIVE_MATCH, OVERDRIVE_SKIP = 0xA5, 0x69, 0x3C


def attend(slave: Slave, line: Line, command: int) -> Slots[None]:
    """All that a slave does from the ROM command after a reset to the next reset."""
    if not slave.overdrive and command in (OVERDRIVE_MATCH, OVERDRIVE_SKIP):
        return
    resumed = slave.resumes and slave in line.resumable
    line.resumable.discard(slave)
    match command:
        case 0xF0 | 0xEC if command == SEARCH or slave.in_alarm():
            meant = chosen = yield from _search(slave.rom)
        case 0x55 | 0x69:
            meant = chosen = yield from _match(slave.rom)
            if chosen:
                slave.match()
        case 0x33 | 0x0F if command == READ or isinstance(slave, DS2401):
            yield from send(slave.rom.wire)
            meant, chosen = True, False
        case 0xA5:
            meant = chosen = resumed
        case _:
            meant, chosen = command in (SKIP, OVERDRIVE_SKIP), False
    if chosen:
        line.resumable.add(slave)
    if meant and (chosen or slave.skips) and (function := FUNCTIONS.get(type(slave))):
        yield from function(slave, line)


def _match(rom: RomId) -> Slots[bool]:
    """Listen to an id for as long as it is one's own."""
    for bit in rom.bits:
        if (yield 1) != bit:
            return False
    return True


def _search(rom: RomId) -> Slots[bool]:
    """Send each bit and its complement, and go on while the master takes the way of this slave."""
    for bit in rom.bits:
        yield bit
        yield 1 - bit
        if (yield 1) != bit:
            return False
    return True
