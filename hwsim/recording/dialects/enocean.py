"""ESP3 packets, as they are recorded and shown. Source: EnOcean Serial Protocol 3, chapters 1.3 to 2.5."""

from __future__ import annotations

from typing import Final

from hwsim.radio.enocean.esp3 import SYNC, PacketType, crc8
from hwsim.recording.dialects.dialect import Dialect
from hwsim.recording.framing import LONGEST_WAIT

_HEAD: Final = 6
_RETURNS: Final = ("ok", "error", "not supported", "wrong parameter", "operation denied")
_COMMANDS: Final = {
    2: "CO_WR_RESET",
    3: "CO_RD_VERSION",
    7: "CO_WR_IDBASE",
    8: "CO_RD_IDBASE",
    9: "CO_WR_REPEATER",
    10: "CO_RD_REPEATER",
}
_EVENTS: Final = {4: "CO_READY"}
_RORGS: Final = {0xF6: "RPS", 0xD5: "1BS", 0xA5: "4BS", 0xD2: "VLD", 0xD4: "UTE", 0xD1: "MSC"}


class EnOcean(Dialect):
    """A frame is 0x55, two lengths and a type with their checksum, data, optional data, and a checksum of both."""

    kind = "enocean"
    patience = LONGEST_WAIT

    def size_from_host(self, buffer: bytes) -> int:
        return _size(buffer)

    def size_from_device(self, buffer: bytes) -> int:
        return _size(buffer)

    def host_text(self, frame: bytes) -> str:
        return _text(frame)

    def device_text(self, frame: bytes) -> str:
        return _text(frame)

    def is_answer(self, frame: bytes) -> bool:
        return frame[4] == PacketType.RESPONSE


def _size(buffer: bytes) -> int:
    if buffer[0] != SYNC:
        return -1
    if len(buffer) < _HEAD:
        return 0
    if crc8(buffer[1:5]) != buffer[5]:
        return -1
    size = _HEAD + int.from_bytes(buffer[1:3], "big") + buffer[3] + 1
    if len(buffer) < size:
        return 0
    return size if crc8(buffer[_HEAD : size - 1]) == buffer[size - 1] else -1


def _text(frame: bytes) -> str:
    end = _HEAD + int.from_bytes(frame[1:3], "big")
    data, optional = frame[_HEAD:end], frame[end:-1]
    tail = f" + {optional.hex(' ')}" if optional else ""
    first = data[0] if data else 0
    match frame[4]:
        case PacketType.RADIO_ERP1 if len(data) > 5:
            name = _RORGS.get(first, f"{first:02X}")
            strength = f" -{optional[5]} dBm" if len(optional) > 5 and optional[5] != 0xFF else ""
            sender, status = data[-5:-1].hex().upper(), data[-1]
            return f"radio {name} {data[1:-5].hex(' ')} from {sender} status {status:02x}{strength}"
        case PacketType.RESPONSE if data:
            name = _RETURNS[first] if first < len(_RETURNS) else f"{first:02x}"
            return f"response {name} {data[1:].hex(' ')}".rstrip() + tail
        case PacketType.COMMON_COMMAND if data:
            return f"command {_COMMANDS.get(first, f'{first:02x}')} {data[1:].hex(' ')}".rstrip() + tail
        case PacketType.EVENT if data:
            return f"event {_EVENTS.get(first, f'{first:02x}')} {data[1:].hex(' ')}".rstrip() + tail
    return f"packet of type {frame[4]:02x}: {data.hex(' ')}{tail}"
