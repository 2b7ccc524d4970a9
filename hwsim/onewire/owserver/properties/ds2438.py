"""How owserver reads the DS2438 and the boards built around it: family 26.

Source: the owserver 3.2p4 manual page DS2438; formulas of the sensors from the Honeywell data sheets
HIH-3610, HIH-4000 and HIH-5030, Humirel HTM1735, and the Hobby Boards pages on B1-R1-A and S3-R1-A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hwsim.onewire.families.ds2438 import PAGE_BYTES, PAGES
from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, PropertyError, Read, Write

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2438
    from hwsim.onewire.owserver.access import Access

_CONVERSION_SECONDS = 0.010
_AD_BIT = 0x08
_USER_PAGE = 3
_BOARDS = {0x00: "MS-T", 0x19: "MS-TH", 0x1A: "MS-TV", 0x1B: "MS-TL", 0x1C: "MS-TC", 0x1D: "MS-TW"}


async def _page(access: Access[DS2438], page: int) -> bytes:
    async with access.talk() as slave:
        slave.recall(page)
        data = slave.read_scratchpad(page)
    return access.check8(data)


async def _write_page(access: Access[DS2438], page: int, data: bytes) -> None:
    async with access.talk() as slave:
        slave.write_scratchpad(page, data)
        access.check8(slave.read_scratchpad(page))
        slave.copy_scratchpad(page)


async def _patch(access: Access[DS2438], page: int, offset: int, data: bytes) -> None:
    whole = bytearray(await _page(access, page))
    whole[offset : offset + len(data)] = data
    await _write_page(access, page, bytes(whole))


async def _latest_temperature(access: Access[DS2438], _element: int) -> Value:
    data = await _page(access, 0)
    return int.from_bytes(data[1:3], "little", signed=True) / 256


async def _temperature(access: Access[DS2438], element: int) -> Value:
    age = access.simultaneous_age()
    if age is None:
        access.master.traffic.conversions += 1
        async with access.talk() as slave:
            slave.convert_temperature()
            await access.master.pause(_CONVERSION_SECONDS)
    elif age < 1:
        await access.master.pause(_CONVERSION_SECONDS)
    return await _latest_temperature(access, element)


def _voltage(*, of_supply: bool) -> Read:
    async def read(access: Access[DS2438], _element: int) -> Value:
        async with access.talk() as slave:
            status = slave.read_scratchpad(0)[0]
            if bool(status & _AD_BIT) != of_supply:
                slave.write_scratchpad(0, bytes([status ^ _AD_BIT]))
            slave.convert_voltage()
            await access.master.pause(_CONVERSION_SECONDS)
        return int.from_bytes((await _page(access, 0))[3:5], "little", signed=True) / 100

    return read


async def _current_volts(access: Access[DS2438], _element: int) -> Value:
    await access.sibling("IAD")
    data = await _page(access, 0)
    return 0.0002441 * int.from_bytes(data[5:7], "little", signed=True)


async def _number(access: Access[DS2438], name: str) -> float:
    return cast("float", await access.sibling(name))


def _humidity(zero: float, slope: float, *, zero_in_volts: bool = False) -> Read:
    """A ratiometric sensor with Honeywell's temperature compensation."""

    async def read(access: Access[DS2438], _element: int) -> Value:
        celsius, vad, vdd = [await _number(access, name) for name in ("temperature", "VAD", "VDD")]
        if vdd < 0.01:
            raise TransactionError("no supply voltage")
        ratio = vad / vdd - (zero / vdd if zero_in_volts else zero)
        return ratio / slope / (1.0546 - 0.00216 * celsius)

    return read


async def _humidity_1735(access: Access[DS2438], _element: int) -> Value:
    return 38.92 * await _number(access, "VAD") - 41.98


async def _any_humidity(access: Access[DS2438], _element: int) -> Value:
    return await access.sibling("HIH3600/humidity")


def _status_bit(bit: int) -> tuple[Read, Write]:
    async def read(access: Access[DS2438], _element: int) -> Value:
        return bool((await _page(access, 0))[0] >> bit & 1)

    async def write(access: Access[DS2438], _element: int, on: bool) -> None:
        status = (await _page(access, 0))[0]
        await _patch(access, 0, 0, bytes([status & ~(1 << bit) | on << bit]))

    return read, write


def _unsigned(page: int, offset: int) -> tuple[Read, Write]:
    async def read(access: Access[DS2438], _element: int) -> Value:
        return int.from_bytes((await _page(access, page))[offset : offset + 4], "little")

    async def write(access: Access[DS2438], _element: int, value: float) -> None:
        await _patch(access, page, offset, (int(value) & 0xFFFFFFFF).to_bytes(4, "little"))

    return read, write


async def _offset(access: Access[DS2438], _element: int) -> Value:
    return int.from_bytes((await _page(access, 1))[5:7], "little", signed=True) >> 3


async def _set_offset(access: Access[DS2438], _element: int, value: int) -> None:
    if not -256 <= value <= 255:
        raise PropertyError(-22)
    await _patch(access, 1, 5, (value << 3).to_bytes(2, "little", signed=True))


def _calibration(offset: int, unit: float, default: float, *, signed: bool) -> tuple[Read, Write]:
    """A 16-bit number that a board keeps in page 3; 0 stands for the default."""

    async def read(access: Access[DS2438], _element: int) -> Value:
        data = await _page(access, _USER_PAGE)
        raw = int.from_bytes(data[offset : offset + 2], "little", signed=signed)
        return raw * unit if raw else default

    async def write(access: Access[DS2438], _element: int, value: float) -> None:
        raw = round(value / unit)
        if not (-0x8000 if signed else 0) <= raw <= (0x7FFF if signed else 0xFFFF):
            raise PropertyError(-22)
        await _patch(access, _USER_PAGE, offset, raw.to_bytes(2, "little", signed=signed))

    return read, write


async def _pressure(access: Access[DS2438], _element: int) -> Value:
    gain, zero = [await _number(access, f"B1-R1-A/{name}") for name in ("gain", "offset")]
    return await _number(access, "VAD") * gain + zero


async def _solar_current(access: Access[DS2438], _element: int) -> Value:
    return await _number(access, "vis") * (1_000_000 / 390)


async def _illuminance(access: Access[DS2438], _element: int) -> Value:
    return max(1.0, await _number(access, "S3-R1-A/current") * await _number(access, "S3-R1-A/gain"))


async def _board(access: Access[DS2438], _element: int) -> Value:
    return _BOARDS.get((await _page(access, _USER_PAGE))[0], "unknown")


async def _read_page(access: Access[DS2438], element: int) -> Value:
    return await _page(access, element)


async def _set_page(access: Access[DS2438], element: int, data: bytes) -> None:
    await _patch(access, element, 0, data[:PAGE_BYTES])


async def _no_datanab(_access: Access[DS2438], _element: int) -> Value:
    raise PropertyError(-95)


async def _no_datanab_reset(_access: Access[DS2438], _element: int, _value: object) -> None:
    raise PropertyError(-95)


DS2438_PROPERTIES = (
    Property("temperature", Format.TEMPERATURE, "v", _temperature, converts=True),
    Property("latesttemp", Format.TEMPERATURE, "v", _latest_temperature),
    Property("VDD", Format.FLOAT, "v", _voltage(of_supply=True)),
    Property("VAD", Format.FLOAT, "v", _voltage(of_supply=False)),
    Property("vis", Format.FLOAT, "v", _current_volts),
    Property("humidity", Format.FLOAT, "v", _any_humidity),
    Property("HIH3600/humidity", Format.FLOAT, "v", _humidity(0.8, 0.0062, zero_in_volts=True)),
    Property("HIH4000/humidity", Format.FLOAT, "v", _humidity(0.16, 0.0062)),
    Property("HIH5030/humidity", Format.FLOAT, "v", _humidity(0.1515, 0.00636)),
    Property("HTM1735/humidity", Format.FLOAT, "v", _humidity_1735),
    Property("DATANAB/humidity", Format.FLOAT, "v", _no_datanab, hidden=True),
    Property("DATANAB/reset", Format.YES_NO, "s", None, _no_datanab_reset, hidden=True),
    Property("B1-R1-A/pressure", Format.PRESSURE, "v", _pressure),
    Property("B1-R1-A/gain", Format.PRESSURE, "s", *_calibration(4, 0.001, 1000 / 46, signed=False)),
    Property("B1-R1-A/offset", Format.PRESSURE, "s", *_calibration(6, 0.05, 904.7, signed=True)),
    Property("S3-R1-A/current", Format.FLOAT, "v", _solar_current),
    Property("S3-R1-A/illuminance", Format.FLOAT, "v", _illuminance),
    Property("S3-R1-A/gain", Format.FLOAT, "s", *_calibration(2, 0.1, 1000 / 9.5, signed=False)),
    Property("MultiSensor/type", Format.ASCII, "s", _board, width=12),
    Property("IAD", Format.YES_NO, "s", *_status_bit(0)),
    Property("CA", Format.YES_NO, "s", *_status_bit(1)),
    Property("EE", Format.YES_NO, "s", *_status_bit(2)),
    Property("offset", Format.UNSIGNED, "s", _offset, _set_offset),
    Property("udate", Format.UNSIGNED, "t", *_unsigned(1, 0)),
    Property("date", Format.DATE, "v", *_unsigned(1, 0)),
    Property("disconnect/udate", Format.UNSIGNED, "v", *_unsigned(2, 0)),
    Property("disconnect/date", Format.DATE, "v", *_unsigned(2, 0)),
    Property("endcharge/udate", Format.UNSIGNED, "v", *_unsigned(2, 4)),
    Property("endcharge/date", Format.DATE, "v", *_unsigned(2, 4)),
    Property("pages/page", Format.BINARY, "s", _read_page, _set_page, width=PAGE_BYTES, count=PAGES),
)
