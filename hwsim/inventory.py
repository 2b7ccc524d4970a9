"""What is in a house, as it is now: its buses and devices, with values, traffic and faults, in plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.radio.devices import KINDS

if TYPE_CHECKING:
    from hwsim.house import House
    from hwsim.onewire.slave import Slave
    from hwsim.radio.devices import RadioDevice

AIR = "air"
"""The bus of all that has an antenna."""
Row = dict[str, Any]


def devices(house: House) -> list[Row]:
    """All devices, whether the house runs or not.

    Each has `bus` (`air` with an antenna), `id`, `alias`, `type`, `connected`, `quantities` by name in the unit of the
    quantity (of an actor also what it does), and `faults`, the kinds of those in force.
    """
    wires = [bus for bus, kind in house.kinds.items() if kind == "onewire"]
    wired = [_wired(house, bus, slave) for bus in wires for slave in house.devices(bus)]
    return wired + [_radio(house, device) for device in house.radios]


def buses(house: House) -> list[Row]:
    """All buses of a running house.

    Each has `bus`, `kind`, `url`, `traffic` (counters by name), `faults` (the kinds of those in force) and `recorded`
    (the file into which it is being recorded, or null).
    """
    rows = []
    for endpoint in house.endpoints:
        traffic = _owserver(house, endpoint.bus) if endpoint.kind == "onewire" else _stick(house, endpoint.bus)
        row = {**vars(endpoint), "traffic": traffic, "faults": faults(house, endpoint.bus)}
        rows.append({**row, "recorded": house.recordings.file(endpoint.bus)})
    return rows


def faults(house: House, *names: str) -> list[str]:
    """The kinds of the faults in force at something that has these names."""
    return [fault.kind for fault in house.faults if fault.ended is None and fault.target in names]


def _wired(house: House, bus: str, slave: Slave) -> Row:
    return {
        "bus": bus,
        "id": slave.id,
        "alias": slave.alias,
        "type": slave.part,
        "connected": slave.connected,
        "quantities": {name: slave.get(name) for name in slave.ranges},
        "faults": faults(house, slave.id, slave.alias),
    }


def _radio(house: House, device: RadioDevice) -> Row:
    return {
        "bus": AIR,
        "id": device.name,
        "alias": "",
        "type": next((name for name, kind in KINDS.items() if type(device) is kind), type(device).__name__.lower()),
        "connected": device.connected,
        "quantities": device.state,
        "faults": faults(house, device.name),
    }


def _owserver(house: House, bus: str) -> dict[str, int]:
    traffic = house.traffic[bus]
    return {
        "connections": traffic.open_connections,
        "requests": traffic.requests.total(),
        "errors": traffic.errors.total(),
        "conversions": traffic.conversions,
    }


def _stick(house: House, bus: str) -> dict[str, int]:
    stick = house.stick(bus)
    return {
        "openings": stick.port.opens,
        "reports": stick.traffic.reports,
        "sent": stick.traffic.sent,
        "broken": stick.firmware.broken_frames,
        "lost": stick.port.lost,
    }
