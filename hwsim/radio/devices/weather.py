"""Thermo-hygrometers: Oregon Scientific at 433 MHz, EEP A5-04-01 at 868 MHz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from hwsim.quantity import Range
from hwsim.radio.devices.codes import address
from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.signal import Content, Erp1, Oregon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwsim.radio.air import Transmission

_4BS: int = 0xA5
_TEACH_IN = bytes([0x04 << 2, 0x01 << 3, 0x0B, 0x80])
"""Variation 2 of the 4BS teach-in: FUNC 04, TYPE 01, manufacturer 00B (EnOcean GmbH), with profile."""
_DATA_WITH_TEMPERATURE: int = 0x0A


class WeatherSpec(RadioDeviceSpec):
    """`kind = "weather"`."""

    kind: Literal["weather"]
    code: Literal["oregon", "4bs"]
    id: str
    interval: float = Field(default=40.0, gt=0)
    """Seconds from one telegram to the next; Oregon sensors have 39 to 43, by channel."""

    @field_validator("id")
    @classmethod
    def _of_the_code(cls, text: str, info: ValidationInfo) -> str:
        address(info.data.get("code"), text)
        return text


class Weather(RadioDevice):
    """Measures and tells, each `interval` seconds; somewhere in the first interval for the first time."""

    spec_type = WeatherSpec
    ranges: ClassVar[Mapping[str, Range]] = {
        "temperature": Range(20.0, -50.0, 70.0, " degC"),
        "humidity": Range(50.0, 0.0, 100.0, " %"),
    }

    def __init__(self, spec: WeatherSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self._code = spec.code
        self._address: Any = address(spec.code, spec.id)
        self._interval = spec.interval
        self.actions = ("send",) if spec.code == "oregon" else ("send", "learn")

    async def run(self) -> None:
        at = self._time.now() + self._random.uniform(0.0, self._interval)
        while True:
            await self._time.sleep(max(0.0, at - self._time.now()))
            if self.connected:
                await self._send(self._content())
            at += self._interval

    async def _pressed(self, action: str, hold: float, level: int) -> Transmission:
        if action == "learn":
            return await self._send(Erp1(_4BS, _TEACH_IN, self._address))
        return await self._send(self._content())

    def _content(self) -> Content:
        temperature, humidity = self.get("temperature"), self.get("humidity")
        if self._code == "oregon":
            return Oregon(self._address, round(temperature, 1), round(humidity), self.battery_low)
        # A5-04-01: 0 to 250 stand for 0 to 100 % and for 0 to 40 degC.
        steps = [round(humidity * 2.5), round(min(40.0, max(0.0, temperature)) * 250 / 40)]
        return Erp1(_4BS, bytes([0, *steps, _DATA_WITH_TEMPERATURE]), self._address)
