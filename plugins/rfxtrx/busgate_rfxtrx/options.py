"""The options of an ``[[interface]]`` with ``driver = "rfxtrx"``."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, field_validator

from busgate_rfxtrx.packets import MODES
from gateway.bus.serial_options import SerialOptions

#: The part of the time that a transmitter may be on the air, by band in MHz: ERC Recommendation 70-03, annex 1.
DUTY_CYCLES: Final = {"433": 0.1, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}
#: 310 and 315 MHz are not in that recommendation: without a limit of one's own there is none.
BANDS: Final = (*DUTY_CYCLES, "310", "315")


class Options(SerialOptions):
    """Validated options."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    baudrate: int = Field(default=38400, gt=0, description="bits per second, 8N1")
    protocols: list[str] | None = Field(
        default=None, description="receiving modes; without it those saved in the stick"
    )
    duty_cycle: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default=DUTY_CYCLES, description="part of the time that it may transmit, by band"
    )
    stale_after: float = Field(default=3600.0, gt=0, description="seconds until the last value of a device is stale")
    remember: int = Field(default=1000, ge=1, le=100_000, description="devices, at the most")

    @field_validator("protocols")
    @classmethod
    def _known(cls, protocols: list[str] | None) -> list[str] | None:
        if unknown := sorted(set(protocols or []) - set(MODES)):
            raise ValueError(f"no such receiving mode: {', '.join(unknown)} (there are: {', '.join(MODES)})")
        return protocols

    @field_validator("duty_cycle")
    @classmethod
    def _all_bands(cls, given: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(given.keys() - set(BANDS)):
            raise ValueError(f"there is no band {', '.join(unknown)} (there is {', '.join(BANDS)})")
        return DUTY_CYCLES | given
