"""owserver messages as bytes: requests in, answers out. No I/O.

Source: the owserver protocol page of owfs.org, and the behaviour of owserver 3.2p4 where it is silent.

Theory of operation
 1. A header is six big-endian 32-bit integers. Of a request: version, payload length, type, flags, size,
    offset. Of an answer: version, payload length, return value, flags, size, offset.
 2. A chained owserver sets bit 16 of the version and appends as many 16-byte tokens as the low half says;
    they come after the payload and are not counted in it. They are read and dropped.
 3. A frame that can't be right (negative or huge payload, a write whose data is longer than its payload)
    is answered by closing the connection, as owserver does; so is a frame that stays incomplete.
 4. An answer with payload length -1 is a sign of life: nothing follows, and another answer will.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

HEADER: Final = struct.Struct(">6i")
TOKEN_BYTES: Final = 16
LARGEST_REQUEST: Final = 100_050
"""owserver closes the connection on a longer payload, and refuses to read more bytes than this."""
_FROM_SERVER: Final = 0x10000


class MessageType(IntEnum):
    """What a request asks for."""

    ERROR = 0
    NOP = 1
    READ = 2
    WRITE = 3
    DIR = 4
    SIZE = 5
    PRESENCE = 6
    DIRALL = 7
    GET = 8
    DIRALLSLASH = 9
    GETSLASH = 10


class Flag(IntFlag):
    """Single bits of the flags word."""

    BUS_RET = 0x2
    PERSISTENCE = 0x4
    ALIAS = 0x8
    SAFEMODE = 0x10
    UNCACHED = 0x20
    TRIM = 0x40
    OWNET = 0x100


class Return(IntEnum):
    """Negative return values, as owserver gives them."""

    BAD_PATH = -1
    NO_ENTITY = -2
    IO_ERROR = -5
    BAD_ADDRESS = -14
    NOT_DIRECTORY = -20
    IS_DIRECTORY = -21
    INVALID = -22
    OUT_OF_RANGE = -34
    BAD_MESSAGE_TYPE = -42
    BAD_MESSAGE = -74
    MESSAGE_SIZE = -90
    NOT_SUPPORTED = -95


class FrameError(Exception):
    """The peer sent what owserver hangs up on."""


@dataclass(frozen=True)
class Request:
    """One message from a client."""

    type: int
    flags: int
    size: int
    offset: int
    payload: bytes = b""

    @property
    def path(self) -> str:
        """The path: up to the first NUL byte; of a write, up to where its data begins."""
        path = self.payload[: len(self.payload) - self.size] if self.type == MessageType.WRITE else self.payload
        return path.partition(b"\0")[0].decode(errors="surrogateescape")

    @property
    def data(self) -> bytes:
        """What a write brings: the last `size` bytes."""
        return self.payload[len(self.payload) - self.size :]

    def encode(self) -> bytes:
        """The request as it goes over the wire."""
        return HEADER.pack(0, len(self.payload), self.type, _signed(self.flags), self.size, self.offset) + self.payload


@dataclass(frozen=True)
class Answer:
    """One message to a client."""

    ret: int = 0
    payload: bytes = b""
    size: int = 0
    offset: int = 0
    flags: int = 0

    def encode(self) -> bytes:
        """The answer as it goes over the wire."""
        return HEADER.pack(0, len(self.payload), self.ret, _signed(self.flags), self.size, self.offset) + self.payload


KEEPALIVE: Final = HEADER.pack(0, -1, 0, 0, 0, 0)
"""Tells a waiting client that the server is alive."""


class RequestReader:
    """Turns the bytes of one connection into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def within_frame(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next complete request; None: more bytes are needed.

        Raises:
            FrameError: hang up.
        """
        if len(self._buffer) < HEADER.size:
            return None
        version, length, kind, flags, size, offset = HEADER.unpack_from(self._buffer)
        if not 0 <= length <= LARGEST_REQUEST:
            raise FrameError(f"payload of {length} bytes")
        if kind == MessageType.WRITE and length and not 0 <= size < length:
            raise FrameError(f"write of {size} bytes in a payload of {length}")
        tokens = version & 0xFFFF if version & _FROM_SERVER else 0
        end = HEADER.size + length + tokens * TOKEN_BYTES
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
        del self._buffer[:end]
        return Request(kind, flags & 0xFFFFFFFF, size, offset, payload)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word
