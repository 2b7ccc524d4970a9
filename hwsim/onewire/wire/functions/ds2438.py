"""Function commands of the DS2438 battery monitor, family 26, as in the Maxim DS2438 datasheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds2438 import PAGE_BYTES, PAGES
from hwsim.onewire.wire.slots import Slots, receive, send

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2438
    from hwsim.onewire.wire.line import Line


def ds2438(slave: DS2438, _line: Line) -> Slots[None]:
    command = yield from receive()
    if command in (0x44, 0xB4):
        yield from _convert(slave, command)
        return
    page = yield from receive()
    if page >= PAGES:
        return
    match command:
        case 0x4E:
            yield from _write(slave, page)
        case 0xBE:
            yield from send(slave.read_scratchpad(page))
        case 0x48:
            slave.copy_scratchpad(page)
        case 0xB8:
            slave.recall(page)


def _convert(slave: DS2438, command: int) -> Slots[None]:
    """CONVERT T or CONVERT V; read slots give 0 until it is done."""
    if command == 0x44:
        slave.convert_temperature()
    else:
        slave.convert_voltage()
    while not (yield slave.idle):
        pass


def _write(slave: DS2438, page: int) -> Slots[None]:
    """WRITE SCRATCHPAD: each byte counts as soon as it has come."""
    data = bytearray()
    while len(data) < PAGE_BYTES:
        data.append((yield from receive()))
        slave.write_scratchpad(page, bytes(data))
