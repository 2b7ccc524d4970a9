"""The options of an ``[[interface]]`` with ``driver = "rflink"``."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, field_validator

from gateway.bus.serial_options import SerialOptions

#: The part of the time that a transmitter may be on the air, by band in MHz: ERC Recommendation 70-03, annex 1.
DUTY_CYCLES: Final = {"433": 0.1, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}

#: What can be switched on and off in an RFLink gateway.
Module: TypeAlias = Literal["rf433", "nodonrf", "milight", "livingcolors", "ansluta", "gpio", "ble", "mysensors"]


class Options(SerialOptions):
    """Validated options."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    baudrate: int = Field(default=57600, gt=0, description="bits per second, 8N1")
    protocols: dict[Module, bool] = Field(default={}, description="modules to switch on or off; the others stay")
    band: str = Field(default="433", min_length=1, description="of its transmitter, a key of duty_cycle")
    duty_cycle: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        default=DUTY_CYCLES, description="part of the time that it may transmit, by band"
    )
    stale_after: float = Field(default=3600.0, gt=0, description="seconds until the last value of a device is stale")
    remember: int = Field(default=1000, ge=1, le=100_000, description="devices, at the most")

    @field_validator("duty_cycle")
    @classmethod
    def _all_bands(cls, given: dict[str, float]) -> dict[str, float]:
        for band in sorted(given):
            _known(band)
        return DUTY_CYCLES | given

    @field_validator("band")
    @classmethod
    def _band(cls, band: str) -> str:
        return _known(band)


def _known(band: str) -> str:
    if band not in DUTY_CYCLES:
        raise ValueError(f"there is no band {band} (there is {', '.join(DUTY_CYCLES)})")
    return band
