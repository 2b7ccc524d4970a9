"""Link quality: how well each receiver hears each device."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gateway.radio.receptions import Reception

#: Share of the newest value in the mean of the signal strength.
NEWEST: Final = 0.2
#: Devices that are remembered on one bus; those not heard of for the longest time are forgotten.
MOST: Final = 4096


@dataclass(slots=True)
class Link:
    """One device at one receiver; ``rssi`` is a moving mean in dBm, ``heard`` is on the lease clock."""

    count: int = 0
    heard: float = 0.0
    rssi: float | None = None


@dataclass(slots=True)
class Links:
    """One device: what was last heard of it, and its links by ``NODE/INTERFACE``."""

    kind: str = ""
    battery: int | None = None
    count: int = 0
    heard: float = 0.0
    links: dict[str, Link] = field(default_factory=dict)


class Quality:
    """The devices of one bus."""

    def __init__(self) -> None:
        self._devices: OrderedDict[str, Links] = OrderedDict()

    def note(self, reception: Reception, time: float) -> None:
        """Take in a reception that was heard at that time of the lease clock; each once."""
        telegram = reception.telegram
        device = self._devices.setdefault(telegram.device, Links())
        self._devices.move_to_end(telegram.device)
        if len(self._devices) > MOST:
            self._devices.popitem(last=False)
        device.kind, device.count, device.heard = telegram.kind, device.count + 1, max(device.heard, time)
        device.battery = device.battery if telegram.battery is None else telegram.battery
        link = device.links.setdefault(reception.interface, Link())
        link.count, link.heard = link.count + 1, max(link.heard, time)
        if telegram.rssi is not None:
            link.rssi = telegram.rssi if link.rssi is None else link.rssi + NEWEST * (telegram.rssi - link.rssi)

    def of(self, device: str) -> Links | None:
        """What is known of a device; None: it was never heard."""
        return self._devices.get(device)

    def table(self, now: float) -> list[dict[str, Any]]:
        """Each device as plain values, those heard last first; ``age`` in seconds."""
        return [
            {
                "device": name,
                "kind": device.kind,
                "battery": device.battery,
                "count": device.count,
                "age": round(now - device.heard, 1),
                "receivers": {
                    interface: {"count": link.count, "age": round(now - link.heard, 1), "rssi": link.rssi}
                    for interface, link in sorted(device.links.items())
                },
            }
            for name, device in reversed(self._devices.items())
        ]
