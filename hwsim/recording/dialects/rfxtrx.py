"""Frames of the RFXtrx, as they are recorded and shown. Source: the structures of RFXtrx.h."""

from __future__ import annotations

from typing import Final

from hwsim.recording.dialects.dialect import Dialect
from hwsim.recording.framing import LONGEST_WAIT

_SHORTEST, _LONGEST = 4, 40
_INTERFACE_COMMAND, _INTERFACE_MESSAGE, _TRANSMITTER_MESSAGE, _UNDECODED = 0x00, 0x01, 0x02, 0x03

_TYPES: Final = {
    0x00: "interface command", 0x01: "interface message", 0x02: "transmitter message", 0x03: "undecoded",
    0x10: "lighting1", 0x11: "lighting2", 0x12: "lighting3", 0x13: "lighting4", 0x14: "lighting5", 0x15: "lighting6",
    0x16: "chime", 0x17: "fan", 0x18: "curtain", 0x19: "blinds", 0x1A: "rfy", 0x1B: "home confort", 0x1E: "funkbus",
    0x1F: "hunter", 0x20: "security1", 0x21: "security2", 0x28: "camera1", 0x30: "remote control", 0x31: "lighting",
    0x40: "thermostat1", 0x41: "thermostat2", 0x42: "thermostat3", 0x48: "thermostat5", 0x4E: "bbq", 0x4F: "temp rain",
    0x50: "temperature", 0x51: "humidity", 0x52: "temperature and humidity", 0x53: "barometer", 0x54: "temp hum baro",
    0x55: "rain", 0x56: "wind", 0x57: "uv", 0x58: "date and time", 0x59: "current", 0x5A: "energy",
    0x5B: "current energy", 0x5C: "power", 0x5D: "weight", 0x60: "cartelectronic", 0x61: "asyncport", 0x70: "rfxsensor",
    0x71: "rfxmeter", 0x72: "fs20", 0x76: "weather",
}  # fmt: skip
_COMMANDS: Final = {0: "reset", 2: "get status", 3: "set mode", 4: "enable all", 6: "save", 7: "start receiver"}
_RESULTS: Final = {0: "ok", 1: "ok after delay", 2: "no lock on frequency", 3: "bad AC address"}


class Rfxtrx(Dialect):
    """A frame is its length without this byte, type, subtype, sequence number, and what the type says."""

    kind = "rfxtrx"
    patience = LONGEST_WAIT

    def size_from_host(self, buffer: bytes) -> int:
        return self._size(buffer)

    def size_from_device(self, buffer: bytes) -> int:
        return self._size(buffer)

    def host_text(self, frame: bytes) -> str:
        command = _COMMANDS.get(frame[4], f"command {frame[4]:02x}") if frame[1] == _INTERFACE_COMMAND else ""
        return _text(frame, command)

    def device_text(self, frame: bytes) -> str:
        if frame[1] == _TRANSMITTER_MESSAGE and frame[2] == 1:
            return _text(frame, _RESULTS.get(frame[4], f"result {frame[4]:02x}"))
        by_itself = frame[1] not in (_INTERFACE_MESSAGE, _UNDECODED)
        return _text(frame, f"{8 * (frame[-1] >> 4) - 120} dBm" if by_itself else "")

    def key(self, frame: bytes) -> bytes:
        """Everything but the sequence number."""
        return frame[:3] + frame[4:]

    def is_answer(self, frame: bytes) -> bool:
        return frame[1] in (_INTERFACE_MESSAGE, _TRANSMITTER_MESSAGE)

    def answers(self, request: bytes, answer: bytes) -> bool:
        """An answer has the sequence number of its request."""
        return request[3] == answer[3]

    def fitted(self, answer: bytes, recorded: bytes, request: bytes) -> bytes:
        if answer[3] != recorded[3]:
            return answer
        return answer[:3] + request[3:4] + answer[4:]

    @staticmethod
    def _size(buffer: bytes) -> int:
        if not _SHORTEST <= buffer[0] <= _LONGEST or (len(buffer) > 1 and buffer[1] not in _TYPES):
            return -1
        return buffer[0] + 1 if len(buffer) > buffer[0] else 0


def _text(frame: bytes, meaning: str) -> str:
    words = [_TYPES[frame[1]], f"subtype {frame[2]:02x} number {frame[3]}:", frame[4:].hex(" ")]
    return " ".join(words) + (f" ({meaning})" if meaning else "")
