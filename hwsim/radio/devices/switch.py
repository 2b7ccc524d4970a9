"""Switched sockets and dimmers: AC and code wheel, which never answer unless they have a transmitter, and D2-01."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from hwsim.radio.devices.actor import Actor, ActorSpec
from hwsim.radio.devices.codes import ac_house, address, enocean_id
from hwsim.radio.signal import BROADCAST, Ac, Arc, Band, Content, Erp1, SwitchCommand

_VLD, _RPS = 0xD2, 0xF6
_SET_OUTPUT, _QUERY, _STATUS = 0x01, 0x03, 0x04
_ROCKER_ON, _ROCKER_OFF = 0x10, 0x30
_ANSWER_AFTER = (0.08, 0.25)
"""Seconds; an actor first switches, then tells."""
_FULL = 100


class SwitchSpec(ActorSpec):
    """`kind = "switch"`."""

    kind: Literal["switch"]
    code: Literal["ac", "arc", "vld"]
    id: str
    """AC and ARC: the sender it has learned; VLD: its own id."""
    unit: int = Field(default=1, ge=1, le=16)
    answer_id: str | None = None
    """With AC: it has a transmitter of its own with this address, and tells what it has done."""
    learned: list[str] = Field(default_factory=list)
    """With VLD: ids of rockers that it obeys."""

    @field_validator("id")
    @classmethod
    def _of_the_code(cls, text: str, info: ValidationInfo) -> str:
        address(info.data.get("code"), text)
        return text

    @field_validator("answer_id")
    @classmethod
    def _ac_address(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            if info.data.get("code") != "ac":
                raise ValueError("only AC switches can be given a transmitter; VLD ones have theirs")
            ac_house(text)
        return text

    @field_validator("learned")
    @classmethod
    def _rockers(cls, ids: list[str]) -> list[str]:
        for text in ids:
            enocean_id(text)
        return ids


class Switch(Actor):
    """One output: `level` percent of it is on."""

    spec_type = SwitchSpec

    def __init__(self, spec: SwitchSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self.band = Band.MHZ_868 if spec.code == "vld" else Band.MHZ_433
        self.level = 0
        """Percent."""
        self._address: Any = address(spec.code, spec.id)
        self._unit = spec.unit
        self._answer_house = ac_house(spec.answer_id) if spec.answer_id else None
        self._rockers = {enocean_id(text) for text in spec.learned}

    @property
    def state(self) -> dict[str, Any]:
        return {"on": self.level > 0, "level": self.level}

    async def run(self) -> None:
        while True:
            content = await self._commands.take()
            answers = self._follow(content)
            await self._time.sleep(self._random.uniform(*_ANSWER_AFTER))
            if answers and self.connected:
                await self._answer(content)

    def _concerns(self, content: Content) -> bool:
        match content:
            case Ac(house=self._address):
                return content.unit == self._unit - 1 or content.command in _GROUP
            case Arc(house=self._address):
                return content.unit == self._unit or content.command in _GROUP
            case Erp1(rorg=0xD2, destination=destination):
                return destination in {self._address, BROADCAST} and content.data[0] & 0x0F in {_SET_OUTPUT, _QUERY}
            case Erp1(rorg=0xF6):
                return content.sender in self._rockers
        return False

    def _follow(self, content: Content) -> bool:
        """Do it; whether that is something to tell."""
        match content:
            case Ac(command=SwitchCommand.LEVEL):
                self.level = round(content.level * _FULL / 15)
            case Ac() | Arc():
                self.level = _FULL if content.command in _ON else 0
            case Erp1(rorg=0xD2) if len(content.data) >= 3 and content.data[0] & 0x0F == _SET_OUTPUT:
                self.level = min(_FULL, content.data[2] & 0x7F)
            case Erp1(rorg=0xF6):
                if content.data[0] not in {_ROCKER_ON, _ROCKER_OFF}:
                    return False
                self.level = _FULL if content.data[0] == _ROCKER_ON else 0
        return True

    async def _answer(self, content: Content) -> None:
        if isinstance(content, Erp1):
            sender = content.sender if content.rorg == _VLD else BROADCAST
            await self._send(Erp1(_VLD, bytes([_STATUS, 0x00, self.level]), self._address, destination=sender))
        elif self._answer_house is not None:
            command = SwitchCommand.ON if self.level else SwitchCommand.OFF
            if 0 < self.level < _FULL:
                command = SwitchCommand.LEVEL
            await self._send(Ac(self._answer_house, self._unit - 1, command, round(self.level * 15 / _FULL)))


_GROUP = {SwitchCommand.GROUP_ON, SwitchCommand.GROUP_OFF}
_ON = {SwitchCommand.ON, SwitchCommand.GROUP_ON}
