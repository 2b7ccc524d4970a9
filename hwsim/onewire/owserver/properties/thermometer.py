"""How owserver reads thermometers: families 28, 22 and 10, and the part of 42 and 3B that is the same.

Source: the behaviour of owserver 3.2p4 with a DS9097U adapter, its manual pages DS18B20 and DS18S20, and for
family 3B its source ow_1820.c.

Theory of operation of `temperature`
 1. Up to three passes. The first may use a simultaneous conversion that is still believed; the second
    converts for itself; the third holds the bus half as long again with a strong pull-up.
 2. The first two reject a scratchpad that reads 85 degC as after power-on; the third takes it.
 3. A device with its own supply is polled, at first after 10 ms, then each 50 ms, 22 times at most. A
    parasite, or one that can't be asked, gets the strong pull-up for the longest time by the book.
 4. The bus is held for all of a conversion, but not while waiting for a simultaneous one.
 5. A scratchpad of family 3B whose configuration has bit 7 is no DS1825. It has no resolution to set, and what
    it measures is taken from bytes 2 and 3, which is right for a MAX31850 only: a MAX31826 always reads -0.0625.
 6. `latesttemp` is the scratchpad as it is, without conversion and without any judgement.
 7. `temperature` converts with 12 bits whatever `tempres` says, the others with those of their name. What the device
    was told last is believed for as long as stable values are, even if it has forgotten it meanwhile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hwsim.onewire.families import DS18S20, DS1822, DS1825
from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, PropertyError, Read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hwsim.onewire.families.thermometer import Thermometer
    from hwsim.onewire.owserver.access import Access

_HOLD_SECONDS = {9: 0.11, 10: 0.2, 11: 0.4, 12: 1.0}
"""How long owserver gives a conversion that it can't poll, by bits."""
_HOLD_MAX31826, _HOLD_MAX31850 = 0.15, 0.1
_USUAL_BITS = 12
"""What `temperature` converts with, whatever `tempres` says."""
_LONGER = 1.5
_FIRST_POLL, _NEXT_POLL, _POLLS = 0.010, 0.050, 22
_POWER_ON_85 = b"\x50\x05"
_FIRST_DIE = "B6"
_DIES = {
    0x22: ((0x00000008978A, "B7"), (0x0000000CB81A, "C2")),
    0x10: ((0x000800591D20, "B7"), (0x000800808860, "C2")),
    0x28: ((0x000000545010, "B7"), (0x000000662B50, "C2")),
}
"""Serial numbers above which a chip is of a later die, from Dallas' notes on the die revisions."""


async def read_scratchpad(access: Access[Thermometer]) -> bytes:
    """The eight bytes of the scratchpad.

    Raises:
        TransactionError: no answer, or a wrong CRC.
    """
    async with access.talk() as slave:
        data = slave.read_scratchpad()
    return access.check8(data)


async def _is_powered(access: Access[Thermometer]) -> bool:
    async def ask() -> bool:
        async with access.talk() as slave:
            return slave.externally_powered()

    return await access.remember("power", ask, stable=True)


async def _temperature(access: Access[Thermometer], bits: int) -> float:
    async def one_pass(simultaneous: bool, accept_85: bool) -> float:
        await make_ready(access, bits, simultaneous=simultaneous, accept_85=accept_85)
        data = await read_scratchpad(access)
        if data[:2] == _POWER_ON_85 and not accept_85:
            raise TransactionError("85 degC, as after power-on")
        return _degrees(access, data)

    return await three_passes(one_pass)


async def three_passes(one_pass: Callable[[bool, bool], Awaitable[float]]) -> float:
    """Rule 1: `one_pass` gets whether to believe in a simultaneous conversion, and whether to take 85 degC.

    Raises:
        TransactionError: the third one failed too.
    """
    for simultaneous in (True, False):
        try:
            return await one_pass(simultaneous, False)
        except TransactionError:
            continue
    return await one_pass(False, True)


async def make_ready(access: Access[Thermometer], bits: int, *, simultaneous: bool, accept_85: bool) -> None:
    """Convert, or wait for a simultaneous conversion, so that the scratchpad can be read.

    Raises:
        TransactionError: no answer, or the conversion takes too long.
    """
    hold, changed = await _resolution(access, bits)
    age = access.simultaneous_age() if simultaneous and not changed else None
    if accept_85:
        await _convert_and_hold(access, hold * _LONGER)
    elif not await _is_powered(access):
        await _convert_and_hold(access, hold)
    elif age is None:
        await _convert_and_poll(access)
    else:
        await access.master.pause(max(0.0, hold - int(age)))


async def _resolution(access: Access[Thermometer], bits: int) -> tuple[float, bool]:
    """How long the next conversion is given, and whether the device had to be told its bits.

    See rule 7.
    """
    if isinstance(access.slave, DS18S20):
        return _HOLD_SECONDS[12], False
    key = ("resolution", access.rom)
    if access.master.cache.get(key) == bits:
        return _HOLD_SECONDS[bits], False
    data = await read_scratchpad(access)
    if _has_fixed_bits(access, data):
        return _HOLD_MAX31826 if data[2:4] == b"\xff\xff" else _HOLD_MAX31850, False
    changed = bits != 9 + (data[4] >> 5 & 3)
    if changed:
        async with access.talk() as slave:
            slave.write_scratchpad(bytes([data[2], data[3], (bits - 9) << 5 | 0x1F]))
    access.master.cache.put(key, bits, access.master.timeouts.stable)
    return _HOLD_SECONDS[bits], changed


def _has_fixed_bits(access: Access[Thermometer], data: bytes) -> bool:
    return access.rom.family == DS1825.family and bool(data[4] & 0x80)


async def _convert_and_hold(access: Access[Thermometer], seconds: float) -> None:
    access.master.traffic.conversions += 1
    async with access.talk() as slave:
        slave.start_conversion(strong_pullup=True)
        await access.master.pause(seconds)


async def _convert_and_poll(access: Access[Thermometer]) -> None:
    access.master.traffic.conversions += 1
    async with access.talk() as slave:
        slave.start_conversion(strong_pullup=False)
        for poll in range(_POLLS):
            await access.master.pause(_NEXT_POLL if poll else _FIRST_POLL)
            if not slave.busy():
                return
    raise TransactionError("the conversion takes too long")


def _degrees(access: Access[Thermometer], data: bytes) -> float:
    if isinstance(access.slave, DS18S20):
        whole = int.from_bytes(data[:2], "little", signed=True) >> 1
        return whole + 0.75 - data[6] / data[7]
    if _has_fixed_bits(access, data):
        return int.from_bytes(bytes([data[2] & 0xF0, data[3]]), "little", signed=True) / 256
    unused = 3 - (data[4] >> 5 & 3)
    return (int.from_bytes(data[:2], "little", signed=True) & -1 << unused) / 16


def _at_resolution(bits: int) -> Read:
    """Reads the temperature with so many bits."""

    async def read(access: Access[Thermometer], _element: int) -> Value:
        return await _temperature(access, bits)

    return read


async def _read_temperature(access: Access[Thermometer], _element: int) -> Value:
    return await _temperature(access, _USUAL_BITS)


async def _fast_temperature(access: Access[Thermometer], _element: int) -> Value:
    return await access.sibling("temperature9")


async def _latest_temperature(access: Access[Thermometer], _element: int) -> Value:
    return _degrees(access, await read_scratchpad(access))


async def _power(access: Access[Thermometer], _element: int) -> Value:
    async with access.talk() as slave:
        return slave.externally_powered()


async def _scratchpad(access: Access[Thermometer], _element: int) -> Value:
    async with access.talk() as slave:
        data = slave.read_scratchpad()
    access.check8(data)
    return data


def _limit(name: str, index: int) -> Property:
    async def read(access: Access[Thermometer], _element: int) -> Value:
        data = await _recalled(access)
        return float(int.from_bytes(data[index : index + 1], "little", signed=True))

    async def write(access: Access[Thermometer], _element: int, degrees: float) -> None:
        data = bytearray((await read_scratchpad(access))[2:5])
        data[index - 2] = math.trunc(degrees) & 0xFF
        await _store(access, bytes(data))

    return Property(name, Format.TEMPERATURE, "s", read, write)


async def _recalled(access: Access[Thermometer]) -> bytes:
    async with access.talk() as slave:
        slave.recall()
        data = slave.read_scratchpad()
    return access.check8(data)


async def _store(access: Access[Thermometer], data: bytes) -> None:
    async with access.talk() as slave:
        slave.write_scratchpad(data)
        slave.copy_scratchpad()


async def _read_bits(access: Access[Thermometer], _element: int) -> Value:
    return 9 + ((await _recalled(access))[4] >> 5 & 3)


async def _write_bits(access: Access[Thermometer], _element: int, bits: int) -> None:
    if bits not in _HOLD_SECONDS:
        raise TransactionError(f"no resolution of {bits} bits")
    data = await read_scratchpad(access)
    await _store(access, bytes([data[2], data[3], (bits - 9) << 5 | 0x1F]))


async def _die(access: Access[Thermometer], _element: int) -> Value:
    return _revision(access, access.rom.family)


def _revision(access: Access[Thermometer], family: int) -> str:
    serial = int.from_bytes(access.rom.serial, "little")
    names = [name for limit, name in _DIES[family] if serial > limit]
    return names[-1] if names else _FIRST_DIE


def _has_trim(access: Access[Thermometer]) -> bool:
    """What owserver believes: in this it takes the limits of a DS1822 for all families."""
    return _revision(access, DS1822.family) != _FIRST_DIE


async def _trim(access: Access[Thermometer], _element: int) -> Value:
    """No simulated part has trim registers, so the wire stays high."""
    async with access.talk():
        return 0xFFFF


async def _trim_is_valid(access: Access[Thermometer], _element: int) -> Value:
    return not _has_trim(access)


async def _trim_is_blanket(access: Access[Thermometer], _element: int) -> Value:
    if not _has_trim(access):
        raise PropertyError(-22)
    return False


async def _set_trim(access: Access[Thermometer], _element: int, _value: object) -> None:
    if not _has_trim(access):
        raise PropertyError(-22)
    async with access.talk():
        return


COMMON_PROPERTIES = (
    Property("latesttemp", Format.TEMPERATURE, "v", _latest_temperature),
    Property("power", Format.YES_NO, "v", _power),
    Property("temperature", Format.TEMPERATURE, "v", _read_temperature, converts=True),
)
LIMITS = (_limit("temphigh", 2), _limit("templow", 3))
SCRATCHPAD = Property("scratchpad", Format.BINARY, "v", _scratchpad, width=9)
RESOLUTION = Property("tempres", Format.UNSIGNED, "s", _read_bits, _write_bits)
AT_EACH_RESOLUTION = {
    bits: Property(f"temperature{bits}", Format.TEMPERATURE, "v", _at_resolution(bits), converts=True)
    for bits in _HOLD_SECONDS
}
FAST = Property("fasttemp", Format.TEMPERATURE, "v", _fast_temperature)
_ERRATA = (
    Property("errata/die", Format.ASCII, "f", _die, width=2),
    Property("errata/trim", Format.UNSIGNED, "v", _trim, _set_trim),
    Property("errata/trimblanket", Format.YES_NO, "v", _trim_is_blanket, _set_trim),
    Property("errata/trimvalid", Format.YES_NO, "v", _trim_is_valid),
)

DS18S20_PROPERTIES = (*COMMON_PROPERTIES, *LIMITS, SCRATCHPAD, *_ERRATA)
DS18B20_PROPERTIES = (*DS18S20_PROPERTIES, FAST, RESOLUTION, *AT_EACH_RESOLUTION.values())
