"""The options of an ``[[interface]]`` with ``driver = "enocean"``."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.bus.serial_options import SerialOptions

#: The share of time for which one transmitter may be on the air, by band: ERC Recommendation 70-03, annex 1, band h1.4
#: (868.0 to 868.6 MHz). EnOcean uses 868.3 MHz in Europe.
DUTY_CYCLE: Final = {"868.0": 0.01}

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class DeviceOptions(BaseModel):
    """One ``[[interface.device]]``: what the driver can't learn, or should not have to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="of the sender, eight hexadecimal digits, as printed on the device")
    eep: str = Field(description="equipment profile, as in A5-02-05")
    sender: int = Field(
        default=0, ge=0, le=127, description="commands to it have the base id plus this as their sender"
    )

    @field_validator("id")
    @classmethod
    def _id(cls, text: str) -> str:
        if (id_ := device_id(text)) is None:
            raise ValueError(f"should be eight hexadecimal digits such as 0181B744, not {text!r}")
        return id_

    @field_validator("eep")
    @classmethod
    def _eep(cls, text: str) -> str:
        if not re.fullmatch(r"(?i)(F6|D5|A5|D2)-[0-9A-F]{2}-[0-9A-F]{2}", text):
            raise ValueError(f"should be an equipment profile such as A5-02-05, not {text!r}")
        return text.upper()


class Options(SerialOptions):
    """Validated options; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    port: str = Field(description="/dev/serial/by-id/..., or socket://HOST:PORT")
    baudrate: int = Field(default=57600, gt=0, description="of the line to the stick, in bit/s")
    device: list[DeviceOptions] = Field(default_factory=list, description="devices of which the profile is known")
    duty_cycle: dict[str, Share] = Field(
        default_factory=lambda: dict(DUTY_CYCLE), description="share of time on the air, by band"
    )
    stale_after: float = Field(default=3600.0, gt=0.0, description="until the last value of a device counts as stale")
    remember: int = Field(default=1000, ge=1, le=100_000, description="senders that are not configured, at the most")

    @field_validator("device")
    @classmethod
    def _once(cls, devices: list[DeviceOptions]) -> list[DeviceOptions]:
        ids = [device.id for device in devices]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"there is more than one device {', '.join(twice)}")
        return devices

    @field_validator("duty_cycle")
    @classmethod
    def _all_bands(cls, given: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(given.keys() - DUTY_CYCLE.keys()):
            raise ValueError(f"there is no band {', '.join(unknown)} (there is {', '.join(DUTY_CYCLE)})")
        return DUTY_CYCLE | given


def device_id(text: str) -> str | None:
    """The id as it is written here, ``0181B744``, from any of the usual forms; None when it is none."""
    plain = text.strip().removeprefix("0x").replace(":", "").replace("-", "").upper()
    return plain if re.fullmatch("[0-9A-F]{8}", plain) else None
