"""What a scenario says: the house, its buses and devices, and what goes wrong when."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from hwsim.errors import did_you_mean
from hwsim.faults import FAULTS
from hwsim.onewire.families import FAMILIES, PARTS, Branch
from hwsim.onewire.rom import RomId
from hwsim.onewire.slave import Power, Slave
from hwsim.radio.stick_spec import AirSpec, StickSpec

if TYPE_CHECKING:
    from hwsim.faults import Fault
    from hwsim.quantity_spec import QuantitySpec
    from hwsim.radio.devices import RadioDevice, RadioDeviceSpec


class CacheTimes(BaseModel):
    """How long owserver believes what it has read, in seconds; the defaults are owserver's own."""

    model_config = ConfigDict(extra="forbid")

    volatile: float = Field(default=15, ge=0)
    stable: float = Field(default=300, ge=0)
    directory: float = Field(default=60, ge=0)
    presence: float = Field(default=120, ge=0)


class BusSpec(BaseModel):
    """`[[bus]]`: one server and the wires it owns."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    kind: Literal["onewire"] = "onewire"
    channels: int = Field(default=1, ge=1, le=64)
    """Wires of this server, `/bus.0` and up."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """TCP port on 127.0.0.1; none: a free one."""
    conversion_scale: float = Field(default=1.0, ge=0)
    """Conversion times of the datasheets, and the master's patience, times this."""
    transaction_time: float = Field(default=0.0, ge=0)
    """Seconds that each talk with a device takes; 0.02 is like a serial adapter at 9600 baud."""
    cache: CacheTimes = CacheTimes()


class AdapterSpec(BaseModel):
    """`[[bus]]` of kind `ds2480b`: one wire behind a serial adapter, for a real owserver to drive."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    kind: Literal["ds2480b"]
    path: Path | None = None
    """Where the link to its terminal is made; none: in a folder that is made for it."""
    conversion_scale: float = Field(default=1.0, ge=0)
    """Conversion times of the datasheets times this; the patience of the real master stays as it is."""
    transaction_time: float = Field(default=0.0, ge=0)
    """Seconds more that each talk with a device takes, from one reset of the wire to the next."""
    plugged: bool = True

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, text: str) -> str:
        if "/" in text or text.startswith("."):
            raise ValueError(f"{text!r} can't be the name of an adapter; it becomes the name of a file")
        return text


class DeviceSpec(BaseModel):
    """`[[device]]`: what all families have; quantities and settings of the family come beside it."""

    model_config = ConfigDict(extra="forbid")

    bus: str
    id: str
    part: str | None = None
    """Which part of its family it is; none: the usual one."""
    channel: int = Field(default=0, ge=0)
    power: Power = Power.EXTERNAL
    under: str | None = None
    """The hub branch it hangs on, as in `1F.0A1B2C3D4E5F:main`."""
    alias: str = Field(default="", max_length=255)
    connected: bool = True

    @field_validator("id")
    @classmethod
    def _known_rom(cls, text: str) -> str:
        return str(known_rom(text))

    @field_validator("part")
    @classmethod
    def _part_of_the_family(cls, part: str, info: ValidationInfo) -> str:
        if part not in PARTS:
            raise ValueError(f"no part {part!r} is simulated{did_you_mean(part, PARTS)}")
        if "id" in info.data and RomId.parse(info.data["id"]).family != PARTS[part].family:
            raise ValueError(f"a {part} is of family {PARTS[part].family:02X}, which the id is not")
        return part

    @field_validator("alias")
    @classmethod
    def _fits_in_a_path(cls, text: str) -> str:
        if "/" in text or "," in text:
            raise ValueError(f"{text!r} can't be an alias; slashes and commas separate paths")
        return text

    @field_validator("under")
    @classmethod
    def _known_branch(cls, text: str | None) -> str | None:
        if text is not None:
            parse_branch(text)
        return text

    @property
    def rom(self) -> RomId:
        return RomId.parse(self.id)

    @property
    def model(self) -> type[Slave]:
        """The class of the part."""
        return PARTS[self.part] if self.part else FAMILIES[self.rom.family]


class FaultSpec(BaseModel):
    """`[[fault]]`: when it happens, for how long, to whom; options of the kind come beside it."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    target: str
    at: float = Field(default=0.0, ge=0)
    duration: float | None = Field(default=None, alias="for", ge=0)
    every: float | None = Field(default=None, gt=0)
    """Seconds from one start to the next; none: once."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in FAULTS:
            raise ValueError(f"no fault of this kind{did_you_mean(kind, FAULTS)}")
        return kind


class HouseSpec(BaseModel):
    """The keys at the top of the file."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    start: str = "12:00"
    """Time of day when the house begins to run."""
    speed: float = Field(default=1.0, gt=0)
    """Seconds of the house's day for each second that passes; devices and faults keep real time."""

    @field_validator("start")
    @classmethod
    def _time_of_day(cls, text: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError(f"{text!r} is no time of day; write hours and minutes, as in 06:30")
        return text

    @property
    def start_seconds(self) -> float:
        """`start` as seconds after midnight."""
        hours, minutes = self.start.split(":")
        return int(hours) * 3600.0 + int(minutes) * 60.0


@dataclass
class Device:
    """One device with what its family adds: quantities and preset settings."""

    spec: DeviceSpec
    quantities: dict[str, QuantitySpec] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)


@dataclass
class RadioDeviceEntry:
    """One device with an antenna, and the quantities of its kind."""

    spec: RadioDeviceSpec
    kind: type[RadioDevice]
    quantities: dict[str, QuantitySpec] = field(default_factory=dict)


@dataclass
class ScheduledFault:
    """One fault with the options of its kind."""

    spec: FaultSpec
    fault: Fault


@dataclass
class Scenario:
    """A scenario without mistakes."""

    house: HouseSpec = field(default_factory=HouseSpec)
    air: AirSpec = field(default_factory=AirSpec)
    kinds: dict[str, str] = field(default_factory=dict)
    """The kind of each bus by its name, in the order of the file."""
    buses: list[BusSpec] = field(default_factory=list)
    """Those behind an owserver."""
    adapters: list[AdapterSpec] = field(default_factory=list)
    """Those behind a serial adapter."""
    sticks: list[StickSpec] = field(default_factory=list)
    """Those on the air."""
    devices: list[Device] = field(default_factory=list)
    radio_devices: list[RadioDeviceEntry] = field(default_factory=list)
    faults: list[ScheduledFault] = field(default_factory=list)
    folder: Path = field(default_factory=Path)


def known_rom(text: str) -> RomId:
    """A ROM id of a family the simulator has.

    Raises:
        ValueError: it isn't one; the message says why.
    """
    rom = RomId.parse(text)
    if rom.family not in FAMILIES:
        known = ", ".join(f"{code:02X} ({part.part})" for code, part in sorted(FAMILIES.items()))
        raise ValueError(f"family {rom.family:02X} is not simulated; these are: {known}")
    return rom


def parse_branch(text: str) -> tuple[RomId, Branch]:
    """Read `1F.0A1B2C3D4E5F:main`.

    Raises:
        ValueError: it isn't a hub and one of its branches.
    """
    hub, _, branch = text.partition(":")
    rom = RomId.parse(hub)
    if rom.family != 0x1F:
        raise ValueError(f"{hub} is not a hub; only a DS2409 (family 1F) has branches")
    if branch not in set(Branch):
        raise ValueError(f"{text!r} names no branch; write {hub}:main or {hub}:aux")
    return rom, Branch(branch)
