"""Function commands of the digital thermometers, families 28, 22, 10, 42 and 3B, as in the Maxim datasheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds1825 import MEMORY_BYTES, MEMORY_PAGE_BYTES
from hwsim.onewire.wire.functions.switches import read_status, write_latches
from hwsim.onewire.wire.slots import Slots, receive, receive_many, repeat, send

if TYPE_CHECKING:
    from hwsim.onewire.families import DS28EA00, MAX31826
    from hwsim.onewire.families.thermometer import Thermometer
    from hwsim.onewire.wire.line import Line


def thermometer(slave: Thermometer, line: Line) -> Slots[None]:
    yield from _obey(slave, line, (yield from receive()))


def ds28ea00(slave: DS28EA00, line: Line) -> Slots[None]:
    """A thermometer with the pins of a DS2413."""
    match command := (yield from receive()):
        case 0xF5:
            yield from read_status(slave)
        case 0xA5:
            yield from write_latches(slave)
        case _:
            yield from _obey(slave, line, command)


def max31826(slave: MAX31826, line: Line) -> Slots[None]:
    """A thermometer with EEPROM."""
    match command := (yield from receive()):
        case 0xF0:
            address = yield from receive()
            yield from send(slave.read_memory(address, max(0, MEMORY_BYTES - address)))
        case 0x0F:
            address = yield from receive()
            yield from send(slave.write_second_scratchpad(address, (yield from receive_many(MEMORY_PAGE_BYTES))))
        case 0xAA:
            yield from send(slave.read_second_scratchpad((yield from receive())))
        case 0x55:
            if (yield from receive()) == 0xA5:
                slave.copy_second_scratchpad()
        case _:
            yield from _obey(slave, line, command)


def _obey(slave: Thermometer, line: Line, command: int) -> Slots[None]:
    match command:
        case 0x44:
            yield from _convert(slave, line)
        case 0xBE:
            yield from send(slave.read_scratchpad())
        case 0x4E:
            slave.write_scratchpad((yield from receive_many(slave.writable_bytes)))
        case 0x48:
            slave.copy_scratchpad()
        case 0xB8:
            slave.recall()
        case 0xB4:
            yield from repeat(b"\xff" if slave.externally_powered() else b"\x00")


def _convert(slave: Thermometer, line: Line) -> Slots[None]:
    """A device with its own supply tells whether it is busy; a parasite needs the line for itself."""
    slave.start_conversion(strong_pullup=line.strong_pullup)
    if slave.externally_powered():
        while not (yield slave.idle):
            pass
