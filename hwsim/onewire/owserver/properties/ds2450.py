"""How owserver reads the DS2450: family 20. Source: the manual page DS2450 and ow_2450.c of owserver 3.2p4.

Theory of operation
 1. `volt` sets resolution and range of all channels, converts all, and reads them. What it has set it believes
    for as long as the stable cache lasts, even below /uncached: after a power loss of the device the range is
    wrong, and so is the voltage, until then.
 2. `latestvolt` is the result of the last conversion in whatever range that was; `latestvolt2` halves it.
 3. `PIO` is 0 for an output that conducts, the other way round than elsewhere. Writing an alarm limit clears the
    power-on bit of channel A, writing an alarm enable bit that of its channel.
 4. `CO2/Vdd` and `CO2/status` have each other's format: the one shows whether the low half of a double is
    not zero, the other a truth value as the bits of a double.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, cast

from hwsim.onewire.families.ds2450 import (
    CHANNELS,
    CONTROL,
    HIGH_ENABLE,
    HIGH_FLAG,
    LIMITS,
    LOW_ENABLE,
    LOW_FLAG,
    OUTPUT_ENABLE,
    OUTPUT_OFF,
    PAGE_BYTES,
    PAGES,
    POWER_ON_RESET,
    POWERED,
    SUPPLY,
    WIDE_RANGE,
)
from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, Read, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.onewire.families import DS2450
    from hwsim.onewire.owserver.access import Access

_VOLTS_PER_COUNT = 7.8126192e-5
_SECONDS = {8: 0.003, 16: 0.005}
"""What owserver waits for four channels of so many bits."""
_LOW_HALF, _DOUBLE = struct.Struct("<ii"), struct.Struct("<d")


async def _read(access: Access[DS2450], address: int, length: int) -> bytes:
    async with access.talk() as slave:
        data = slave.read_memory(address)
    return access.check16(b"\xaa" + address.to_bytes(2, "little"), data)[:length]


async def _write(access: Access[DS2450], address: int, data: bytes) -> None:
    async with access.talk() as slave:
        for offset, byte in enumerate(data):
            place = address + offset
            answer = slave.write_memory(place, byte, following=offset > 0)
            if offset:
                access.check16(bytes([byte]), answer[:2], start=place)
            else:
                access.check16(b"\x55" + place.to_bytes(2, "little") + bytes([byte]), answer[:2])
            if answer[2] != byte:
                raise TransactionError("what is stored is not what was written")


async def _patch(access: Access[DS2450], address: int, change: Callable[[int], int]) -> None:
    (byte,) = await _read(access, address, 1)
    await _write(access, address, bytes([change(byte)]))


async def _patch_all(access: Access[DS2450], name: str, value: int, first: int, change: Callable[[int], int]) -> None:
    """Change one control byte of all channels, unless it is believed to be so."""
    key, cache = ("register", access.rom, name), access.master.cache
    if cache.get(key) == value:
        return
    control = bytearray(await _read(access, CONTROL, PAGE_BYTES))
    control[first::2] = bytes(change(byte) for byte in control[first::2])
    await _write(access, CONTROL, bytes(control))
    cache.put(key, value, access.master.timeouts.stable)


async def _is_powered(access: Access[DS2450]) -> bool:
    """What the supply byte said; the device itself can't tell."""
    key, cache = ("register", access.rom, "power"), access.master.cache
    known: bool | None = cache.get(key)
    if known is None:
        known = (await _read(access, SUPPLY, 1))[0] == POWERED
        cache.put(key, known, access.master.timeouts.stable)
    return known


async def _convert(access: Access[DS2450], bits: int) -> None:
    access.master.traffic.conversions += 1
    powered = await _is_powered(access)
    async with access.talk() as slave:
        answer = slave.convert(0x0F, 0, strong_pullup=not powered)
        access.check16(b"\x3c\x0f\x00", answer)
        if not powered:
            await access.master.pause(_SECONDS[bits])
    if powered:
        await access.master.pause(_SECONDS[bits])


async def _results(access: Access[DS2450], factor: float) -> list[float]:
    data = await _read(access, 0, PAGE_BYTES)
    counts = struct.unpack("<4H", data)
    return [count * _VOLTS_PER_COUNT * factor for count in counts]


def _volts(bits: int, *, wide: bool) -> Read:
    async def measure(access: Access[DS2450]) -> list[float]:
        await _patch_all(access, "resolution", bits, 0, lambda byte: byte & ~0x0F | bits & 0x0F)
        await _patch_all(access, "range", wide, 1, lambda byte: byte | WIDE_RANGE if wide else byte & ~WIDE_RANGE)
        await _convert(access, bits)
        return await _results(access, 1.0 if wide else 0.5)

    async def read(access: Access[DS2450], element: int) -> Value:
        return (await access.once(f"volts {bits} {wide}", lambda: measure(access)))[element]

    return read


def _latest_volts(factor: float) -> Read:
    async def read(access: Access[DS2450], element: int) -> Value:
        return (await access.once(f"latest volts {factor}", lambda: _results(access, factor)))[element]

    return read


async def _power(access: Access[DS2450], _element: int) -> Value:
    powered = (await _read(access, SUPPLY, 1))[0] == POWERED
    access.master.cache.put(("register", access.rom, "power"), powered, access.master.timeouts.stable)
    return powered


async def _set_power(access: Access[DS2450], _element: int, powered: bool) -> None:
    await _write(access, SUPPLY, bytes([POWERED if powered else 0]))
    access.master.cache.put(("register", access.rom, "power"), powered, access.master.timeouts.stable)


async def _pio(access: Access[DS2450], element: int) -> Value:
    (control,) = await _read(access, CONTROL + 2 * element, 1)
    return control & (OUTPUT_OFF | OUTPUT_ENABLE) != OUTPUT_ENABLE


async def _set_pio(access: Access[DS2450], element: int, off: bool) -> None:
    output = OUTPUT_ENABLE | OUTPUT_OFF if off else OUTPUT_ENABLE
    await _patch(access, CONTROL + 2 * element, lambda byte: byte & ~OUTPUT_OFF | output)


def _status_bit(mask: int) -> tuple[Read, Write]:
    async def read(access: Access[DS2450], element: int) -> Value:
        return bool((await _read(access, CONTROL + 2 * element + 1, 1))[0] & mask)

    async def write(access: Access[DS2450], element: int, on: bool) -> None:
        bits = mask if on else 0
        await _patch(access, CONTROL + 2 * element + 1, lambda byte: byte & ~mask & ~POWER_ON_RESET | bits)

    return read, write


async def _clear_power_on(access: Access[DS2450], element: int, _meant: bool) -> None:
    await _patch(access, CONTROL + 2 * element + 1, lambda byte: byte & ~POWER_ON_RESET)


def _limit(counts_per_volt: float, *, high: bool) -> tuple[Read, Write]:
    async def read(access: Access[DS2450], element: int) -> Value:
        return (await _read(access, LIMITS + 2 * element, 2))[high] / counts_per_volt

    async def write(access: Access[DS2450], element: int, volts: float) -> None:
        await _clear_power_on(access, 0, False)
        both = bytearray(await _read(access, LIMITS + 2 * element, 2))
        both[high] = int(volts * counts_per_volt) & 0xFF
        await _write(access, LIMITS + 2 * element, bytes(both))

    return read, write


async def _read_page(access: Access[DS2450], element: int) -> Value:
    return await _read(access, element * PAGE_BYTES, PAGE_BYTES)


async def _write_page(access: Access[DS2450], element: int, data: bytes) -> None:
    """Only what differs is written, since parts of some pages can't be."""
    before = await _read(access, element * PAGE_BYTES, PAGE_BYTES)
    for offset, (old, new) in enumerate(zip(before, data, strict=False)):
        if old != new:
            await _write(access, element * PAGE_BYTES + offset, bytes([new]))


async def _memory(access: Access[DS2450], _element: int) -> Value:
    return b"".join([await _read(access, page * PAGE_BYTES, PAGE_BYTES) for page in range(PAGES)])


async def _write_memory(access: Access[DS2450], _element: int, data: bytes) -> None:
    for start in range(0, len(data), PAGE_BYTES):
        await _write_page(access, start // PAGE_BYTES, data[start : start + PAGE_BYTES])


async def _volt(access: Access[DS2450], element: int) -> float:
    return cast("float", await access.sibling("volt", element))


async def _co2_ppm(access: Access[DS2450], _element: int) -> Value:
    return int(await _volt(access, 0) * 1000)


async def _co2_supply(access: Access[DS2450], _element: int) -> Value:
    return bool(_LOW_HALF.unpack(_DOUBLE.pack(await _volt(access, 3)))[0])


async def _co2_status(access: Access[DS2450], _element: int) -> Value:
    works = 3.0 < await _volt(access, 1) < 3.4
    return float(_DOUBLE.unpack(_LOW_HALF.pack(works, 0))[0])


def _each(name: str, form: Format, change: str, read: Read, write: Write | None = None) -> Property:
    return Property(name, form, change, read, write, count=CHANNELS, letters=True)


def _voltages(folder: str, bits: int) -> tuple[Property, ...]:
    return (
        _each(f"{folder}volt", Format.FLOAT, "v", _volts(bits, wide=True)),
        _each(f"{folder}volt2", Format.FLOAT, "v", _volts(bits, wide=False)),
        _each(f"{folder}latestvolt", Format.FLOAT, "v", _latest_volts(1.0)),
        _each(f"{folder}latestvolt2", Format.FLOAT, "v", _latest_volts(0.5)),
    )


DS2450_PROPERTIES = (
    *_voltages("", 16),
    *_voltages("8bit/", 8),
    _each("PIO", Format.YES_NO, "s", _pio, _set_pio),
    Property("power", Format.YES_NO, "s", _power, _set_power),
    _each("set_alarm/volthigh", Format.FLOAT, "s", *_limit(50, high=True)),
    _each("set_alarm/voltlow", Format.FLOAT, "s", *_limit(50, high=False)),
    _each("set_alarm/volt2high", Format.FLOAT, "s", *_limit(100, high=True)),
    _each("set_alarm/volt2low", Format.FLOAT, "s", *_limit(100, high=False)),
    _each("set_alarm/high", Format.YES_NO, "s", *_status_bit(HIGH_ENABLE)),
    _each("set_alarm/low", Format.YES_NO, "s", *_status_bit(LOW_ENABLE)),
    Property("set_alarm/unset", Format.YES_NO, "s", None, _clear_power_on),
    _each("alarm/high", Format.YES_NO, "v", *_status_bit(HIGH_FLAG)),
    _each("alarm/low", Format.YES_NO, "v", *_status_bit(LOW_FLAG)),
    Property("memory", Format.BINARY, "v", _memory, _write_memory, width=PAGES * PAGE_BYTES, linked=True),
    Property("pages/page", Format.BINARY, "v", _read_page, _write_page, width=PAGE_BYTES, count=PAGES),
    Property("CO2/ppm", Format.UNSIGNED, "v", _co2_ppm, linked=True),
    Property("CO2/Vdd", Format.YES_NO, "v", _co2_supply, linked=True),
    Property("CO2/status", Format.FLOAT, "v", _co2_status, linked=True),
)
