"""A sender of any telegram that a stick can report, given as the stick words it: captured or published frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.enocean.esp3 import PacketReader, PacketType
from hwsim.radio.rflink import lines
from hwsim.radio.rfxtrx import frames
from hwsim.radio.signal import BROADCAST, Content, Erp1, Foreign

if TYPE_CHECKING:
    from hwsim.radio.air import Transmission


class FrameSpec(RadioDeviceSpec):
    """`kind = "frame"`."""

    kind: Literal["frame"]
    stick: Literal["rfxtrx", "rflink", "enocean"]
    frame: str
    """Hexadecimal digits, or for RFLink the line."""
    interval: float | None = Field(default=None, gt=0)
    """Seconds from one telegram to the next; none: only when pressed."""

    @field_validator("frame")
    @classmethod
    def _a_report(cls, text: str, info: ValidationInfo) -> str:
        if stick := info.data.get("stick"):
            content_of(stick, text)
        return text


class FrameSender(RadioDevice):
    """Sends one telegram over and over. Receivers put their own counter and signal strength in."""

    spec_type = FrameSpec
    actions = ("send",)

    def __init__(self, spec: FrameSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self._content = content_of(spec.stick, spec.frame)
        self._interval = spec.interval

    async def run(self) -> None:
        if self._interval is None:
            return
        at = self._time.now() + self._random.uniform(0.0, self._interval)
        while True:
            await self._time.sleep(max(0.0, at - self._time.now()))
            if self.connected:
                await self._send(self._content)
            at += self._interval

    async def _pressed(self, action: str, hold: float, level: int) -> Transmission:
        return await self._send(self._content, hold)


def content_of(stick: str, text: str) -> Content:
    """The telegram that such a stick would report so.

    Raises:
        ValueError: it would never report that; the message says why.
    """
    if stick == "rflink":
        lines.check_report(text.strip().encode())
        return Foreign("rflink", text.strip().encode())
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ValueError("write the frame as hexadecimal digits, two for each byte") from None
    if stick == "rfxtrx":
        frames.check_report(data)
        return Foreign("rfxtrx", data)
    return _erp1(data)


def _erp1(data: bytes) -> Erp1:
    packets = list(PacketReader().feed(data, 0.0))
    if len(packets) != 1 or packets[0].encode() != data:
        raise ValueError("this is not one ESP3 packet with right checksums")
    packet = packets[0]
    if packet.type != PacketType.RADIO_ERP1 or len(packet.data) < 7:
        raise ValueError("only packets of type 1 (RADIO_ERP1) come from the air")
    destination = int.from_bytes(packet.optional[1:5], "big") if len(packet.optional) >= 5 else BROADCAST
    body, sender, status = packet.data[1:-5], packet.data[-5:-1], packet.data[-1]
    return Erp1(packet.data[0], body, int.from_bytes(sender, "big"), status, destination)
