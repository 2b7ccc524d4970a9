"""Door and window contacts: with an AC transmitter, X10 Security, and EEP D5-00-01."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from hwsim.quantity import Range
from hwsim.radio.devices.codes import address
from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.signal import Ac, Content, Erp1, SecurityStatus, SwitchCommand, X10Security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwsim.radio.air import Transmission

_1BS: int = 0xD5
_OPEN, _CLOSED, _LEARN = 0x08, 0x09, 0x00
_SAMPLE = 0.25


class ContactSpec(RadioDeviceSpec):
    """`kind = "contact"`."""

    kind: Literal["contact"]
    code: Literal["ac", "x10", "1bs"]
    id: str
    unit: int = Field(default=1, ge=1, le=16)
    """With AC."""

    @field_validator("id")
    @classmethod
    def _of_the_code(cls, text: str, info: ValidationInfo) -> str:
        address(info.data.get("code"), text)
        return text


class Contact(RadioDevice):
    """Tells when its door opens or closes; looks each 0.25 s."""

    spec_type = ContactSpec
    ranges: ClassVar[Mapping[str, Range]] = {"open": Range(0, 0, 1)}

    def __init__(self, spec: ContactSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self._code = spec.code
        self._address: Any = address(spec.code, spec.id)
        self._unit = spec.unit
        self._told: bool | None = None
        self.actions = ("open", "close", "learn") if spec.code == "1bs" else ("open", "close")

    async def run(self) -> None:
        self._told = bool(self.get("open"))
        while True:
            await self._time.sleep(_SAMPLE)
            if self.connected and bool(self.get("open")) != self._told:
                await self._tell()

    def reset(self) -> None:
        self._told = None

    async def _pressed(self, action: str, hold: float, level: int) -> Transmission:
        if action == "learn":
            return await self._send(Erp1(_1BS, bytes([_LEARN]), self._address))
        self.set("open", 1 if action == "open" else 0)
        return await self._tell()

    async def _tell(self) -> Transmission:
        self._told = bool(self.get("open"))
        return await self._send(self._content(self._told))

    def _content(self, is_open: bool) -> Content:
        match self._code:
            case "ac":
                return Ac(self._address, self._unit - 1, SwitchCommand.ON if is_open else SwitchCommand.OFF)
            case "x10":
                status = SecurityStatus.ALARM if is_open else SecurityStatus.NORMAL
                return X10Security(self._address, status, self.battery_low)
            case _:
                return Erp1(_1BS, bytes([_OPEN if is_open else _CLOSED]), self._address)
