"""What can be asked of a running house through its socket: one JSON object a line, answered by one.

A request has `do` and the fields of its kind. An answer has `ok`; with true the fields that the request's `run` gives,
with false `error`, the name of an error of `hwsim.errors` or `BadRequest`, and `message`.
"""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hwsim.errors import FaultError, HwsimError, UnknownTarget
from hwsim.inventory import buses, devices

if TYPE_CHECKING:
    from hwsim.house import House
    from hwsim.radio.air import Transmission
    from hwsim.radio.signal import Content


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    async def run(self, house: House) -> dict[str, Any]:
        """Do it; returns the fields of the answer. Raises HwsimError."""
        raise NotImplementedError


class Press(_Request):
    """Answered when the telegram with all its copies is over."""

    do: Literal["press"] = "press"
    device: str
    action: str | None = None
    hold: float = Field(default=0.0, ge=0)
    level: int | None = Field(default=None, ge=0, le=15)

    async def run(self, house: House) -> dict[str, Any]:
        return described(await house.press(self.device, self.action, hold=self.hold, level=self.level))


class Unplug(_Request):
    do: Literal["unplug"] = "unplug"
    name: str

    async def run(self, house: House) -> dict[str, Any]:
        await house.unplug(self.name)
        return {"name": self.name}


class Plug(_Request):
    do: Literal["plug"] = "plug"
    name: str

    async def run(self, house: House) -> dict[str, Any]:
        await house.plug(self.name)
        return {"name": self.name}


class Set(_Request):
    do: Literal["set"] = "set"
    device: str
    quantity: str
    value: float

    async def run(self, house: House) -> dict[str, Any]:
        house.set(self.device, self.quantity, self.value)
        return {"device": self.device, self.quantity: self.value}


class Fault(_Request):
    """Answered when it has happened, with the number by which `end` knows it."""

    do: Literal["fault"] = "fault"
    kind: str
    target: str
    duration: float | None = Field(default=None, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)

    async def run(self, house: House) -> dict[str, Any]:
        if taken := {"kind", "target", "duration"} & set(self.options):
            raise FaultError(f"no fault has an option {min(taken)!r}")
        active = await house.fault(self.kind, target=self.target, duration=self.duration, **self.options)
        number = next(number for number, known in enumerate(house.faults) if known is active)
        return {"number": number, "kind": active.kind, "target": active.target, "began": active.began}


class End(_Request):
    do: Literal["end"] = "end"
    number: int = Field(ge=0)

    async def run(self, house: House) -> dict[str, Any]:
        if self.number >= len(house.faults):
            raise UnknownTarget(f"there is no fault {self.number}; {len(house.faults)} have happened, counted from 0")
        active = house.faults[self.number]
        await house.end_fault(active)
        return {"number": self.number, "kind": active.kind, "target": active.target, "ended": active.ended}


class Faults(_Request):
    """All faults that were started, by the numbers that `end` knows; `ended` is null while one is in force."""

    do: Literal["faults"] = "faults"

    async def run(self, house: House) -> dict[str, Any]:
        told = ("kind", "target", "began", "ended")
        rows = [{name: getattr(fault, name) for name in told} for fault in house.faults]
        return {"faults": [{"number": number, **row} for number, row in enumerate(rows)]}


class Devices(_Request):
    """All devices with what they measure now."""

    do: Literal["devices"] = "devices"

    async def run(self, house: House) -> dict[str, Any]:
        return {"devices": devices(house)}


class Buses(_Request):
    """All buses with what went over them."""

    do: Literal["buses"] = "buses"

    async def run(self, house: House) -> dict[str, Any]:
        return {"buses": buses(house)}


class AirLog(_Request):
    """The transmissions from a number on."""

    do: Literal["air"] = "air"
    since: int = Field(default=0, ge=0)

    async def run(self, house: House) -> dict[str, Any]:
        return {"transmissions": [described(entry) for entry in house.air.log if entry.number >= self.since]}


class Record(_Request):
    """Answered when it has begun; a relative path starts at the working directory of the house."""

    do: Literal["record"] = "record"
    bus: str
    file: str = Field(min_length=1)

    async def run(self, house: House) -> dict[str, Any]:
        recorder = house.recordings.start(self.bus, self.file)
        return {"bus": self.bus, "url": house.url(self.bus), "file": str(recorder.path)}


class EndRecording(_Request):
    do: Literal["end_recording"] = "end_recording"
    bus: str

    async def run(self, house: House) -> dict[str, Any]:
        recorder = house.recordings.stop(self.bus)
        told = {"connections": recorder.connections, "bytes": recorder.bytes, "seconds": recorder.seconds}
        return {"bus": self.bus, "file": str(recorder.path), **told}


Request = Press | Unplug | Plug | Set | Fault | End | AirLog | Faults | Devices | Buses | Record | EndRecording

_ANY: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])


def described(entry: Transmission) -> dict[str, Any]:
    """A transmission in JSON; `ended` is null while it lasts."""
    lasts = entry.ended == float("inf")
    return {
        "number": entry.number,
        "sender": entry.sender,
        "content": {"code": type(entry.content).__name__.lower(), **_fields(entry.content)},
        "copies": entry.copies,
        "began": entry.began,
        "ended": None if lasts else entry.ended,
        "heard_by": entry.heard_by,
    }


def _fields(content: Content) -> dict[str, Any]:
    """The fields of a telegram; bytes in hexadecimal digits."""
    values = {field.name: getattr(content, field.name) for field in fields(content)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.hex() if isinstance(value, bytes) else value


async def answered(house: House, line: bytes) -> bytes:
    """The answer to a line, with its newline."""
    try:
        request = _ANY.validate_json(line)
        answer = {"ok": True, **await request.run(house)}
    except ValidationError as error:
        details = [f"{'.'.join(map(str, each['loc'])) or 'request'}: {each['msg'].lower()}" for each in error.errors()]
        answer = {"ok": False, "error": "BadRequest", "message": "; ".join(details)}
    except HwsimError as error:
        answer = {"ok": False, "error": type(error).__name__, "message": str(error)}
    return json.dumps(answer).encode() + b"\n"
