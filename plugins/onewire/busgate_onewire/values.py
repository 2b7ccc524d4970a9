"""Values on their way to a device: checked before anything is sent, and compared with what is read back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from busgate_onewire.readings import parse
from gateway.errors import WriteRefused

if TYPE_CHECKING:
    from busgate_onewire.families import Attribute

_YES: Final = {"1", "true", "on", "yes"}
_NO: Final = {"0", "false", "off", "no"}
#: °C by which a limit that was read back may differ: these registers hold whole degrees (datasheet DS18B20, TH and TL).
_ROUNDING: Final = 1.0


def encode(value: Any, attribute: Attribute) -> bytes:
    """The bytes to write for a value.

    Raises:
        WriteRefused: the attribute can't hold it; says what it can.
    """
    match attribute.form:
        case "y":
            return _yes_no(value, attribute)
        case "i" | "u":
            return _whole(value, attribute)
        case "f" | "t" | "g" | "p":
            return _real(value, attribute)
        case "b":
            return _bytes(value, attribute)
    if isinstance(value, list | tuple):
        value = ",".join(str(int(part)) if isinstance(part, bool) else str(part) for part in value)
    if isinstance(value, bool | int) and attribute.name.endswith(".ALL"):
        raise _refuse(value, attribute, "a list, or text with commas")
    if not isinstance(value, str | int | float) or value == "":
        raise _refuse(value, attribute, "text")
    return str(value).encode()


def _yes_no(value: Any, attribute: Attribute) -> bytes:
    word = str(value).strip().lower() if isinstance(value, bool | int | float | str) else ""
    if word in _YES or word == "1.0":
        return b"1"
    if word in _NO or word == "0.0":
        return b"0"
    raise _refuse(value, attribute, "true or false")


def _whole(value: Any, attribute: Attribute) -> bytes:
    try:
        number = int(value) if isinstance(value, bool | int) else int(str(value).strip())
    except ValueError:
        raise _refuse(value, attribute, "a whole number") from None
    if attribute.form == "u" and number < 0:
        raise _refuse(value, attribute, "a whole number from 0 up")
    return str(number).encode()


def _real(value: Any, attribute: Attribute) -> bytes:
    try:
        number = float(value if isinstance(value, int | float) else str(value))
    except ValueError:
        raise _refuse(value, attribute, "a number") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise _refuse(value, attribute, "a number")
    return f"{number:.10g}".encode()


def _bytes(value: Any, attribute: Attribute) -> bytes:
    try:
        data = bytes(value) if isinstance(value, bytes | bytearray) else bytes.fromhex(value)
    except (TypeError, ValueError):
        data = b""
    if not data:
        raise _refuse(value, attribute, "bytes, or text of hex digits")
    return data


def _refuse(value: Any, attribute: Attribute, wanted: str) -> WriteRefused:
    return WriteRefused(f"{attribute.name} can't be {value!r}: it takes {wanted}")


def same(written: bytes, read: bytes, attribute: Attribute) -> bool:
    """Whether what was read back is what was written, as exactly as the device holds it."""
    try:
        ours, theirs = parse(written, attribute), parse(read, attribute)
    except ValueError:
        return False
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) < _ROUNDING
    return ours == theirs
