"""What ``onewire.poll`` is asked to read, of which device and how often. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from busgate_onewire.conversion import converts
from busgate_onewire.families import family_of
from busgate_onewire.inventory import is_id, rom_id
from busgate_onewire.readings import POWER_ON
from busgate_onewire.switches import SWITCHES
from gateway.values import Device

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.values import Reading

Key: TypeAlias = tuple[str, str]  # ROM id, attribute

#: Seconds; more often would keep a bus busy with nothing else.
LEAST_INTERVAL: Final = 0.1
#: Seconds between two looks at inputs, unless the job says otherwise.
INPUT_INTERVAL: Final = 1.0
#: Seconds between two reads of anything else that the table of families doesn't know.
USUAL_INTERVAL: Final = 60.0
_INPUTS: Final = ("sensed", "latch", "PIO", "flipflop")
#: Families that have nothing but their id: all there is to tell is whether they are there.
_TAGS: Final = frozenset({"01", "81"})
PRESENT: Final = "present"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The data of a job, checked.

    ``devices``: ids or aliases, None for all. ``attributes`` and ``intervals`` by device id, kind (DS18B20), family
    code (28) or, for intervals, attribute; ``attributes`` under "" go for every device that has them.
    """

    devices: frozenset[str] | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    interval: float | None = None
    intervals: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, devices: Any, attributes: Any, interval: Any, intervals: Any) -> Wishes:
        """Check a job's data.

        Raises:
            ValueError: names the variable at fault, and says what it can be.
        """
        if isinstance(attributes, list | tuple):
            attributes = {"": attributes}
        named = _map("attributes", "a list of names, or a map of such lists", attributes)
        timed = _map("intervals", "a map of seconds", intervals)
        return cls(
            None if devices is None else frozenset(rom_id(name) for name in _names("devices", devices)),
            {rom_id(key): tuple(_names(f"attributes of {key}", names)) for key, names in named.items()},
            None if interval is None else seconds("interval", interval),
            {rom_id(key): seconds(f"intervals of {key}", value) for key, value in timed.items()},
        )

    def wants(self, device: Device) -> bool:
        """Whether the job is about this device."""
        alias = device.details.get("alias")
        return self.devices is None or device.id in self.devices or (bool(alias) and alias in self.devices)

    def attributes_of(self, device: Device) -> tuple[str, ...]:
        """What to read of a device."""
        for key in (device.id, device.kind, device.id[:2]):
            if key in self.attributes:
                return self.attributes[key]
        if "" in self.attributes:
            readable = device.readable or [a.name for a in family_of(device.id[:2], device.kind).attributes]
            return tuple(name for name in self.attributes[""] if name in readable)
        return family_of(device.id[:2], device.kind).polled

    def interval_of(self, device: Device, attribute: str) -> float:
        """Seconds between two reads of a value: what is said most closely goes."""
        for key in (device.id, attribute, device.kind, device.id[:2]):
            if key in self.intervals:
                return self.intervals[key]
        if attribute.startswith(_INPUTS):
            return INPUT_INTERVAL if self.interval is None else min(INPUT_INTERVAL, self.interval)
        if self.interval is not None:
            return self.interval
        return family_of(device.id[:2], device.kind).interval or USUAL_INTERVAL

    def expected(self) -> list[Device]:
        """The devices that the job names by their id, as far as their family tells."""
        ids = sorted(name for name in self.devices or () if is_id(name))
        return [Device(id_, family_of(id_[:2]).kind) for id_ in ids]


def _map(what: str, wanted: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{what} must be {wanted}, not {value!r}")
    return {str(key): part for key, part in (value or {}).items()}


def _names(what: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"{what} must be a list of names, not {value!r}")
    return list(value)


def seconds(what: str, value: Any) -> float:
    """A time that a job gives; ValueError when it can't be one, with ``what`` in its text."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_INTERVAL <= value < math.inf:
        raise ValueError(f"{what} must be seconds, at least {LEAST_INTERVAL:g}, not {value!r}")
    return float(value)


def told(key: Key) -> bool:
    """Whether the device says by itself when this value changes."""
    switch = SWITCHES.get(key[0][:2])
    return switch is not None and key[1] in (*switch.inputs, *switch.latches)


@dataclass(slots=True)
class Roster:
    """All values to read, as far as devices are known. What was there once stays."""

    wishes: Wishes
    devices: dict[str, Device] = field(default_factory=dict)
    intervals: dict[Key, float] = field(default_factory=dict)

    def meet(self, found: Iterable[Device]) -> list[Key]:
        """Take the outcome of a scan; return the values that are new."""
        known = set(self.intervals)
        for device in found:
            if not self.wishes.wants(device):
                continue
            self.devices[device.id] = device
            for attribute in self.wishes.attributes_of(device):
                self.intervals[device.id, attribute] = self.wishes.interval_of(device, attribute)
        return [key for key in self.intervals if key not in known]

    def measured(self, interval: float | None = None) -> list[Key]:
        """Values to be read one by one, those of one interval or all."""
        return [key for key, period in self.intervals.items() if interval in (None, period) and not told(key)]

    def batches(self, keys: Iterable[Key]) -> list[list[Key]]:
        """Values in batches to be read at the same time: what takes no conversion, and what converts together."""
        quick: list[Key] = []
        together: list[Key] = []
        for key in keys:
            (together if self._converts(key) else quick).append(key)
        return [batch for batch in (quick, together) if batch]

    def slow(self, key: Key, last: Reading | None) -> bool:
        """Whether reading this value keeps the bus for long.

        So does the conversion of a parasite or behind a hub, and that of a thermometer at 85 °C, which owserver tries
        three times.

        Args:
            last: its reading so far.
        """
        if not self._converts(key):
            return False
        at_power_on = last is not None and last.value == POWER_ON
        return at_power_on or not self.devices[key[0]].details.get("simultaneous", False)

    def _converts(self, key: Key) -> bool:
        device = self.devices.get(key[0])
        return device is not None and converts(family_of(device.id[:2], device.kind), key[1])

    def switches(self) -> list[str]:
        """Devices that say by themselves when something changes."""
        return list(dict.fromkeys(key[0] for key in self.intervals if told(key)))

    def switch_interval(self) -> float | None:
        """Seconds between two searches for those that have something to say; None: there are no such devices."""
        return min((period for key, period in self.intervals.items() if told(key)), default=None)

    def tags(self) -> list[str]:
        """Devices that can only be there or not."""
        return [id_ for id_ in self.devices if id_[:2] in _TAGS]

    def tag_interval(self) -> float:
        """Seconds between two looks whether they are there; infinite when nobody asks for it."""
        asked = [period for key, period in self.wishes.intervals.items() if key in {*_TAGS, *self.tags(), PRESENT}]
        return min(asked, default=math.inf)
