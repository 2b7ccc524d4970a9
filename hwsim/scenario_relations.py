"""What must fit together between the tables of a scenario; looks at raw keys, so it works beside other mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.errors import FaultError, did_you_mean
from hwsim.faults import FAULTS, ONE_WIRE, RADIO, WIRE, Place, find_fault, targets_of
from hwsim.onewire.rom import RomId
from hwsim.scenario import parse_branch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.toml_lines import KeyPath

Tables = dict[str, list[tuple["KeyPath", dict[str, Any]]]]


class Relations:
    """The names in a scenario, and what they refer to."""

    def __init__(self, tables: Tables, problem: Callable[[KeyPath, str], None]) -> None:
        self._tables = tables
        self._problem = problem
        self._buses: dict[str, dict[str, Any]] = {str(keys.get("name")): keys for _, keys in tables["bus"]}
        self._ids: dict[str, str] = {}
        self._radios = {str(keys.get("name")) for _, keys in tables["device"] if "kind" in keys}
        for _, keys in tables["device"]:
            if "kind" not in keys and (rom := rom_of(keys.get("id"))):
                self._ids[str(rom)] = str(keys.get("bus"))

    def place(self, fault: dict[str, Any]) -> Place | None:
        """What the target of a fault is; None: there is no such target."""
        target = str(fault.get("target"))
        if target in self._buses:
            return Place("bus", self._kind(target))
        if target in self._radios:
            return Place("device", RADIO)
        bus = self._ids.get(str(rom_of(target) or target))
        return Place("device", self._kind(bus) if bus in self._buses else ONE_WIRE) if bus else None

    def _kind(self, bus: str) -> str:
        return str(self._buses[bus].get("kind", ONE_WIRE))

    def check(self) -> None:
        """Report all that does not fit."""
        self._double_names()
        wired = [(path, keys) for path, keys in self._tables["device"] if "kind" not in keys]
        seen: set[str] = set()
        for path, keys in wired:
            self._device(path, keys, seen)
        self._hubs(wired)
        for path, keys in self._tables["fault"]:
            self._fault(path, keys)

    def _double_names(self) -> None:
        names: set[str] = set()
        for path, keys in self._tables["bus"]:
            if keys.get("name") in names:
                self._problem((*path, "name"), f"there are two buses named {keys['name']!r}")
            names.add(str(keys.get("name")))
        for path, keys in self._tables["device"]:
            if "kind" in keys and isinstance(keys.get("name"), str):
                if keys["name"] in names:
                    self._problem((*path, "name"), f"there is something else named {keys['name']!r}")
                names.add(keys["name"])

    def _device(self, path: KeyPath, keys: dict[str, Any], seen: set[str]) -> None:
        bus = keys.get("bus")
        if isinstance(bus, str) and bus not in self._buses:
            self._problem((*path, "bus"), f"there is no bus {bus!r}{did_you_mean(bus, self._buses)}")
        elif isinstance(bus, str) and self._kind(bus) not in (ONE_WIRE, WIRE):
            self._problem((*path, "bus"), f"{bus!r} is a stick; a device with an antenna has a kind and no bus")
        elif isinstance(bus, str):
            channels, channel = self._buses[bus].get("channels", 1), keys.get("channel", 0)
            if isinstance(channels, int) and isinstance(channel, int) and channel >= channels:
                self._problem((*path, "channel"), f"bus {bus!r} has no channel {channel}; it has {channels}")
        if rom := rom_of(keys.get("id")):
            if str(rom) in seen:
                self._problem((*path, "id"), f"there are two devices {rom}")
            seen.add(str(rom))

    def _hubs(self, devices: list[tuple[KeyPath, dict[str, Any]]]) -> None:
        above: dict[str, str] = {}
        for path, keys in devices:
            rom, under = rom_of(keys.get("id")), keys.get("under")
            try:
                hub = str(parse_branch(under)[0]) if isinstance(under, str) else None
            except ValueError:
                continue
            if hub is None or rom is None:
                continue
            if self._ids.get(hub) != keys.get("bus"):
                hubs = [known for known in self._ids if known.startswith("1F.")]
                self._problem((*path, "under"), f"there is no hub {hub} on this bus{did_you_mean(hub, hubs)}")
            above[str(rom)] = hub
            seen = str(rom)
            for _ in above:
                seen = above.get(seen, "")
                if seen == str(rom):
                    self._problem((*path, "under"), f"{rom} hangs behind itself")
                    break

    def _fault(self, path: KeyPath, keys: dict[str, Any]) -> None:
        kind, target = str(keys.get("kind")), keys.get("target")
        if kind not in FAULTS or not isinstance(target, str):
            return
        place = self.place(keys)
        if place is None or (place == Place("bus", ONE_WIRE) and "device" in targets_of(kind)):
            known = {"bus": [*self._buses], "device": [*self._ids, *self._radios]}
            wanted = targets_of(kind) if place is None else "device"
            names = known.get(wanted, [*known["bus"], *known["device"]])
            self._problem((*path, "target"), f"there is no {wanted} {target!r}{did_you_mean(target, names)}")
            return
        try:
            find_fault(kind, place)
        except FaultError as error:
            self._problem((*path, "target"), str(error))


def rom_of(text: Any) -> RomId | None:
    """The ROM id that a text is; None: it is none."""
    try:
        return RomId.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None
