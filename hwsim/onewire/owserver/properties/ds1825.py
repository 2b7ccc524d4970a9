"""How owserver reads family 3B: DS1825, MAX31826 and MAX31850. Source: ow_1820.c of owserver 3.2p4.

All three are called DS1825. What a folder lists depends on the chip, but every file can be read of each of them;
a chip that does not know a command leaves the wire alone, which reads as FF.

Theory of operation
 1. `thermocouple` is computed with the scale of the cold junction, so it is a sixteenth of the temperature, cut
    to whole degrees before that.
 2. A page is written by way of the second scratchpad, but then owserver compares the checksums of two different
    commands, which are never the same, and so each write fails before it is copied to EEPROM.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hwsim.onewire.families import DS1825, MAX31826, MAX31850
from hwsim.onewire.families.ds1825 import MEMORY_BYTES, MEMORY_PAGE_BYTES
from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.properties.thermometer import (
    AT_EACH_RESOLUTION,
    COMMON_PROPERTIES,
    FAST,
    LIMITS,
    RESOLUTION,
    SCRATCHPAD,
    make_ready,
    read_scratchpad,
    three_passes,
)
from hwsim.onewire.owserver.property import Property, Read

if TYPE_CHECKING:
    from hwsim.onewire.families.thermometer import Thermometer
    from hwsim.onewire.owserver.access import Access

_PLAIN, _EEPROM, _COUPLE = (DS1825.part,), (MAX31826.part,), (MAX31850.part,)
_ANY_FLAG = 0x07


async def _registers(access: Access[Thermometer]) -> bytes:
    data = await access.sibling("scratchpad")
    if not isinstance(data, bytes):
        raise TransactionError("no scratchpad")
    return data


async def _address(access: Access[Thermometer], _element: int) -> Value:
    return (await _registers(access))[4] & 0x0F


def _flag(byte: int, bit: int) -> Read:
    async def read(access: Access[Thermometer], _element: int) -> Value:
        return bool((await _registers(access))[byte] >> bit & 1)

    return read


async def _thermocouple(access: Access[Thermometer], _element: int) -> Value:
    async def one_pass(simultaneous: bool, accept_85: bool) -> float:
        await make_ready(access, 12, simultaneous=simultaneous, accept_85=accept_85)
        data = await read_scratchpad(access)
        if data[0] & 1 or data[2] & _ANY_FLAG:
            raise TransactionError("the thermocouple is faulty")
        return int.from_bytes(bytes([data[0] & 0xF0, data[1]]), "little", signed=True) / 256

    return await three_passes(one_pass)


async def _read_memory(access: Access[Thermometer], address: int, length: int) -> bytes:
    async with access.talk() as slave:
        return _eeprom(slave).read_memory(address, length) if _has_eeprom(access) else b"\xff" * length


def _has_eeprom(access: Access[Thermometer]) -> bool:
    return isinstance(access.slave, MAX31826)


def _eeprom(slave: Thermometer) -> MAX31826:
    return cast("MAX31826", slave)


async def _memory(access: Access[Thermometer], _element: int) -> Value:
    return await _read_memory(access, 0, MEMORY_BYTES)


async def _page(access: Access[Thermometer], element: int) -> Value:
    return await _read_memory(access, element * MEMORY_PAGE_BYTES, MEMORY_PAGE_BYTES)


async def _write_page(access: Access[Thermometer], element: int, data: bytes) -> None:
    address = element * MEMORY_PAGE_BYTES
    async with access.talk() as slave:
        written = _eeprom(slave).write_second_scratchpad(address, data) if _has_eeprom(access) else b"\xff"
    access.check8(bytes([0x0F, address]) + data + written)
    async with access.talk() as slave:
        found = _eeprom(slave).read_second_scratchpad(address) if _has_eeprom(access) else b"\xff" * 9
    access.check8(bytes([0xAA, address]) + found)
    if written[0] != found[-1]:
        raise TransactionError("the checksums of writing and reading differ")
    async with access.talk() as slave:
        _eeprom(slave).copy_second_scratchpad()


async def _write_memory(access: Access[Thermometer], _element: int, data: bytes) -> None:
    for start in range(0, len(data), MEMORY_PAGE_BYTES):
        await _write_page(access, start // MEMORY_PAGE_BYTES, data[start : start + MEMORY_PAGE_BYTES])


def _couple(name: str, byte: int, bit: int) -> Property:
    return Property(name, Format.YES_NO, "v", _flag(byte, bit), linked=True, only=_COUPLE)


DS1825_PROPERTIES = (
    *COMMON_PROPERTIES,
    *(replace(limit, only=_PLAIN) for limit in LIMITS),
    *(replace(AT_EACH_RESOLUTION[bits], only=_PLAIN) for bits in (9, 10, 11)),
    AT_EACH_RESOLUTION[12],
    replace(FAST, only=_PLAIN),
    RESOLUTION,
    SCRATCHPAD,
    Property("prog_addr", Format.UNSIGNED, "s", _address),
    Property("thermocouple", Format.TEMPERATURE, "v", _thermocouple, linked=True, only=_COUPLE),
    _couple("fault", 0, 0),
    _couple("open_circuit", 2, 0),
    _couple("ground_short", 2, 1),
    _couple("vdd_short", 2, 2),
    Property("memory", Format.BINARY, "v", _memory, _write_memory, width=MEMORY_BYTES, linked=True, only=_EEPROM),
    Property("pages/page", Format.BINARY, "v", _page, _write_page, width=MEMORY_PAGE_BYTES, count=16, only=_EEPROM),
)
