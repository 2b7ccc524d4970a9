"""From what owserver answers to a Reading: values, qualities, strikes, and the thermometer that says 85 °C.

Theory of operation
-------------------
1. Values are text: numbers padded with spaces, yes/no as 1 and 0, elements of an array separated by commas. What can't
   be read as a finite number is a fault of the bus, never a value.
2. A read that fails gives the last good value as ``stale``, with its old time, until it has failed ``strikes`` times in
   a row; then its own quality and no value. Where there never was a good value there is nothing to be stale.
3. A DS18B20 and its relatives hold 85 °C after power-on (Maxim datasheet DS18B20, "scratchpad"). So 85 °C is in doubt,
   unless the last good value was near: then it has become warm. A genuine part also shows 0C in byte 6 of the
   scratchpad after power-on, and 10 after a conversion that gave 85 °C; a DS18S20 shows 0C both times, and so do some
   clones. So a byte 6 that isn't 0C clears the doubt, and 0C proves nothing.
4. A value outside of the range of the part is in doubt too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gateway.values import Reading

if TYPE_CHECKING:
    from busgate_onewire.families import Attribute
    from gateway.values import Quality

Value: TypeAlias = bool | int | float | str
Key: TypeAlias = tuple[str, str]

#: Error numbers of owserver (``/settings/return_codes``, and errno of Linux for the old ones). A path that it can't
#: find is 1, whatever its text says.
NO_SUCH: Final = frozenset({1, 2, 19, 29, 32, 41})
#: "Invalid transaction" is what a read gives whose CRC stays wrong, or that nobody answers.
_GARBLED: Final = frozenset({22, 28, 58, 67})
READ_ONLY: Final = frozenset({13, 30, 65, 66, 95})
BAD_FORMAT: Final = frozenset({61, 62, 63})

POWER_ON: Final = 85.0
#: A change up to this many °C since the last good value makes 85 °C credible.
GRADUAL: Final = 10.0
#: °C; datasheets DS18B20, DS18S20, DS1822.
RANGE: Final = (-55.0, 125.0)
_POWER_ON_BYTE_6: Final = 0x0C

_WORDS: Final = {
    5: "the device can't be reached",
    16: "the bus is busy",
    44: "the bus is shorted",
    45: "the owserver has no such bus",
    47: "the bus doesn't respond",
    49: "the bus is closed",
    51: "communication on the bus failed",
    52: "the bus did not answer in time",
}


def quality_of(code: int) -> Quality:
    """The quality of a read that owserver answered with this error."""
    if code in NO_SUCH:
        return "absent"
    return "crc" if code in _GARBLED else "bus_error"


def describe(code: int) -> str:
    """What an error of owserver means."""
    if code in NO_SUCH:
        return "no such device or attribute"
    if code in _GARBLED:
        return "no valid answer from the device (nobody there, or a wrong CRC)"
    if code in READ_ONLY:
        return "it can't be written"
    if code in BAD_FORMAT:
        return "the value has a wrong format"
    return _WORDS.get(code, f"error {code} of owserver")


def parse(data: bytes, attribute: Attribute) -> Value:
    """Read a value; ValueError when it is none of the attribute's type."""
    if attribute.form == "b":
        return data.hex()
    text = data.decode(errors="replace").partition("\0")[0].strip()
    match attribute.form:
        case "y":
            return _yes_no(text)
        case "i" | "u":
            return int(text)
        case "f" | "t" | "g" | "p":
            return _finite(text)
    return ",".join(part.strip() for part in text.split(",")) if attribute.name.endswith(".ALL") else text


def elements(data: bytes) -> list[bytes]:
    """The elements of an array that was read at once."""
    return data.split(b",")


def _yes_no(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def at_power_on(scratchpad: bytes) -> bool:
    """Whether a scratchpad may be that of a thermometer which has not converted since power-on."""
    return len(scratchpad) <= 6 or scratchpad[6] == _POWER_ON_BYTE_6


@dataclass(slots=True)
class _Past:
    good: Reading | None = None
    failures: int = 0
    doubted: bool = False


class Judge:
    """Remembers of each value what is needed to judge the next one."""

    def __init__(self, strikes: int) -> None:
        self._strikes = strikes
        self._pasts: dict[Key, _Past] = {}

    def in_doubt(self, key: Key, value: Value) -> bool:
        """Whether a value is not to be believed as it stands, if it is a temperature."""
        if not isinstance(value, float):
            return False
        if value == POWER_ON:
            good = self._past(key).good
            return good is None or not isinstance(good.value, float) or abs(good.value - value) > GRADUAL
        return not RANGE[0] <= value <= RANGE[1]

    def doubted(self, key: Key) -> bool:
        """Whether the value before this one was in doubt."""
        return self._past(key).doubted

    def serious(self, key: Key) -> bool:
        """Whether one more failure is reason to look for the device: it gives the old value up, or there is none."""
        past = self._past(key)
        return past.failures == (0 if past.good is None else self._strikes - 1)

    def good(self, key: Key, value: Value, unit: str | None, time: float) -> Reading:
        past = self._past(key)
        past.good, past.failures, past.doubted = Reading(value, unit, time), 0, False
        return past.good

    def doubtful(self, key: Key, value: Value, unit: str | None, time: float) -> Reading:
        past = self._past(key)
        past.failures, past.doubted = 0, True
        return Reading(value, unit, time, "suspect")

    def failed(self, key: Key, quality: Quality, unit: str | None, time: float) -> Reading:
        past = self._past(key)
        past.failures += 1
        if past.good is not None and past.failures < self._strikes:
            return Reading(past.good.value, unit, past.good.time, "stale")
        past.good = None
        return Reading(None, unit, time, quality)

    def _past(self, key: Key) -> _Past:
        past = self._pasts.get(key)
        if past is None:
            past = self._pasts[key] = _Past()
        return past
