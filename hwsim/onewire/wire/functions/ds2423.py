"""Memory function commands of the DS2423 counter, family 1D, as in the Maxim DS2423 datasheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds2423 import MEMORY_BYTES, PAGE_BYTES
from hwsim.onewire.wire.slots import Slots, receive, receive_address, repeat, send

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2423
    from hwsim.onewire.wire.line import Line


def ds2423(slave: DS2423, _line: Line) -> Slots[None]:
    match (yield from receive()):
        case 0x0F:
            yield from _write_scratchpad(slave)
        case 0xAA:
            yield from send(slave.read_scratchpad())
        case 0x5A:
            address = yield from receive_address()
            if slave.copy_scratchpad(address, (yield from receive())):
                yield from repeat(slave.transmit(b"\xaa"))
        case 0xF0:
            yield from send(slave.read_memory((yield from receive_address())))
        case 0xA5:
            yield from _read_with_counter(slave)


def _write_scratchpad(slave: DS2423) -> Slots[None]:
    """Each byte counts as soon as it has come; the one at the end of the page is answered."""
    address = yield from receive_address()
    data = bytearray()
    while len(data) < PAGE_BYTES - address % PAGE_BYTES:
        data.append((yield from receive()))
        answer = slave.write_scratchpad(address, bytes(data))
    yield from send(answer)


def _read_with_counter(slave: DS2423) -> Slots[None]:
    """Page after page to the end of the memory."""
    address = yield from receive_address()
    first = True
    while address < MEMORY_BYTES:
        yield from send(slave.read_with_counter(address, first=first))
        address = (address // PAGE_BYTES + 1) * PAGE_BYTES
        first = False
