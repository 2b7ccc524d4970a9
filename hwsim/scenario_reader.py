"""From the text of a scenario file to a `Scenario`, or to a list of all its mistakes.

Each table is validated by itself, so that one mistake hides no other; then come the rules between tables.
"""

from __future__ import annotations

import tomllib
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from hwsim.errors import Problem, QuantityError, ScenarioError, did_you_mean
from hwsim.faults import FAULTS, fits
from hwsim.onewire.families import FAMILIES, PARTS
from hwsim.quantity_spec import Circumstances, FileSpec, QuantitySpec, spec_of
from hwsim.radio.devices import KINDS
from hwsim.radio.stick_spec import STICKS, AirSpec, StickSpec
from hwsim.scenario import (
    AdapterSpec,
    BusSpec,
    Device,
    DeviceSpec,
    FaultSpec,
    HouseSpec,
    RadioDeviceEntry,
    Scenario,
    ScheduledFault,
)
from hwsim.scenario_relations import Relations, rom_of
from hwsim.toml_lines import KeyLines, KeyPath

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hwsim.faults import Fault, Place
    from hwsim.onewire.slave import Slave
    from hwsim.quantity import Range

Model = TypeVar("Model", bound=BaseModel)

_ARRAYS = ("bus", "device", "fault")
_TABLES = (*_ARRAYS, "air")
_BUSES: dict[str, type[BaseModel]] = {"onewire": BusSpec, "ds2480b": AdapterSpec, **STICKS}


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


def read_radio_device(keys: dict[str, Any], folder: Path) -> RadioDeviceEntry:
    """Validate the keys of one device with an antenna, as they would stand below `[[device]]`.

    Raises:
        ScenarioError: they have mistakes.
    """
    reader = _Reader("device", KeyLines(""), folder)
    entry = reader.radio_device(keys, ())
    if entry is None or reader.problems:
        raise ScenarioError(reader.problems)
    return entry


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
        scenario.air = self._air(data.get("air", {})) or scenario.air
        tables = {name: self._array(data, name) for name in _ARRAYS}
        for path, keys in tables["bus"]:
            self._bus(keys, path, scenario)
        for path, keys in tables["device"]:
            self._device(keys, path, scenario)
        relations = Relations(tables, self._problem)
        for path, keys in tables["fault"]:
            if fault := self._fault(keys, path, relations.place(keys)):
                scenario.faults.append(fault)
        if not tables["bus"]:
            self._problem((), "the house has no bus; begin with [[bus]] and a name")
        relations.check()
        return scenario

    def _air(self, keys: Any) -> AirSpec | None:
        if not isinstance(keys, dict):
            self._problem(("air",), "must be a table, beginning with [air]")
            return None
        return self._check(AirSpec, keys, ("air",))

    def _bus(self, keys: dict[str, Any], path: KeyPath, scenario: Scenario) -> None:
        kind = keys.get("kind", "onewire")
        if kind not in _BUSES:
            self._problem((*path, "kind"), f"no bus of this kind{did_you_mean(str(kind), _BUSES)}")
            return
        spec = self._check(_BUSES[kind], keys, path)
        if isinstance(spec, BusSpec):
            scenario.buses.append(spec)
        elif isinstance(spec, AdapterSpec):
            scenario.adapters.append(spec)
        elif isinstance(spec, StickSpec):
            scenario.sticks.append(spec)
        if isinstance(spec, BusSpec | AdapterSpec | StickSpec):
            scenario.kinds[spec.name] = spec.kind

    def _device(self, keys: dict[str, Any], path: KeyPath, scenario: Scenario) -> None:
        if "kind" in keys:
            if entry := self.radio_device(keys, path):
                scenario.radio_devices.append(entry)
        elif device := self.device(keys, path):
            scenario.devices.append(device)

    def radio_device(self, keys: dict[str, Any], path: KeyPath) -> RadioDeviceEntry | None:
        """One device with an antenna, and the quantities of its kind."""
        kind = KINDS.get(str(keys.get("kind")))
        if kind is None:
            if "kind" in keys:
                self._problem((*path, "kind"), f"no device of this kind{did_you_mean(str(keys['kind']), KINDS)}")
            else:
                self._problem((*path, "kind"), "is missing")
            return None
        if "bus" in keys:
            self._problem((*path, "bus"), "a device with an antenna hangs on no bus; every stick can hear it")
        measured = {key: value for key, value in keys.items() if key in kind.ranges}
        own = {key: value for key, value in keys.items() if key not in {*measured, "bus"}}
        quantities = {
            key: quantity
            for key, value in measured.items()
            if (quantity := self._quantity(kind.ranges, key, value, (*path, key)))
        }
        spec = self._check(kind.spec_type, own, path, also=kind.ranges)
        return RadioDeviceEntry(spec, kind, quantities) if spec else None

    def device(self, keys: dict[str, Any], path: KeyPath) -> Device | None:
        """One device with the quantities and settings of its family."""
        own = {key: value for key, value in keys.items() if key in DeviceSpec.model_fields}
        rest = {key: value for key, value in keys.items() if key not in own}
        spec = self._check(DeviceSpec, own, path)
        rom = rom_of(keys.get("id"))
        part = PARTS.get(str(keys.get("part"))) or (FAMILIES.get(rom.family) if rom else None)
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
                if quantity := self._quantity(part.ranges, key, value, (*path, key)):
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

    def _quantity(self, ranges: Mapping[str, Range], name: str, value: Any, path: KeyPath) -> QuantitySpec | None:
        try:
            model, keys = spec_of(value)
            if isinstance(value, int | float):
                ranges[name].check(name, value)
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

    def _fault(self, keys: dict[str, Any], path: KeyPath, place: Place | None) -> ScheduledFault | None:
        """One fault; `place` is what its target is, if that is known."""
        known = {info.alias or name for name, info in FaultSpec.model_fields.items()}
        own = {key: value for key, value in keys.items() if key in known}
        kinds = FAULTS.get(str(keys.get("kind")), ())
        kind = next((fault for fault in kinds if place and fits(fault, place)), kinds[0] if kinds else None)
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

    def _problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self._source, self._lines.line(path), _key_text(path), message))


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
