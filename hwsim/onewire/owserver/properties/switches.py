"""How owserver reads and writes switches: families 05, 3A, 29 and 12.

Source: the owserver 3.2p4 manual pages DS2405, DS2413, DS2408 and DS2406, and its source ow_2405.c. In `PIO` 1
means that the output conducts, so it is the complement of the latch; `sensed` is the level of the pin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.switches import CLEAR_LATCHES, READ_BOTH
from hwsim.onewire.owserver.access import TransactionError
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, PropertyError, Read, Write

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2405, DS2406, DS2408, DS2413
    from hwsim.onewire.owserver.access import Access

_NO_DISPLAY = -22
_NO_SIBLING = -2


def _bits(name: str, count: int, change: str, read: Read, write: Write | None = None) -> Property:
    return Property(name, Format.YES_NO, change, read, write, count=count, letters=count == 2, combined=True)


def _acknowledged(done: bool) -> None:
    if not done:
        raise TransactionError("not acknowledged")


async def _pio_05(access: Access[DS2405], _element: int) -> Value:
    """Whether an active-only search finds it."""
    async with access.talk() as slave:
        return slave.in_alarm()


async def _set_pio_05(access: Access[DS2405], element: int, on: bool) -> None:
    if await _pio_05(access, element) != on:
        async with access.talk() as slave:
            slave.match()


async def _sensed_05(access: Access[DS2405], _element: int) -> Value:
    """Chosen by a search, which toggles nothing; any bit of the byte counts as high."""
    async with access.talk() as slave:
        return slave.read_level() != b"\0"


DS2405_PROPERTIES = (
    Property("PIO", Format.YES_NO, "s", _pio_05, _set_pio_05),
    Property("sensed", Format.YES_NO, "v", _sensed_05),
)


async def _status_3a(access: Access[DS2413]) -> int:
    async def read() -> int:
        async with access.talk() as slave:
            (status,) = slave.read_status()
        if status & 0x0F ^ status >> 4 != 0x0F:
            raise TransactionError("the two halves of the status don't match")
        return status & 0x0F

    return await access.remember("piostate", read)


async def _pio_3a(access: Access[DS2413], _element: int) -> Value:
    status = await _status_3a(access)
    return (status >> 1 & 1 | status >> 2 & 2) ^ 3


async def _set_pio_3a(access: Access[DS2413], _element: int, bits: int) -> None:
    data = ~bits & 3 | 0xFC
    async with access.talk() as slave:
        _acknowledged(slave.write_latches(data, data ^ 0xFF))
    access.forget("piostate")


async def _sensed_3a(access: Access[DS2413], _element: int) -> Value:
    status = await _status_3a(access)
    return status & 1 | status >> 1 & 2


DS2413_PROPERTIES = (
    _bits("PIO", 2, "v", _pio_3a, _set_pio_3a),
    _bits("sensed", 2, "v", _sensed_3a),
)


async def _registers(access: Access[DS2408]) -> bytes:
    async with access.talk() as slave:
        data = slave.read_registers()
    return access.check16(b"\xf0\x88\x00", data)


def _register(index: int, *, inverted: bool = False) -> Read:
    async def read(access: Access[DS2408], _element: int) -> Value:
        byte = (await _registers(access))[index]
        return byte ^ 0xFF if inverted else byte

    return read


def _control_bit(bit: int) -> tuple[Read, Write]:
    async def read(access: Access[DS2408], _element: int) -> Value:
        return bool((await _registers(access))[5] >> bit & 1)

    async def write(access: Access[DS2408], _element: int, on: bool) -> None:
        data = await _registers(access)
        control = data[5] & ~(1 << bit) | on << bit
        async with access.talk() as slave:
            slave.write_condition(bytes([data[3], data[4], control]))

    return read, write


async def _set_pio_29(access: Access[DS2408], _element: int, bits: int) -> None:
    data = ~bits & 0xFF
    async with access.talk() as slave:
        _acknowledged(slave.write_latches(data, data ^ 0xFF))


async def _clear_latches_29(access: Access[DS2408], _element: int, _bits: int) -> None:
    async with access.talk() as slave:
        _acknowledged(slave.reset_activity())


async def _condition_29(access: Access[DS2408], _element: int) -> Value:
    """Source and logic in the first of nine digits, then channels 7 to 0: 2 selected, plus 1 for high."""
    data = await _registers(access)
    digits = [data[4] >> i & 1 | (data[3] >> i & 1) << 1 for i in range(8)]
    return int("".join(map(str, [data[5] & 3, *reversed(digits)])))


async def _set_condition_29(access: Access[DS2408], _element: int, digits: int) -> None:
    channels = [digits // 10**i % 10 for i in range(8)]
    mask = sum((digit >> 1 & 1) << i for i, digit in enumerate(channels))
    polarity = sum((digit & 1) << i for i, digit in enumerate(channels))
    async with access.talk() as slave:
        slave.write_condition(bytes([mask, polarity, digits // 10**8 % 10 & 3]))


async def _no_display(_access: Access[DS2408], _element: int, _value: object) -> None:
    raise PropertyError(_NO_DISPLAY)


async def _write_nothing(_access: Access[DS2408], _element: int, _value: object) -> None:
    return


def _display(name: str, form: Format, width: int = 0, count: int = 0) -> Property:
    return Property(name, form, "s", None, _no_display, width=width, count=count)


DS2408_PROPERTIES = (
    _bits("PIO", 8, "s", _register(1, inverted=True), _set_pio_29),
    _bits("sensed", 8, "v", _register(0)),
    _bits("latch", 8, "v", _register(2), _clear_latches_29),
    Property("power", Format.YES_NO, "v", _control_bit(7)[0]),
    Property("strobe", Format.YES_NO, "s", *_control_bit(2)),
    Property("por", Format.YES_NO, "s", *_control_bit(3)),
    Property("set_alarm", Format.UNSIGNED, "s", _condition_29, _set_condition_29),
    Property("out_of_testmode", Format.YES_NO, "v", None, _write_nothing),
    *(_display(f"LCD_M/{name}", Format.YES_NO) for name in ("clear", "home")),
    *(_display(f"LCD_M/{name}", Format.ASCII, 128) for name in ("message", "screen")),
    *(_display(f"LCD_H/{name}", Format.YES_NO) for name in ("clear", "home")),
    *(_display(f"LCD_H/{name}", Format.ASCII, 128) for name in ("message", "screen", "screenyx")),
    _display("LCD_H/onoff", Format.UNSIGNED),
    _display("LCD_H/redefchar", Format.BINARY, 8, 8),
    _display("LCD_H/redefchar_hex", Format.ASCII, 16, 8),
)


async def _info_12(access: Access[DS2406]) -> int:
    async def read() -> int:
        async with access.talk() as slave:
            data = slave.read_info()
        return access.check16(bytes([0xF5, READ_BOTH, 0xFF]), data)[0]

    return await access.remember("infobyte", read)


def _info_bits(shift: int, *, inverted: bool = False) -> Read:
    async def read(access: Access[DS2406], _element: int) -> Value:
        bits = await _info_12(access) >> shift & 3
        return bits ^ 3 if inverted else bits

    return read


async def _status_12(access: Access[DS2406]) -> int:
    async with access.talk() as slave:
        data = slave.read_status()
    return access.check16(b"\xaa\x07\x00", data)[0]


async def _write_status_12(access: Access[DS2406], mask: int, bits: int) -> None:
    status = await _status_12(access) & ~mask | bits & mask
    async with access.talk() as slave:
        slave.write_status(status)
    access.forget("infobyte")


async def _set_pio_12(access: Access[DS2406], _element: int, bits: int) -> None:
    await _write_status_12(access, 0x60, (~bits & 3) << 5)


async def _clear_latches_12(access: Access[DS2406], _element: int, _bits: int) -> None:
    async with access.talk() as slave:
        slave.read_info(CLEAR_LATCHES)
    access.forget("infobyte")


async def _condition_12(access: Access[DS2406], _element: int) -> Value:
    """Three digits: channels, source, polarity."""
    status = await _status_12(access)
    return (status & 1) + (status >> 1 & 3) * 10 + (status >> 3 & 3) * 100


async def _set_condition_12(access: Access[DS2406], _element: int, digits: int) -> None:
    await _write_status_12(access, 0x1F, digits % 10 & 1 | (digits // 10 % 10 & 3) << 1 | (digits // 100 % 10 & 3) << 3)


async def _power_12(access: Access[DS2406], _element: int) -> Value:
    return bool(await _info_12(access) & 0x80)


async def _channels_12(access: Access[DS2406], _element: int) -> Value:
    return 2 if await _info_12(access) & 0x40 else 1


async def _memory_12(access: Access[DS2406], _element: int) -> Value:
    async with access.talk() as slave:
        return slave.read_memory(0, 128)


async def _write_memory_12(access: Access[DS2406], _element: int, data: bytes) -> None:
    async with access.talk() as slave:
        slave.write_memory(0, data)


async def _page_12(access: Access[DS2406], element: int) -> Value:
    async with access.talk() as slave:
        return slave.read_memory(element * 32, 32)


async def _write_page_12(access: Access[DS2406], element: int, data: bytes) -> None:
    async with access.talk() as slave:
        slave.write_memory(element * 32, data)


async def _no_barometer(_access: Access[DS2406], _element: int) -> Value:
    raise PropertyError(_NO_SIBLING)


DS2406_PROPERTIES = (
    _bits("PIO", 2, "s", _info_bits(0, inverted=True), _set_pio_12),
    _bits("flipflop", 2, "v", _info_bits(0)),
    _bits("sensed", 2, "v", _info_bits(2)),
    _bits("latch", 2, "v", _info_bits(4), _clear_latches_12),
    Property("power", Format.YES_NO, "v", _power_12),
    Property("channels", Format.UNSIGNED, "s", _channels_12),
    Property("set_alarm", Format.UNSIGNED, "s", _condition_12, _set_condition_12),
    Property("memory", Format.BINARY, "v", _memory_12, _write_memory_12, width=128),
    Property("pages/page", Format.BINARY, "v", _page_12, _write_page_12, width=32, count=4),
    Property("T8A/volt", Format.FLOAT, "v", _no_barometer, count=8, hidden=True),
    Property("TAI8570/sibling", Format.ASCII, "s", _no_barometer, width=16),
    *(
        Property(f"TAI8570/{chip}{name}", form, "v", _no_barometer)
        for chip in ("", "DA5534/", "DA5540/")
        for name, form in (("pressure", Format.PRESSURE), ("temperature", Format.TEMPERATURE))
    ),
)
