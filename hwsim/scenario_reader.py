"""From the text of a scenario file to a `Scenario`, or to a list of all its mistakes.

Each table is validated by itself, so that one mistake hides no other; then come the rules between tables.
"""

from __future__ import annotations

import tomllib
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from hwsim.errors import Problem, QuantityError, ScenarioError, did_you_mean
from hwsim.faults import FAULTS
from hwsim.onewire.families import FAMILIES
from hwsim.onewire.rom import RomId
from hwsim.quantity_spec import Circumstances, FileSpec, QuantitySpec, spec_of
from hwsim.scenario import BusSpec, Device, DeviceSpec, FaultSpec, HouseSpec, Scenario, ScheduledFault, parse_branch
from hwsim.toml_lines import KeyLines, KeyPath

if TYPE_CHECKING:
    from pathlib import Path

    from hwsim.faults import Fault
    from hwsim.onewire.slave import Slave

Model = TypeVar("Model", bound=BaseModel)

_TABLES = ("bus", "device", "fault")


def read_scenario_file(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: it can't be read, or has mistakes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ScenarioError([Problem(str(path), None, "", f"can't be read: {reason}")]) from error
    return read_scenario(text, str(path), path.parent)


def read_scenario(text: str, name: str, folder: Path) -> Scenario:
    """Read the text of a scenario; `name` stands in messages, CSV files are looked for in `folder`.

    Raises:
        ScenarioError: the text has mistakes; it holds all of them.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(name, str(error))]) from None
    reader = _Reader(name, KeyLines(text), folder)
    scenario = reader.read(data)
    if reader.problems:
        raise ScenarioError(reader.problems)
    return scenario


def read_device(keys: dict[str, Any], folder: Path) -> Device:
    """Validate the keys of one device, as they would stand below `[[device]]`.

    Raises:
        ScenarioError: they have mistakes.
    """
    reader = _Reader("device", KeyLines(""), folder)
    device = reader.device(keys, ())
    if device is None or reader.problems:
        raise ScenarioError(reader.problems)
    return device


def _syntax_problem(name: str, message: str) -> Problem:
    """The standard parser puts the place at the end, as in `Invalid value (at line 3, column 9)`."""
    text, _, place = message.partition(" (at line ")
    number = place.partition(",")[0]
    return Problem(name, int(number) if number.isdigit() else None, "", f"not valid TOML: {text[:1].lower()}{text[1:]}")


class _Reader:
    """Collects the problems of one scenario."""

    def __init__(self, source: str, lines: KeyLines, folder: Path) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._lines = lines
        self._folder = folder

    def read(self, data: dict[str, Any]) -> Scenario:
        scenario = Scenario(folder=self._folder)
        top = {key: value for key, value in data.items() if key not in _TABLES}
        scenario.house = self._check(HouseSpec, top, (), also=_TABLES) or scenario.house
        tables = {name: self._array(data, name) for name in _TABLES}
        for path, keys in tables["bus"]:
            if bus := self._check(BusSpec, keys, path):
                scenario.buses.append(bus)
        for path, keys in tables["device"]:
            if device := self.device(keys, path):
                scenario.devices.append(device)
        for path, keys in tables["fault"]:
            if fault := self._fault(keys, path):
                scenario.faults.append(fault)
        if not tables["bus"]:
            self._problem((), "the house has no bus; begin with [[bus]] and a name")
        self._relations(tables)
        return scenario

    def device(self, keys: dict[str, Any], path: KeyPath) -> Device | None:
        """One device with the quantities and settings of its family."""
        own = {key: value for key, value in keys.items() if key in DeviceSpec.model_fields}
        rest = {key: value for key, value in keys.items() if key not in own}
        spec = self._check(DeviceSpec, own, path)
        rom = _rom(keys.get("id"))
        part = FAMILIES.get(rom.family) if rom else None
        quantities, settings = self._family_keys(part, rest, path) if part else ({}, {})
        return Device(spec, quantities, settings) if spec else None

    def _family_keys(
        self, part: type[Slave], keys: dict[str, Any], path: KeyPath
    ) -> tuple[dict[str, QuantitySpec], dict[str, int]]:
        """What the family adds to a device."""
        quantities: dict[str, QuantitySpec] = {}
        settings: dict[str, int] = {}
        for key, value in keys.items():
            if key in part.ranges:
                if quantity := self._quantity(part, key, value, (*path, key)):
                    quantities[key] = quantity
            elif key in part.settings:
                settings[key] = self._setting(part, key, value, (*path, key))
            else:
                choices = [*part.ranges, *part.settings, *DeviceSpec.model_fields]
                self._problem((*path, key), f"a {part.part} has no such key{did_you_mean(key, choices)}")
        return quantities, settings

    def _setting(self, part: type[Slave], key: str, value: Any, path: KeyPath) -> int:
        limits = part.settings[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self._problem(path, f"must be a whole number, not {value!r}")
            return 0
        try:
            limits.check(key, value)
        except QuantityError as error:
            self._problem(path, str(error))
        return value

    def _quantity(self, part: type[Slave], name: str, value: Any, path: KeyPath) -> QuantitySpec | None:
        try:
            model, keys = spec_of(value)
            if isinstance(value, int | float):
                part.ranges[name].check(name, value)
        except (ValueError, QuantityError) as error:
            self._problem(path, str(error))
            return None
        spec = self._check(model, keys, path)
        if isinstance(spec, FileSpec):
            self._try_file(spec, path)
        return spec

    def _try_file(self, spec: FileSpec, path: KeyPath) -> None:
        try:
            spec.build(Circumstances(Random, 0.0, self._folder))
        except OSError as error:
            self._problem(path, f"{self._folder / spec.csv} can't be read: {(error.strerror or str(error)).lower()}")
        except ValueError as error:
            self._problem(path, str(error))

    def _fault(self, keys: dict[str, Any], path: KeyPath) -> ScheduledFault | None:
        known = {info.alias or name for name, info in FaultSpec.model_fields.items()}
        own = {key: value for key, value in keys.items() if key in known}
        kind = FAULTS.get(str(keys.get("kind")))
        rest = {key: value for key, value in keys.items() if key not in known}
        spec = self._check(FaultSpec, own, path)
        fault: Fault | None = self._check(kind, rest, path, also=known) if kind else None
        return ScheduledFault(spec, fault) if spec and fault else None

    def _array(self, data: dict[str, Any], name: str) -> list[tuple[KeyPath, dict[str, Any]]]:
        value = data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._problem((name,), f"must be tables, each beginning with [[{name}]]")
            return []
        return [((name, index), item) for index, item in enumerate(value)]

    def _check(self, model: type[Model], keys: dict[str, Any], path: KeyPath, also: Any = ()) -> Model | None:
        try:
            return model.model_validate(keys)
        except ValidationError as error:
            for detail in error.errors():
                key, message = _wording(model, detail, also)
                self._problem((*path, *key), message)
            return None

    def _relations(self, tables: dict[str, list[tuple[KeyPath, dict[str, Any]]]]) -> None:
        """What must fit together between tables; looks at the raw keys, so that it works beside other mistakes."""
        buses: dict[str, dict[str, Any]] = {}
        for path, keys in tables["bus"]:
            if keys.get("name") in buses:
                self._problem((*path, "name"), f"there are two buses named {keys['name']!r}")
            buses[str(keys.get("name"))] = keys
        ids: dict[str, str] = {}
        for path, keys in tables["device"]:
            self._device_relations(path, keys, buses, ids)
        self._hub_relations(tables["device"], ids)
        for path, keys in tables["fault"]:
            self._fault_relations(path, keys, buses, ids)

    def _device_relations(
        self, path: KeyPath, keys: dict[str, Any], buses: dict[str, dict[str, Any]], ids: dict[str, str]
    ) -> None:
        bus = keys.get("bus")
        if isinstance(bus, str) and bus not in buses:
            self._problem((*path, "bus"), f"there is no bus {bus!r}{did_you_mean(bus, buses)}")
        elif isinstance(bus, str):
            channels, channel = buses[bus].get("channels", 1), keys.get("channel", 0)
            if isinstance(channels, int) and isinstance(channel, int) and channel >= channels:
                self._problem((*path, "channel"), f"bus {bus!r} has no channel {channel}; it has {channels}")
        if rom := _rom(keys.get("id")):
            if str(rom) in ids:
                self._problem((*path, "id"), f"there are two devices {rom}")
            ids[str(rom)] = str(bus)

    def _hub_relations(self, devices: list[tuple[KeyPath, dict[str, Any]]], ids: dict[str, str]) -> None:
        above: dict[str, str] = {}
        for path, keys in devices:
            rom, under = _rom(keys.get("id")), keys.get("under")
            try:
                hub = str(parse_branch(under)[0]) if isinstance(under, str) else None
            except ValueError:
                continue
            if hub is None or rom is None:
                continue
            if ids.get(hub) != keys.get("bus"):
                self._problem(
                    (*path, "under"),
                    f"there is no hub {hub} on this bus{did_you_mean(hub, [i for i in ids if i.startswith('1F.')])}",
                )
            above[str(rom)] = hub
            seen = str(rom)
            for _ in above:
                seen = above.get(seen, "")
                if seen == str(rom):
                    self._problem((*path, "under"), f"{rom} hangs behind itself")
                    break

    def _fault_relations(
        self, path: KeyPath, keys: dict[str, Any], buses: dict[str, dict[str, Any]], ids: dict[str, str]
    ) -> None:
        kind, target = FAULTS.get(str(keys.get("kind"))), keys.get("target")
        if kind is None or not isinstance(target, str):
            return
        known: dict[str, Any] = buses if kind.target == "bus" else ids
        name = str(_rom(target) or target) if kind.target == "device" else target
        if name not in known:
            self._problem((*path, "target"), f"there is no {kind.target} {target!r}{did_you_mean(target, known)}")

    def _problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self._source, self._lines.line(path), _key_text(path), message))


def _rom(text: Any) -> RomId | None:
    try:
        return RomId.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _key_text(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def _wording(model: type[BaseModel], detail: Any, also: Any) -> tuple[KeyPath, str]:
    """The key and a message in our own words for what pydantic found."""
    key: KeyPath = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        fields = {info.alias or name for name, info in model.model_fields.items()}
        known = fields if len(key) == 1 else ()
        return key, f"unknown key{did_you_mean(str(key[-1]), {*known, *also})}"
    if detail["type"] == "missing":
        return key, "is missing"
    if detail["type"] == "value_error":
        return key, str(detail["ctx"]["error"])
    message = detail["msg"].replace("Input should", "must")
    return key, f"{message[:1].lower()}{message[1:]}, not {detail['input']!r}"
