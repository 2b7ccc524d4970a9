"""Remote controls: code wheels, self-learning ones, Somfy, and batteryless EnOcean rockers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from hwsim.radio.devices.codes import address
from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.signal import Ac, Arc, BlindCommand, Content, Erp1, Rts, SwitchCommand

if TYPE_CHECKING:
    from hwsim.radio.air import Transmission

_RPS: int = 0xF6
_PRESSED, _RELEASED = 0x30, 0x20
_ROCKERS = {"ai": 0x10, "ao": 0x30, "bi": 0x50, "bo": 0x70}
"""EEP F6-02-01: button in bits 7 to 5, energy bow in bit 4."""
_ROCKERS |= {"on": _ROCKERS["ai"], "off": _ROCKERS["ao"]}


class RemoteSpec(RadioDeviceSpec):
    """`kind = "remote"`."""

    kind: Literal["remote"]
    code: Literal["ac", "arc", "rts", "rps"]
    id: str
    unit: int = Field(default=1, ge=1, le=16)
    """The row of buttons, from 1; RPS has none."""

    @field_validator("id")
    @classmethod
    def _of_the_code(cls, text: str, info: ValidationInfo) -> str:
        address(info.data.get("code"), text)
        return text


class Remote(RadioDevice):
    """One row of buttons of a remote control, or one rocker."""

    spec_type = RemoteSpec

    def __init__(self, spec: RemoteSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self._code = spec.code
        self._address: Any = address(spec.code, spec.id)
        self._unit = spec.unit
        self.actions = _ACTIONS[spec.code]

    async def _pressed(self, action: str, hold: float, level: int) -> Transmission:
        if self._code == "rps":
            return await self._rock(action, hold)
        return await self._send(self._content(action, level), hold)

    def _content(self, action: str, level: int) -> Content:
        match self._code:
            case "ac":
                return Ac(self._address, self._unit - 1, SwitchCommand(action), level & 0x0F)
            case "arc":
                return Arc(self._address, self._unit, SwitchCommand(action))
            case _:
                return Rts(self._address, self._unit, BlindCommand(action))

    async def _rock(self, action: str, hold: float) -> Transmission:
        """Press and release: two telegrams, as the energy bow gives power for one at each."""
        pressed = await self._send(Erp1(_RPS, bytes([_ROCKERS[action]]), self._address, _PRESSED))
        await self._time.sleep(max(hold, 0.1))
        await self._send(Erp1(_RPS, bytes([0x00]), self._address, _RELEASED))
        return pressed


_ACTIONS = {
    "ac": ("on", "off", "group_on", "group_off", "level"),
    "arc": ("on", "off", "group_on", "group_off"),
    "rts": ("up", "down", "stop", "program"),
    "rps": ("on", "off", "ai", "ao", "bi", "bo"),
}
