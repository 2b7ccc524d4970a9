"""Memory and conversion commands of the DS2450 A/D converter, family 20, as in the Maxim DS2450 datasheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds2450 import PAGE_BYTES, PAGES
from hwsim.onewire.wire.slots import Slots, receive, receive_address, receive_many, send

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2450
    from hwsim.onewire.wire.line import Line

_END = PAGES * PAGE_BYTES


def ds2450(slave: DS2450, line: Line) -> Slots[None]:
    match (yield from receive()):
        case 0xAA:
            yield from _read(slave)
        case 0x55:
            yield from _write(slave)
        case 0x3C:
            yield from _convert(slave, line)


def _read(slave: DS2450) -> Slots[None]:
    """Page after page to the end of the memory."""
    address = yield from receive_address()
    following = False
    while address < _END:
        yield from send(slave.read_memory(address, following=following))
        address = (address // PAGE_BYTES + 1) * PAGE_BYTES
        following = True


def _write(slave: DS2450) -> Slots[None]:
    """Byte after byte, each with its CRC and as it is stored."""
    address = yield from receive_address()
    following = False
    while address < _END:
        yield from send(slave.write_memory(address, (yield from receive()), following=following))
        address += 1
        following = True


def _convert(slave: DS2450, line: Line) -> Slots[None]:
    """The strong pull-up has to begin with the end of the CRC, which the conversion does not wait for here."""
    channels, preset = yield from receive_many(2)
    yield from send(slave.convert(channels, preset, strong_pullup=True))
    if not line.strong_pullup:
        slave.lose_strong_pullup()
    if slave.externally_powered():
        while not (yield slave.idle):
            pass
