"""Many reads in one go: several requests are on their way while the answers come. Frames only, no I/O.

Theory of operation
-------------------
1. An owserver reads its requests one after the other and answers in that order, so a client needn't wait for an answer
   before it sends the next request. pyownet does wait; for a hundred values out of the cache that is most of the time.
2. A header is six big-endian 32-bit integers (owfs.org, "owserver protocol"). Request: version, payload, type, flags,
   size, offset. Answer: version, payload, return value, flags, size, offset. Payload -1 is a sign of life.
3. owserver leaves Nagle's algorithm on: it holds an answer back until the one before is acknowledged, which Linux
   delays by 40 ms unless told otherwise after each read (TCP_QUICKACK). The window bounds what waits in the server.
4. Where persistence isn't granted, the server hangs up after the first answer; the rest has to be asked otherwise.
"""

from __future__ import annotations

import struct
from typing import Final, Literal, TypeAlias

from pyownet import protocol

_HEADER: Final = struct.Struct(">6i")
_FLAGS: Final = protocol.FLG_OWNET | protocol.FLG_PERSISTENCE
Kind: TypeAlias = Literal["read", "write", "list", "ping"]
#: owserver messages (owfs.org, "owserver message types"). DIRALLSLASH marks directories by a slash at their end.
MESSAGES: Final[dict[Kind, int]] = {
    "read": protocol.MSG_READ,
    "write": protocol.MSG_WRITE,
    "list": protocol.MSG_DIRALLSLASH,
    "ping": protocol.MSG_NOP,
}
#: Requests on their way at a time.
WINDOW: Final = 100


class FrameError(Exception):
    """What came is no answer of an owserver."""


def encode_read(path: str, size: int) -> bytes:
    """A request to read a path."""
    return encode("read", path, size, flags=_FLAGS)


def encode(kind: Kind, path: str, size: int, data: bytes = b"", *, flags: int = _FLAGS | protocol.FLG_BUS_RET) -> bytes:
    """A request; ``size``: bytes wanted, or those of the data to be written."""
    payload = b"" if kind == "ping" else path.encode(errors="surrogateescape") + b"\0" + data
    return _HEADER.pack(0, len(payload), MESSAGES[kind], flags, size, 0) + payload


class AnswerReader:
    """Cuts what comes into answers. ``persistent`` is False once the server has refused that.

    Args:
        reads: all of them answer reads. The answer to a write has a size, that of what was written, and no data.
    """

    def __init__(self, *, reads: bool = True) -> None:
        self._reads = reads
        self._buffer = b""
        self.persistent = True

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes; return the answers that are complete now: return value and data.

        Raises:
            FrameError: says why.
        """
        buffer = self._buffer + data if self._buffer else data
        answers: list[tuple[int, bytes]] = []
        position = 0
        while len(buffer) - position >= _HEADER.size:
            version, length, ret, flags, size, _ = _HEADER.unpack_from(buffer, position)
            if version or length > protocol.MAX_PAYLOAD or (self._reads and not size <= max(0, length)):
                raise FrameError("a header is wrong")
            start = position + _HEADER.size
            end = start + max(0, length)
            if len(buffer) < end:
                break
            position = end
            if length >= 0:
                answers.append((ret, buffer[start : start + max(0, size)]))
                self.persistent = self.persistent and bool(flags & protocol.FLG_PERSISTENCE)
        self._buffer = buffer[position:]
        return answers
