"""Equipment profiles (EEP): the one file that knows the library ``enocean``.

The library decodes and encodes fields by its table of profiles, and reads teach-in telegrams. What it can't do is kept
from it here: it takes the status of VLD telegrams from the wrong byte, reads fields beyond the end of a telegram, needs
optional data, cuts raw values down instead of rounding them, and puts values that are out of range into their
neighbours' bits.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio.to_thread

from busgate_enocean.erp1 import FOUR_BS, ONE_BS, UTE, VLD, Erp1
from busgate_enocean.esp3 import Packet
from gateway.errors import WriteRefused
from gateway.values import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Unit texts of Home Assistant for those of the library that differ.
_UNITS: Final = {"": None, "C": "°C", "degrees": "°"}
_BOOLEANS: Final = {"true": True, "false": False}
#: Profiles whose types have one and the same telegrams; the library has one type of each (EEP 2.6.8: D2-01, D2-05).
_ONE_FOR_ALL: Final = {(VLD, 0x01): 0x01, (VLD, 0x05): 0x00}
#: Profiles that are sent with direction 2 of theirs, to the actuator, and heard with direction 1.
_HEARD, _SENT = 1, 2
#: Noise of floating point in the library's arithmetic is cut off behind so many digits.
_DIGITS: Final = 6


class TeachIn(NamedTuple):
    """What a teach-in telegram says of its sender.

    ``eep`` is None where it doesn't say; ``manufacturer`` is the number that the EnOcean Alliance has given.
    ``delete``: it wants to be forgotten. ``answer``: it waits for a response.
    """

    eep: str | None
    manufacturer: int | None = None
    delete: bool = False
    answer: bool = False


class Profiles:
    """The library's table. To make the first one of a process takes half a second."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it reads its XML as HTML, on purpose: that needs no compiled parser
            import enocean.protocol.packet as library
            import enocean.utils as bits

        self._library = library
        self._bits = bits
        self._eep = library.Packet.eep
        self._known: dict[str, Profile | None] = {}

    @classmethod
    async def load(cls) -> Profiles:
        """Make one in a worker thread."""
        return await anyio.to_thread.run_sync(cls)

    def find(self, eep: str) -> Profile | None:
        """The profile of that name, such as ``A5-02-05``; None when the library has it not."""
        if eep not in self._known:
            self._known[eep] = self._find(eep)
        return self._known[eep]

    def _find(self, eep: str) -> Profile | None:
        rorg, function, type_ = (int(part, 16) for part in eep.split("-"))
        type_ = _ONE_FOR_ALL.get((rorg, function), type_)
        tag = self._eep.telegrams.get(rorg, {}).get(function, {}).get(type_)
        return None if tag is None else Profile(eep, rorg, tag, self._eep, self._bits)

    def teach_in(self, telegram: Erp1) -> TeachIn | None:
        """What it teaches; None when it is no teach-in telegram (EEP 2.6.8, chapter 3)."""
        if telegram.rorg not in (ONE_BS, FOUR_BS, UTE):
            return None
        packet = telegram.packet()
        kind = self._library.UTETeachInPacket if telegram.rorg == UTE else self._library.RadioPacket
        read = kind(packet.type, list(packet.data), list(packet.optional))
        if telegram.rorg == UTE:
            eep = f"{read.rorg_of_eep:02X}-{read.rorg_func:02X}-{read.rorg_type:02X}"
            return TeachIn(eep, read.rorg_manufacturer, read.delete, read.response_expected)
        if not read.learn:
            return None
        if telegram.rorg == ONE_BS:
            return TeachIn("D5-00-01")  # there is no other
        if not read.contains_eep:
            return TeachIn(None)
        return TeachIn(f"A5-{read.rorg_func:02X}-{read.rorg_type:02X}", read.rorg_manufacturer)

    def acceptance(self, query: Erp1, sender: int) -> Erp1:
        """The response to a teach-in that waits for one: it was accepted (EEP 2.6.8, 3.6.2)."""
        asked = query.packet()
        read = self._library.UTETeachInPacket(asked.type, list(asked.data), list(asked.optional))
        answer = read.create_response_packet(list(sender.to_bytes(4)))
        return Erp1.of(Packet(asked.type, bytes(answer.data), bytes(answer.optional)))


class Profile:
    """One profile. What it knows of a telegram's fields is found once."""

    def __init__(self, eep: str, rorg: int, tag: Any, table: Any, bits: Any) -> None:
        self.eep = eep
        self.rorg = rorg
        self._table = table
        self._bits = bits
        self._command = tag.find("command", recursive=False)
        self._layouts = [_Layout(data) for data in tag.find_all("data", recursive=False)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values that it may tell."""
        layouts = self._layouts if self._command else self._layouts[:1]
        return tuple(dict.fromkeys(name for layout in layouts for name in layout.fields))

    @property
    def command_name(self) -> str | None:
        """The name of the value that tells its telegrams apart, where it has several."""
        return str(self._command["shortcut"]) if self._command else None

    def decode(self, payload: bytes, status: int) -> dict[str, Quantity]:
        """What a telegram says, by the names of the profile.

        Raises:
            ValueError: it is not of this profile, or has a value that the profile doesn't know.
        """
        bits = self._bits.to_bitarray(list(payload), 8 * len(payload))
        layout = self._layout(self._number(bits), _HEARD)
        if len(bits) < layout.size:
            raise ValueError(f"{self.eep} needs {layout.size // 8} bytes, not {len(payload)}")
        try:
            found = self._table.get_values(layout.tag, bits, self._bits.to_bitarray(status))[1]
        except TypeError as error:
            raise ValueError(f"{self.eep} has no such value: {payload.hex()}") from error
        return {name: layout.quantity(name, said) for name, said in found.items()}

    def encode(self, values: Mapping[str, Any]) -> tuple[bytes, int]:
        """Payload and status of a telegram that says so; what is not given is 0.

        Raises:
            WriteRefused: the profile has no such value; says what it has.
        """
        number = values.get(self.command_name) if self.command_name else None
        layout = self._layout_to_send(number)
        raw = {name: layout.prepared(self.eep, name, value) for name, value in values.items()}
        size = layout.length(self.rorg)
        bits, status = self._table.set_values(layout.tag, [False] * (8 * size), [False] * 8, raw)
        payload = bytes(self._bits.from_bitarray(bits[place : place + 8]) for place in range(0, 8 * size, 8))
        return payload, self._bits.from_bitarray(status)

    def _number(self, bits: list[bool]) -> int | None:
        """The number of the command in a telegram."""
        if not self._command:
            return None
        # The number of D2-05 stands in the last four bits of the first byte in messages of one byte, in the last of all
        # in the others: counted from the end it is always the same (EEP 2.6.8, D2-05-00).
        offset, size = int(self._command["offset"]), int(self._command["size"])
        start = min(offset, len(bits) - size)
        return int(self._bits.from_bitarray(bits[start : start + size])) if start >= 0 else None

    def _layout(self, number: int | None, direction: int) -> _Layout:
        for layout in self._layouts:
            if layout.is_for(number, direction, several=bool(self._command)):
                return layout
        raise ValueError(f"{self.eep} has no command {number}")

    def _layout_to_send(self, number: Any) -> _Layout:
        try:
            return self._layout(number, _SENT)
        except ValueError:
            known = ", ".join(str(layout.number) for layout in self._layouts)
            raise WriteRefused(f"{self.eep} needs {self.command_name}, one of {known}, not {number!r}") from None


class _Layout:
    """The fields of one kind of telegram."""

    def __init__(self, tag: Any) -> None:
        self.tag = tag
        self.number = int(tag["command"]) if "command" in tag.attrs else None
        self.direction = int(tag["direction"]) if "direction" in tag.attrs else None
        self.fields: dict[str, Any] = {field["shortcut"]: field for field in tag.find_all(["value", "enum", "status"])}
        self._ranges = {name: found for name, field in self.fields.items() if (found := _range(field))}
        self.size = max((_end(field) for field in self.fields.values() if field.name != "status"), default=0)

    def is_for(self, number: int | None, direction: int, *, several: bool) -> bool:
        """Whether it is that of a command, and of a direction where that matters."""
        return (self.number == number or not several) and self.direction in (None, direction)

    def length(self, rorg: int) -> int:
        """Bytes of its payload."""
        return 4 if rorg == FOUR_BS else -(-self.size // 8)

    def quantity(self, name: str, said: Mapping[str, Any]) -> Quantity:
        """What the library has said of a field. A choice within a range of numbers is a number."""
        value, unit, raw = said["value"], said["unit"], said["raw_value"]
        if (known := self._ranges.get(name)) and (raw in known.numbers or (known.percent and f"{raw}%" in value)):
            return Quantity(raw, "%" if known.percent else None)
        if isinstance(value, float):
            return Quantity(round(value, _DIGITS), _UNITS.get(unit, unit))
        return Quantity(_BOOLEANS.get(value, value) if isinstance(value, str) else value, _UNITS.get(unit, unit))

    def prepared(self, eep: str, name: str, value: Any) -> Any:
        """A value as the library puts it in rightly.

        Raises:
            WriteRefused: it can't be that; says what can.
        """
        field = self.fields.get(name)
        if field is None:
            raise WriteRefused(f"{eep} has no value {name!r} (there are: {', '.join(self.fields)})")
        if field.name == "status":
            known: Iterable[Any] = (False, True)
            right = isinstance(value, bool)
        elif field.name == "enum":
            value = _number_of(value, field)
            known = [item["description"] for item in field.find_all(["item", "rangeitem"])]
            right = value is not None
        else:
            return _in_steps(eep, name, field, value)
        if not right:
            raise WriteRefused(f"{eep} {name} should be one of {', '.join(map(str, known))}")
        return value


def _end(field: Any) -> int:
    return int(field["offset"]) + int(field["size"])


class _Range(NamedTuple):
    """Numbers among the choices of a field, which the library words as in ``Output value 40% or ON``."""

    numbers: range
    percent: bool


def _range(field: Any) -> _Range | None:
    for each in field.find_all("rangeitem"):
        if "{value}" in each["description"]:
            return _Range(range(int(each["start"]), int(each["end"]) + 1), "{value}%" in each["description"])
    return None


def _number_of(value: Any, field: Any) -> int | None:
    """The number of a choice, given as number, text or truth; None when there is no such choice."""
    if isinstance(value, bool) and any(item["description"] in _BOOLEANS for item in field.find_all("item")):
        value = str(value).lower()
    if isinstance(value, str):
        item = field.find("item", {"description": value})
        return None if item is None else int(item["value"])
    if not isinstance(value, int):
        return None
    ranges = [(int(each["start"]), int(each["end"])) for each in field.find_all("rangeitem")]
    single = [int(each["value"]) for each in field.find_all("item")]
    return int(value) if value in single or any(start <= value <= end for start, end in ranges) else None


def _in_steps(eep: str, name: str, field: Any, value: Any) -> float:
    """A number that the library's cutting off brings to the nearest step."""
    low, high = (float(field.find("scale").find(end).text) for end in ("min", "max"))
    least, most = (float(field.find("range").find(end).text) for end in ("min", "max"))
    unit = _UNITS.get(field["unit"], field["unit"]) or ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WriteRefused(f"{eep} {name} should be a number, not {value!r}")
    if not min(low, high) <= value <= max(low, high):
        raise WriteRefused(f"{eep} {name} should be from {low:g} to {high:g} {unit}".rstrip() + f", not {value:g}")
    return value + 0.5 * (high - low) / (most - least)
