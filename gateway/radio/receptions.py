"""Receptions: one receiver heard one telegram; and how that travels between nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.path import P
from gateway.values import Quantity, Telegram

#: What nodes tell each other about radio; the bus is one more element.
TOPIC: Final = P(":.moat.kv.radio")


@dataclass(frozen=True, slots=True)
class Reception:
    """What one receiver heard.

    Attributes:
        sender: the node that tells of it, as it lives now.
        number: which of that sender's receptions; together they are its id.
        interface: ``NODE/INTERFACE``.
        late: seconds that it may have been heard before it was read; see :mod:`gateway.radio.lateness`.
    """

    sender: str
    number: int
    bus: str
    interface: str
    telegram: Telegram
    late: float = 0.0

    @property
    def id(self) -> tuple[str, int]:
        return self.sender, self.number

    def to_map(self) -> dict[str, Any]:
        """As it is sent; times are the sender's."""
        one = self.telegram
        return {
            "number": self.number,
            "interface": self.interface,
            "device": one.device,
            "kind": one.kind,
            "values": {name: [value.value, value.unit] for name, value in one.values.items()},
            "heard": one.heard,
            "late": self.late,
            "key": one.key,
            "window": one.window,
            "rssi": one.rssi,
            "battery": one.battery,
            "raw": one.raw,
        }

    @classmethod
    def from_map(cls, sender: str, bus: str, fields: dict[str, Any]) -> Reception:
        """Read what was sent; KeyError, TypeError or ValueError when it is no reception."""
        telegram = Telegram(
            device=str(fields["device"]),
            kind=str(fields["kind"]),
            values={str(name): Quantity(*value) for name, value in fields["values"].items()},
            heard=float(fields["heard"]),
            key=bytes(fields["key"]),
            window=float(fields["window"]),
            rssi=fields["rssi"],
            battery=fields["battery"],
            raw=bytes(fields["raw"]),
        )
        return cls(sender, int(fields["number"]), bus, str(fields["interface"]), telegram, float(fields["late"]))
