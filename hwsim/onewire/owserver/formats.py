"""Values as owserver writes and reads them: text in fixed widths, scales, and forms of the ROM id.

Source: the owserver 3.2p4 manual pages; widths and signs as measured there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

from hwsim.onewire.owserver.frames import Flag

if TYPE_CHECKING:
    from hwsim.onewire.rom import RomId

NUMBER_WIDTH: Final = 12
DATE_WIDTH: Final = 24
_KELVIN_ZERO: Final = 273.15
_PRESSURE_UNITS: Final = (1.0, 1013.25, 1.33322387415, 33.86389, 68.9475729318, 0.01)
"""mbar in one mbar, atm, mmHg, inHg, psi and Pa: the pressure scales 0 to 5."""
_DATE_FORMAT: Final = "%a %b %e %H:%M:%S %Y"
"""How owserver writes a date; it reads the formats below."""
_DATE_FORMATS: Final = ("%a %b %d %H:%M:%S %Y", "%b %d %Y %H:%M:%S", "%a %b %d %Y %H:%M:%S", "%m/%d/%y %H:%M:%S")

Value = int | float | bool | str | bytes


class Format(Enum):
    """What kind of value a property has; the letters are those of owserver's structure directory."""

    INTEGER = "i"
    UNSIGNED = "u"
    FLOAT = "f"
    TEMPERATURE = "t"
    TEMPERATURE_GAP = "g"
    PRESSURE = "p"
    YES_NO = "y"
    DATE = "d"
    ASCII = "a"
    ALIAS = "l"
    BINARY = "b"
    BRANCH = "D"
    """Only in the structure directory: a hub branch, which is no value at all."""

    @property
    def is_text(self) -> bool:
        """Written byte by byte, in parts if need be."""
        return self in _TEXTUAL

    @property
    def width(self) -> int | None:
        """Characters of one value; None: the property says."""
        return {"y": 1, "d": DATE_WIDTH, "l": 256, "a": None, "b": None, "D": None}.get(self.value, NUMBER_WIDTH)


_TEXTUAL = (Format.BINARY, Format.ASCII, Format.ALIAS)


class BadValue(ValueError):
    """What was written can't be a value of this property; `ret` is what owserver answers."""

    def __init__(self, message: str, ret: int = -22) -> None:
        super().__init__(message)
        self.ret = ret


def render(value: Value, form: Format, flags: int) -> bytes:
    """A value as a client gets it; the flags give the scales and whether numbers are trimmed."""
    if isinstance(value, bytes):
        return value
    text = _text(value, form, flags)
    number = form.width == NUMBER_WIDTH
    if number and not flags & Flag.TRIM:
        text = text.rjust(NUMBER_WIDTH)
    return text.encode(errors="surrogateescape")


def _text(value: int | float | str, form: Format, flags: int) -> str:
    if isinstance(value, str):
        return value
    if form is Format.YES_NO:
        return "1" if value else "0"
    if form in (Format.INTEGER, Format.UNSIGNED):
        return str(int(value))
    if form is Format.DATE:
        return datetime.fromtimestamp(value, UTC).strftime(_DATE_FORMAT)
    return f"{to_scale(float(value), form, flags):.6G}"


def to_scale(value: float, form: Format, flags: int) -> float:
    """From degC, or mbar, to what the flags ask for."""
    scale = flags >> 16 & 3
    if form is Format.PRESSURE:
        unit = flags >> 18 & 7
        return value / _PRESSURE_UNITS[unit] if unit < len(_PRESSURE_UNITS) else value
    if form is Format.TEMPERATURE:
        return (value, value * 1.8 + 32, value + _KELVIN_ZERO, (value + _KELVIN_ZERO) * 1.8)[scale]
    if form is Format.TEMPERATURE_GAP:
        return value * (1, 1.8, 1, 1.8)[scale]
    return value


def from_scale(value: float, form: Format, flags: int) -> float:
    """The way back: to degC, or mbar."""
    scale = flags >> 16 & 3
    if form is Format.PRESSURE:
        unit = flags >> 18 & 7
        return value * _PRESSURE_UNITS[unit] if unit < len(_PRESSURE_UNITS) else value
    if form is Format.TEMPERATURE:
        return (value, (value - 32) / 1.8, value - _KELVIN_ZERO, value / 1.8 - _KELVIN_ZERO)[scale]
    if form is Format.TEMPERATURE_GAP:
        return value / (1, 1.8, 1, 1.8)[scale]
    return value


def parse(data: bytes, form: Format, flags: int, now: float) -> Value:
    """What a client wrote, as a value; numbers may be followed by anything, as with C's strtol.

    Raises:
        BadValue: it can't be one.
    """
    if form in _TEXTUAL:
        return data if form is Format.BINARY else data.decode(errors="surrogateescape")
    text = data.partition(b"\0")[0].decode("ascii", errors="replace").strip()
    if form is Format.YES_NO:
        return _parse_yes_no(text)
    if form is Format.DATE:
        return _parse_date(text, now)
    if form in (Format.INTEGER, Format.UNSIGNED):
        return int(_leading_number(text, "+-0123456789", int))
    return from_scale(_leading_number(text, "+-.0123456789eE", float), form, flags)


def _leading_number(text: str, characters: str, convert: type[int] | type[float]) -> float:
    length = next((i for i, letter in enumerate(text) if letter not in characters), len(text))
    for end in range(length, 0, -1):
        try:
            return convert(text[:end])
        except ValueError:
            continue
    raise BadValue(f"{text!r} is not a number")


def _parse_yes_no(text: str) -> bool:
    if not text:
        raise BadValue("nothing was written", -14)
    lower = text.lower()
    if lower.startswith(("y", "on")):
        return True
    if lower.startswith(("n", "off")):
        return False
    return _leading_number(text, "+-0123456789", int) != 0


def _parse_date(text: str, now: float) -> float:
    if not text:
        return now
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise BadValue(f"{text!r} is not a date")


def rom_text(rom: RomId, flags: int) -> str:
    """The ROM id in the device format of the flags: f.i, fi, f.i.c, f.ic, fi.c or fic."""
    family, serial, crc = f"{rom.family:02X}", rom.serial.hex().upper(), f"{rom.crc:02X}"
    forms = (
        f"{family}.{serial}",
        f"{family}{serial}",
        f"{family}.{serial}.{crc}",
        f"{family}.{serial}{crc}",
        f"{family}{serial}.{crc}",
        f"{family}{serial}{crc}",
    )
    form = flags >> 24 & 0xFF
    return forms[form] if form < len(forms) else forms[0]
