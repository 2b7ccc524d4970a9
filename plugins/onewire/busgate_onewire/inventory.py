"""What hangs on the buses of an owserver, and where: ids, places, listings. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from busgate_onewire.families import family_of
from gateway.values import Device

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from busgate_onewire.families import Family

_ID: Final = re.compile(r"([0-9A-F]{2})\.?([0-9A-F]{12})(?:\.?[0-9A-F]{2})?", re.IGNORECASE)
_CHANNEL: Final = re.compile(r"bus\.\d+")
#: Folders that a listing has besides devices; what else is no ROM id is an alias.
_FOLDERS: Final = frozenset(
    {"interface", "simultaneous", "alarm", "uncached", "unaliased", "settings", "system", "statistics", "structure"}
    | {"text", "json", "thermostat"}
)
#: Bits of a conversion when nobody says (datasheet DS18B20: factory setting).
FINEST: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that devices are in: a channel, or a branch of a hub on it."""

    channel: str
    branches: tuple[str, ...] = ()  # such as ``1F.67C6697351FF/main``, outermost first

    @property
    def path(self) -> str:
        return "/" + "/".join((self.channel, *self.branches))

    def below(self, hub: str, branch: str) -> Place:
        return Place(self.channel, (*self.branches, f"{hub}/{branch}"))


@dataclass(frozen=True, slots=True)
class Found:
    """One device. ``powered`` is False for a parasite, None when it can't be told; ``bits`` of its conversions."""

    id: str
    place: Place
    alias: str = ""
    kind: str = ""
    powered: bool | None = None
    bits: int = FINEST
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    path: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"{self.place.path}/{self.id}")

    @property
    def code(self) -> str:
        return self.id[:2]

    @property
    def family(self) -> Family:
        return family_of(self.code, self.kind)

    @property
    def simultaneous(self) -> bool:
        """Whether it takes part in a simultaneous conversion.

        A parasite would need the bus for itself meanwhile, and owserver sends the command only to the trunk
        (github.com/owfs/owfs, issue 61).
        """
        return self.family.thermometer and self.powered is True and not self.place.branches

    def device(self) -> Device:
        """As the host knows it."""
        power = {True: "external", False: "parasite", None: None}[self.powered]
        return Device(
            self.id,
            self.kind,
            self.readable,
            self.writable,
            {
                "channel": self.place.channel,
                "family": self.code,
                "power": power,
                "path": self.path,
                "alias": self.alias or None,
                "simultaneous": self.simultaneous,
            },
        )


@dataclass(slots=True)
class Inventory:
    """The devices that the last scan of each channel has found."""

    channels: tuple[str, ...] = ()
    devices: dict[str, Found] = field(default_factory=dict)

    def on(self, channel: str) -> Iterator[Found]:
        """The devices of a channel, in the order of their listing."""
        return (found for found in self.devices.values() if found.place.channel == channel)

    def replace(self, channel: str, found: Iterable[Found]) -> None:
        """Take the outcome of a scan. A device seen on two channels stays where it was seen first."""
        old = {known.id for known in self.on(channel)}
        kept = {id_: known for id_, known in self.devices.items() if id_ not in old}
        fresh = {device.id: device for device in found if device.id not in kept}
        self.devices = kept | fresh

    def retain(self, channels: Iterable[str]) -> None:
        """Take the list of channels; devices of those that are gone are gone."""
        self.channels = tuple(channels)
        self.devices = {id_: found for id_, found in self.devices.items() if found.place.channel in self.channels}

    def find(self, name: str) -> Found | None:
        """By id in any of its forms, or by alias."""
        if found := self.devices.get(name) or self.devices.get(rom_id(name)):
            return found
        return next((found for found in self.devices.values() if found.alias and found.alias == name), None)


def rom_id(text: str) -> str:
    """An id in the form that we use, ``28.67C6697351FF``; what is no id stays as it is."""
    match = _ID.fullmatch(text)
    return f"{match[1]}.{match[2]}".upper() if match else text


def listing(data: bytes) -> list[str]:
    """The last parts of the paths in a directory, devices and aliases only."""
    names = (entry.rstrip("/").rpartition("/")[2] for entry in data.decode(errors="surrogateescape").split(","))
    return [name for name in names if name and name not in _FOLDERS and not _CHANNEL.fullmatch(name)]


def channels(data: bytes) -> list[str]:
    """The channels in the root directory, in the order of their numbers."""
    names = (entry.strip("/") for entry in data.decode(errors="surrogateescape").split(","))
    return sorted(filter(_CHANNEL.fullmatch, names), key=lambda name: int(name.partition(".")[2]))


def is_id(name: str) -> bool:
    return _ID.fullmatch(name) is not None
