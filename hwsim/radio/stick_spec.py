"""How a scenario writes the air and the sticks on it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hwsim.radio.air import Climate
from hwsim.radio.devices.codes import enocean_id, number
from hwsim.radio.enocean import EnoceanFirmware
from hwsim.radio.rflink import RflinkFirmware
from hwsim.radio.rfxtrx import RfxtrxFirmware
from hwsim.radio.stick import Reach

if TYPE_CHECKING:
    from hwsim.radio.firmware import Firmware


class AirSpec(BaseModel):
    """`[air]`: what holds for all ways through the air."""

    model_config = ConfigDict(extra="forbid")

    rssi: float = Field(default=-65.0, ge=-150, le=0)
    """Mean signal strength in dBm."""
    jitter: float = Field(default=2.0, ge=0)
    """Its standard deviation from telegram to telegram, in dB."""
    capture: float = Field(default=10.0, ge=0)
    """Advantage in dB with which a telegram survives another one."""
    loss: float = Field(default=0.0, ge=0, le=1)
    """Chance that a stick misses a telegram."""
    copy_loss: float = Field(default=0.0, ge=0, le=1)
    """Chance that it misses a copy, each for itself."""

    @property
    def climate(self) -> Climate:
        return Climate(self.rssi, self.jitter, self.capture)


class StickSpec(BaseModel):
    """`[[bus]]` of the kinds that are a stick on the air."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    kind: str
    path: Path | None = None
    """Where the link to its terminal is made; none: in a folder that is made for it."""
    loss: float | None = Field(default=None, ge=0, le=1)
    """As in `[air]`, for this stick."""
    copy_loss: float | None = Field(default=None, ge=0, le=1)
    sensitivity: float = -115.0
    """The weakest signal it hears, in dBm."""
    latency: float = Field(default=0.016, ge=0)
    """Most seconds that its USB converter keeps bytes."""
    every_copy: bool = False
    """Report each copy of a telegram that it hears, instead of the first."""
    plugged: bool = True

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, text: str) -> str:
        if "/" in text or text.startswith("."):
            raise ValueError(f"{text!r} can't be the name of a stick; it becomes the name of a file")
        return text

    def firmware(self, seed: object) -> Firmware:
        """The program of a new stick; ids that the scenario does not give come from the seed and the name."""
        raise NotImplementedError

    def reach(self, air: AirSpec) -> Reach:
        """How well it hears in an air."""
        loss = air.loss if self.loss is None else self.loss
        copy_loss = air.copy_loss if self.copy_loss is None else self.copy_loss
        return Reach(loss, copy_loss, self.sensitivity, self.every_copy)


class RfxtrxSpec(StickSpec):
    """`kind = "rfxtrx"`."""

    kind: Literal["rfxtrx"]
    firmware_version: int = Field(default=94, ge=0, le=255)
    long_answers: bool = True
    """Answers of 21 bytes and no report before the receiver is started, as since SDK 7; else of 14, and at once."""

    def firmware(self, seed: object) -> Firmware:
        return RfxtrxFirmware(version=self.firmware_version, long_answers=self.long_answers)


class RflinkSpec(StickSpec):
    """`kind = "rflink"`."""

    kind: Literal["rflink"]
    reset_on_open: bool = False
    """Opening the port resets it, as it does an Arduino Mega."""
    reports_rssi: bool = False
    """Each report has the signal strength at its end, as RFLink32 does it."""

    def firmware(self, seed: object) -> Firmware:
        return RflinkFirmware(reset_on_open=self.reset_on_open, reports_rssi=self.reports_rssi)


class EnoceanSpec(StickSpec):
    """`kind = "enocean"`."""

    kind: Literal["enocean"]
    chip_id: str | None = None
    base_id: str | None = None

    @field_validator("chip_id")
    @classmethod
    def _an_id(cls, text: str | None) -> str | None:
        if text is not None:
            enocean_id(text)
        return text

    @field_validator("base_id")
    @classmethod
    def _a_base(cls, text: str | None) -> str | None:
        if text is not None:
            value = number(text, 32, "base id")
            if not 0xFF800000 <= value <= 0xFFFFFF80 or value % 128:
                raise ValueError(f"{text!r} is no base id; they go from FF800000 to FFFFFF80 in steps of 80")
        return text

    def firmware(self, seed: object) -> Firmware:
        random = Random(f"{seed}/{self.name}/ids")
        chip, base = random.randrange(0x01000000, 0x05000000), 0xFF800000 + 128 * random.randrange(0xFFFF)
        return EnoceanFirmware(
            chip_id=int(self.chip_id, 16) if self.chip_id else chip,
            base_id=int(self.base_id, 16) if self.base_id else base,
        )


STICKS: dict[str, type[StickSpec]] = {"rfxtrx": RfxtrxSpec, "rflink": RflinkSpec, "enocean": EnoceanSpec}
