"""How owserver reads the DS28EA00: family 42. Source: the manual page DS28EA00 and ow_1820.c of owserver 3.2p4.

Unlike with other switches, `PIO` is the complement of the pins, not of the output latches; those are in `latch`.
Writing either sets the latches of both channels, and nobody looks whether the device acknowledges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.properties.thermometer import (
    AT_EACH_RESOLUTION,
    COMMON_PROPERTIES,
    FAST,
    LIMITS,
    RESOLUTION,
)
from hwsim.onewire.owserver.property import Property, Read

if TYPE_CHECKING:
    from hwsim.onewire.families import DS28EA00
    from hwsim.onewire.owserver.access import Access


async def _pin_state(access: Access[DS28EA00]) -> int:
    async def read() -> int:
        async with access.talk() as slave:
            (status,) = slave.read_status()
        if status & 0x0F ^ status >> 4 != 0x0F:
            raise TransactionError("the two halves of the status don't match")
        return status & 0x0F

    return await access.remember("piostate", read)


def _bits(shift: int, *, inverted: bool) -> Read:
    async def read(access: Access[DS28EA00], _element: int) -> Value:
        state = await _pin_state(access) >> shift
        bits = state & 1 | state >> 1 & 2
        return bits ^ 3 if inverted else bits

    return read


async def _set_latches(access: Access[DS28EA00], _element: int, bits: int) -> None:
    data = ~bits & 3 | 0xFC
    access.forget("piostate")
    async with access.talk() as slave:
        slave.write_latches(data, data ^ 0xFF)


def _pair(name: str, read: Read, *, writable: bool) -> Property:
    write = _set_latches if writable else None
    return Property(name, Format.YES_NO, "v", read, write, count=2, letters=True, combined=True, linked=True)


DS28EA00_PROPERTIES = (
    *COMMON_PROPERTIES,
    *LIMITS,
    RESOLUTION,
    FAST,
    *AT_EACH_RESOLUTION.values(),
    _pair("PIO", _bits(0, inverted=True), writable=True),
    _pair("latch", _bits(1, inverted=True), writable=True),
    _pair("sensed", _bits(0, inverted=False), writable=False),
)
