"""Commands become packets for the air, by pyRFXtrx; and what they mean there."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import RFXtrx
from RFXtrx import lowlevel

from gateway.errors import NoSuchDevice, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Devices of which the count within their telegrams is remembered.
REMEMBERED: Final = 500

LIGHTING4: Final = 0x13
LIGHTING5: Final = 0x14
CHIME: Final = 0x16
RFY: Final = 0x1A
ROLLER: Final = 0x19
FUNKBUS: Final = 0x1E
SECURITY: Final = 0x20
DDXXXX: Final = 0x31

#: Microseconds; the length of a pulse of most devices with a PT2262.
PULSE: Final = 350

_ID: Final = re.compile(r"([0-9a-f]{1,2})_([0-9a-f]{1,2})_([0-9A-Za-z:]{1,20})")
#: Other words for what the tables of pyRFXtrx have.
_ALIASES: Final = {
    "open": ("up", "open_inline_relay"),
    "close": ("down", "close_inline_relay"),
    "stop": ("stop_inline_relay",),
}
#: With a level, these set it.
_LEVELS: Final = ("set_level", "level", "dim")
#: Of a Funkbus device: the method, and the value that it takes.
_FUNKBUS: Final = {
    "on": ("send_on", None), "off": ("send_off", None), "up": ("send_on", None), "down": ("send_off", None),
    "all_on": ("send_allon", None), "all_off": ("send_alloff", None), "scene": ("send_setscene", "scene"),
    "dim": ("send_dim", "duration"), "bright": ("send_bright", "duration"),
    "master_dim": ("send_masterdim", "duration"), "master_bright": ("send_masterbright", "duration"),
}  # fmt: skip
#: Of a DDxxxx motor: the values.
_POSITIONS: Final = {"percent": ("percent",), "angle": ("angle",), "percent_angle": ("percent", "angle")}

#: Sent twice, they do what they do once.
_STATES: Final = frozenset(
    "on off set_level level group_on group_off all_group_on all_group_off all_on all_off up down open close "
    "open_inline_relay close_inline_relay percent angle percent_angle scene lock unlock all_lock 100 50 25 p2 "
    "normal alarm disarm arm_away arm_home light_1_on light_1_off light_2_on light_2_off".split()
) | {f"level_{number}" for number in range(1, 10)} | {f"mood{number}" for number in range(1, 6)}  # fmt: skip
#: Subtypes of Lighting5 that toggle whatever they are told: Livolo, Livolo appliance.
_TOGGLES: Final = (0x05, 0x0A)


def slug(text: str) -> str:
    """A command as busgate writes it: ``Group on`` becomes ``group_on``."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


class _Catch:
    """A transport for pyRFXtrx that keeps the packet."""

    packet = b""

    def send(self, packet: bytes) -> None:
        self.packet = bytes(packet)


class Commands:
    """Makes packets; knows the count that some devices expect to change from telegram to telegram."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def packet(self, device: str, command: str, values: Mapping[str, Any]) -> bytes:
        """The packet for a command, its sequence number 0.

        Raises:
            NoSuchDevice: that is no id of a device.
            Unsupported: there is no such command, or it doesn't take these values.
        """
        known = find(device)
        if hasattr(known, "cmndseqnbr"):
            known.cmndseqnbr = self._counts.get(device, 0)
        catch = _Catch()
        try:
            rest = _give(known, catch, slug(command), dict(values))
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise Unsupported(f"{command} can't be sent to {device} with {dict(values)}: {error}") from error
        if rest:
            raise Unsupported(f"{command} of {device} takes no {', '.join(map(repr, rest))}")
        return catch.packet

    def used(self, device: str) -> None:
        """A packet for this device is going out: the next one has another count."""
        self._counts[device] = (self._counts.pop(device, 0) + 1) % 5
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


def find(device: str) -> Any:
    """The device of pyRFXtrx with such an id, which need not have been heard.

    Raises:
        NoSuchDevice: that is no id of a device.
        Unsupported: nothing can be sent to devices of its type.
    """
    if (match := _ID.fullmatch(device)) is None:
        raise NoSuchDevice(f"{device!r} should be like 11_0_0ab12cd:3: type and subtype in hexadecimal, and the id")
    kind, subtype, name = int(match[1], 16), int(match[2], 16), match[3]
    if not hasattr(lowlevel.PACKET_TYPES.get(kind), "set_transmit"):
        raise Unsupported(f"nothing can be sent to {device}: type {kind:x} is of sensors")
    try:
        return _motor(subtype, name) if kind == DDXXXX else RFXtrx.get_device(kind, subtype, name)
    except (ValueError, KeyError, TypeError) as error:
        raise NoSuchDevice(f"{device!r}: {name!r} is no id of type {kind:x}") from error


def _motor(subtype: int, name: str) -> Any:
    """A DDxxxx motor; pyRFXtrx 0.34 can't read the ids that it writes."""
    number, _, unit = name.partition(":")
    packet = lowlevel.DDxxxx()
    head = bytes([0x0C, DDXXXX, subtype, 0]) + int(number, 16).to_bytes(4)
    packet.load_receive(bytearray(head + bytes([int(unit), 0, 0, 0, 0])))
    if packet.id_string != name:
        raise ValueError(name)
    return RFXtrx.get_device_from_pkt(packet)


def _give(known: Any, catch: _Catch, command: str, values: dict[str, Any]) -> dict[str, Any]:
    """Have the packet made; return the values that were not needed."""
    table = names(known)
    if known.packettype == LIGHTING4:
        known.pulse = _number(values, "pulse", 65535) if "pulse" in values else PULSE
    if known.packettype == FUNKBUS:
        if command not in _FUNKBUS:
            raise ValueError(f"there is no such command (there are: {', '.join(_FUNKBUS)})")
        method, wanted = _FUNKBUS[command]
        getattr(known, method)(catch, *([_number(values, wanted, 45)] if wanted else []))
    elif known.packettype == DDXXXX and command in _POSITIONS:
        known.send_command(catch, table[command], **{what: _number(values, what, 180) for what in _POSITIONS[command]})
    elif known.packettype == CHIME and command == "sound":
        known.send_command(catch, _number(values, "sound", 255))
    elif known.packettype == SECURITY:
        known.send_status(catch, _code(table, command))
    elif command in _LEVELS and hasattr(known, "send_dim") and (command != "dim" or "level" in values):
        known.send_dim(catch, _number(values, "level", 100))
    else:
        known.send_command(catch, _code(table, command))
    return values


def _code(table: dict[str, int], command: str) -> int:
    for word in (command, *_ALIASES.get(command, ())):
        if word in table:
            return table[word]
    raise ValueError(f"there is no such command (there are: {', '.join(table)})")


def names(known: Any) -> dict[str, int]:
    """The commands of a device, as busgate writes them."""
    table = known.STATUS if known.packettype == SECURITY else known.COMMANDS
    found: dict[str, int] = {}
    for code, text in table.items():
        found.setdefault(slug(text), code)
    return found


def _number(values: dict[str, Any], name: str, most: int) -> int:
    """Take a value; ValueError when it isn't a number from 0 to ``most``."""
    value = values.pop(name, None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} should be a number from 0 to {most}")
    return round(value)


def repeatable(packet: bytes, command: str) -> bool:
    """Whether sending it twice does no harm."""
    toggles = packet[1] == LIGHTING5 and packet[2] in _TOGGLES
    return slug(command) in _STATES and not toggles and packet[1] != RFY
