"""Commands become lines for the gateway, by rflink; and what they mean on the air."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rflink.parser import encode_packet, translate_protocols

from busgate_rflink.decoding import STEPS, key, slug
from busgate_rflink.lines import MOST_COMMAND
from gateway.errors import NoSuchDevice, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Protocols of which the name is remembered as it was heard.
REMEMBERED: Final = 500

#: Sent twice, they do what they do once.
_STATES: Final = frozenset({"on", "off", "allon", "alloff", "up", "down", "set_level"})
#: Protocols with a rolling code that is kept in the gateway.
_ROLLING: Final = ("rts",)
_DEVICE: Final = re.compile(r"[a-z0-9_]{1,60}")
_WORD: Final = re.compile(r"[A-Za-z0-9_+-]{1,20}")


@dataclass(frozen=True, slots=True)
class Order:
    """A line for the gateway, without its end.

    ``key`` is that of the report which another receiver gives of it; None: it gives none, or another one.
    """

    line: str
    repeatable: bool
    bound: bool
    key: bytes | None


class Commands:
    """Makes orders; learns how protocols are written from what was heard."""

    def __init__(self) -> None:
        # Not from rflink's own table: that one grows with whatever anybody in this process hears.
        self._protocols = OrderedDict((slug(protocol), protocol.lower()) for protocol in translate_protocols)

    def learn(self, protocol: str) -> None:
        """A protocol was heard: ``Ikea Koppla`` can't be told from the id of a device."""
        self._protocols[slug(protocol)] = protocol.lower()
        self._protocols.move_to_end(slug(protocol))
        if len(self._protocols) > REMEMBERED:
            self._protocols.popitem(last=False)

    def order(self, device: str, command: str, values: Mapping[str, Any]) -> Order:
        """What to tell the gateway.

        Raises:
            NoSuchDevice: that is no id of a device.
            Unsupported: that is no command, or it doesn't take these values.
        """
        packet = self._find(device)
        rest = dict(values)
        packet["command"] = _word(command, rest)
        color = rest.pop("rgbw", None)
        if rest:
            raise Unsupported(f"{command} of {device} takes no {', '.join(map(repr, rest))}")
        line = _line(packet, color)
        if len(line) > MOST_COMMAND:
            raise Unsupported(f"{command} to {device} would be longer than the {MOST_COMMAND} characters of RFLink")
        rolling = packet["protocol"] in _ROLLING
        plain = "switch" in packet and color is None and not rolling
        return Order(line, command.lower() in _STATES and not rolling, rolling, _report(packet) if plain else None)

    def _find(self, device: str) -> dict[str, str]:
        # From the right: names of protocols have underscores too, such as dooya_v4.
        protocol, *rest = device.rsplit("_", 2) if _DEVICE.fullmatch(device) else [""]
        if not protocol or not rest or not all(rest):
            raise NoSuchDevice(f"{device!r} should be like newkaku_0000c6c2_1: protocol, id and switch")
        return {"protocol": self._protocols.get(protocol, protocol), **dict(zip(("id", "switch"), rest, strict=False))}


def _word(command: str, values: dict[str, Any]) -> str:
    """The command as RFLink has it; for a level, the step."""
    if not _WORD.fullmatch(command):
        raise Unsupported(f"{command!r} is no command: it should be one word, such as on or ALLOFF")
    if command.lower() != "set_level":
        return command
    level = values.pop("level", None)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 100:
        raise Unsupported("set_level needs a level, a number from 0 to 100")
    return str(max(1, round(level * STEPS / 100))) if level else "off"


def _line(packet: dict[str, str], color: Any) -> str:
    if color is not None and not (isinstance(color, str) and re.fullmatch(r"[0-9A-Fa-f]{4}", color)):
        raise Unsupported("rgbw should be colour and brightness in four hexadecimal digits, such as 34BC")
    if "switch" in packet and color is None:
        return str(encode_packet(packet))
    parts = [packet["protocol"], packet["id"], packet.get("switch"), color]
    if packet["command"] != "ring":
        parts.append(packet["command"])
    return "10;" + "".join(f"{part};" for part in parts if part is not None)


def _report(packet: dict[str, str]) -> bytes:
    command = packet["command"]
    said = f"set_level={command}" if command.isdecimal() else command
    return key(packet["protocol"], [f"id={packet['id']}", f"switch={packet['switch']}", f"cmd={said}"])
