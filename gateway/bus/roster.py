"""Roster: the devices that a radio has heard, and what each has said last; for drivers."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gateway.errors import NoSuchAttribute
from gateway.values import Device, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.values import Quantity, Telegram


def put_together(scans: Iterable[Iterable[Device]]) -> list[Device]:
    """The devices that several radios of one bus have heard, each once; those heard last come last.

    ``count`` is that of the radio that has heard the device most often: all hear the same telegrams. What else is told
    of a device is from the radio that heard it last.
    """
    found: dict[str, Device] = {}
    for device in sorted((one for scan in scans for one in scan), key=_last):
        before = found.pop(device.id, device)
        counts = [one.details["count"] for one in (before, device) if "count" in one.details]
        details = device.details | ({"count": max(counts)} if counts else {})
        found[device.id] = replace(device, details=details)
    return list(found.values())


def _last(device: Device) -> float:
    return device.details.get("last") or 0.0


@dataclass(slots=True)
class _Heard:
    kind: str
    count: int = 0
    last: float = 0.0
    rssi: float | None = None
    battery: int | None = None
    values: dict[str, tuple[Quantity, float]] = field(default_factory=dict)


class Roster:
    """Everybody that was heard since the interface was opened; times in Unix seconds.

    Args:
        most: devices that are remembered; with one more, the one that was silent longest is forgotten.
        stale_after: seconds after which a value is not fresh any more.
    """

    def __init__(self, most: int, stale_after: float) -> None:
        self._most = most
        self._stale_after = stale_after
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heard)

    def hear(self, telegram: Telegram, now: float) -> None:
        """Note a telegram."""
        one = self._heard.setdefault(telegram.device, _Heard(telegram.kind))
        self._heard.move_to_end(telegram.device)
        one.kind, one.last, one.rssi = telegram.kind, now, telegram.rssi
        one.count += 1
        one.battery = telegram.battery if telegram.battery is not None else one.battery
        one.values |= {name: (quantity, now) for name, quantity in telegram.values.items()}
        if len(self._heard) > self._most:
            self._heard.popitem(last=False)

    def devices(self) -> list[Device]:
        """Those heard last come last; ``details`` say how often and when each was heard, and how well."""
        return [Device(name, one.kind, tuple(one.values), (), _details(one)) for name, one in self._heard.items()]

    def read(self, device: str, attribute: str, now: float) -> Reading:
        """What a device has said last."""
        if (one := self._heard.get(device)) is None:
            return Reading(None, None, now, "absent")
        if attribute not in one.values:
            there = ", ".join(sorted(one.values)) or "none yet"
            raise NoSuchAttribute(f"{device} has said nothing of {attribute!r} (it has of: {there})")
        (value, unit), time = one.values[attribute]
        return Reading(value, unit, time, "ok" if now - time < self._stale_after else "stale")


def _details(one: _Heard) -> dict[str, Any]:
    known = {"rssi": one.rssi, "battery": one.battery}
    return {"count": one.count, "last": one.last} | {name: value for name, value in known.items() if value is not None}
