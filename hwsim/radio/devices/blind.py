"""Motors of blinds: Somfy RTS, which never answers, and EEP D2-05-00, which tells its position."""

from __future__ import annotations

from typing import Any, Literal

import anyio
from pydantic import Field, ValidationInfo, field_validator

from hwsim.radio.devices.actor import Actor, ActorSpec
from hwsim.radio.devices.codes import address
from hwsim.radio.signal import BROADCAST, Band, BlindCommand, Content, Erp1, Rts

_VLD = 0xD2
_GO, _STOP, _QUERY, _REPLY = 0x01, 0x02, 0x03, 0x04
_UP, _DOWN = 0, 100
_SIZES = {_GO: 4, _STOP: 1, _QUERY: 1}
_NO_CHANGE = 127


class BlindSpec(ActorSpec):
    """`kind = "blind"`."""

    kind: Literal["blind"]
    code: Literal["rts", "vld"]
    id: str
    """RTS: the sender it has learned; VLD: its own id."""
    travel: float = Field(default=20.0, gt=0)
    """Seconds from one end to the other."""

    @field_validator("id")
    @classmethod
    def _of_the_code(cls, text: str, info: ValidationInfo) -> str:
        address(info.data.get("code"), text)
        return text


class Blind(Actor):
    """Moves; up when the house is built."""

    spec_type = BlindSpec

    def __init__(self, spec: BlindSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self.band = Band.MHZ_868 if spec.code == "vld" else Band.MHZ_433
        self._address: Any = address(spec.code, spec.id)
        self._speed = (_DOWN - _UP) / spec.travel
        self._from, self._to, self._since = float(_UP), float(_UP), 0.0
        self._asked_by = BROADCAST

    @property
    def position(self) -> float:
        """Percent closed: 0 is up, 100 is down."""
        way = self._speed * (self._time.now() - self._since)
        if self._from <= self._to:
            return min(self._to, self._from + way)
        return max(self._to, self._from - way)

    @property
    def state(self) -> dict[str, Any]:
        return {"position": round(self.position, 1), "moving": self.position != self._to}

    async def run(self) -> None:
        moving = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            while True:
                content = await self._commands.take()
                moving.cancel()
                moving = anyio.CancelScope()
                self._follow(content)
                tasks.start_soon(self._finish, moving, isinstance(content, Erp1))

    def _concerns(self, content: Content) -> bool:
        match content:
            case Rts(id=self._address):
                return True
            case Erp1(rorg=0xD2, destination=destination) if destination in {self._address, BROADCAST}:
                return _SIZES.get(content.data[-1] & 0x0F) == len(content.data)
        return False

    def _follow(self, content: Content) -> None:
        match content:
            case Rts(command=BlindCommand.UP):
                self._move(_UP)
            case Rts(command=BlindCommand.DOWN):
                self._move(_DOWN)
            case Rts(command=BlindCommand.STOP):
                self._move(self.position)
            case Erp1():
                self._asked_by = content.sender
                command = content.data[-1] & 0x0F
                if command == _GO and content.data[0] != _NO_CHANGE:
                    self._move(min(_DOWN, content.data[0]))
                elif command == _STOP:
                    self._move(self.position)

    def _move(self, target: float) -> None:
        self._from, self._to, self._since = self.position, target, self._time.now()

    async def _finish(self, scope: anyio.CancelScope, answers: bool) -> None:
        """Tell the position as soon as it stands still, unless another command comes first."""
        with scope:
            await self._time.sleep(abs(self._to - self.position) / self._speed + self._random.uniform(0.05, 0.15))
            if answers and self.connected:
                data = bytes([round(self.position), 0, 0, _REPLY])
                await self._send(Erp1(_VLD, data, self._address, destination=self._asked_by))
