"""The owserver protocol, as it is recorded and shown.

Source: the owserver protocol page of owfs.org, as in `hwsim.onewire.owserver.frames`.
"""

from __future__ import annotations

from typing import Final

from hwsim.onewire.owserver.frames import HEADER, LARGEST_REQUEST, Flag, MessageType, Return
from hwsim.recording.dialects.dialect import Dialect

_TOKEN_BYTES: Final = 16
_FROM_SERVER: Final = 0x10000
_OF_VALUES: Final = 0x001F0000 | Flag.TRIM
"""Bits of the flags that change the text of a value: the scales of temperature and pressure."""
_OF_LISTINGS: Final = 0x7F000000 | Flag.ALIAS | Flag.BUS_RET
"""Bits that change a listing: the format of ids."""
_VALUES: Final = (MessageType.NOP, MessageType.READ, MessageType.WRITE, MessageType.PRESENCE)
_NAMED: Final = (Flag.PERSISTENCE, Flag.ALIAS, Flag.SAFEMODE, Flag.UNCACHED, Flag.TRIM)
_SCALES: Final = ("", "degF", "K", "degR")


class Owserver(Dialect):
    """A frame is a header of six integers and as many bytes as it says."""

    kind = "owserver"
    speaks = False

    def size_from_host(self, buffer: bytes) -> int:
        if len(buffer) < HEADER.size:
            return 0
        version, length, *_ = HEADER.unpack_from(buffer)
        if not 0 <= length <= LARGEST_REQUEST:
            return -len(buffer)
        tokens = version & 0xFFFF if version & _FROM_SERVER else 0
        return _complete(buffer, HEADER.size + length + tokens * _TOKEN_BYTES)

    def size_from_device(self, buffer: bytes) -> int:
        if len(buffer) < HEADER.size:
            return 0
        length = HEADER.unpack_from(buffer)[1]
        if not -1 <= length <= LARGEST_REQUEST:
            return -len(buffer)
        return _complete(buffer, HEADER.size + max(0, length))

    def host_text(self, frame: bytes) -> str:
        _, length, kind, flags, size, offset = HEADER.unpack_from(frame)
        payload = frame[HEADER.size : HEADER.size + length]
        written = kind == MessageType.WRITE and 0 <= size <= length
        path = payload[: length - size] if written else payload
        words = [_name(kind), path.partition(b"\0")[0].decode(errors="backslashreplace")]
        words += [repr(payload[length - size :])[1:]] if written else []
        words += [f"from byte {offset}"] if offset else []
        return " ".join([*filter(None, words), *_flag_words(flags)])

    def device_text(self, frame: bytes) -> str:
        _, length, ret, flags, size, _ = HEADER.unpack_from(frame)
        if length == -1:
            return "still busy"
        granted = " +persistence" if flags & Flag.PERSISTENCE else ""
        if ret < 0:
            name = Return(ret).name.lower().replace("_", " ") if ret in set(Return) else "error"
            return f"{ret} ({name}){granted}"
        payload = frame[HEADER.size :]
        shown = payload[:size].rstrip(b"\0") if size else payload
        return f"{ret}{' ' + repr(shown)[1:] if payload else ''}{granted}"

    def key(self, frame: bytes) -> bytes:
        """Type, path, data and offset, and the flags that change the answer."""
        _, length, kind, flags, size, offset = HEADER.unpack_from(frame)
        sized = size if kind == MessageType.WRITE else 0
        matters = _OF_VALUES if kind in _VALUES else _OF_VALUES | _OF_LISTINGS
        return HEADER.pack(0, length, kind, flags & matters, sized, offset) + frame[HEADER.size :]

    def unknown(self, request: bytes) -> bytes:
        """Pings are answered; all else is not there."""
        _, _, kind, flags, _, _ = HEADER.unpack_from(request)
        return HEADER.pack(0, 0, 0 if kind == MessageType.NOP else Return.NO_ENTITY, flags, 0, 0)


def _complete(buffer: bytes, size: int) -> int:
    return size if len(buffer) >= size else 0


def _name(kind: int) -> str:
    return MessageType(kind).name if kind in set(MessageType) else f"type {kind}"


def _flag_words(flags: int) -> list[str]:
    words = [f"+{flag.name.lower()}" for flag in _NAMED if flags & flag and flag.name]
    return words + ([f"+{scale}"] if (scale := _SCALES[flags >> 16 & 3]) else [])
