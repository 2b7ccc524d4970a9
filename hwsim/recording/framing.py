"""Cuts the bytes of a line into frames, without losing a byte. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SizeOf = Callable[[bytes], int]
"""How many bytes at the beginning of a buffer are a frame; 0: more are needed to tell; -n: the first n are none."""

LONGEST_WAIT: Final = 0.5
"""Seconds after which the beginning of a frame on a serial line is taken for noise."""


@dataclass(frozen=True)
class Frame:
    """Bytes that belong together."""

    data: bytes
    time: float
    """When its last byte came."""
    whole: bool = True
    """False: these bytes are no frame, or only the beginning of one."""


class Splitter:
    """One direction of one connection."""

    def __init__(self, size_of: SizeOf, patience: float | None = None) -> None:
        self._size_of = size_of
        self._patience = patience
        self._buffer = b""
        self._time = 0.0

    def feed(self, data: bytes, time: float) -> list[Frame]:
        """Take bytes that came at `time`; returns the frames that are complete now."""
        late = self._patience is not None and time - self._time > self._patience
        frames = self.rest() if late else []
        self._buffer += data
        self._time = time
        noise = b""
        while self._buffer and (size := self._size_of(self._buffer)):
            piece, self._buffer = self._buffer[: abs(size)], self._buffer[abs(size) :]
            if size < 0:
                noise += piece
                continue
            frames += [Frame(noise, time, whole=False)] if noise else []
            noise = b""
            frames.append(Frame(piece, time))
        return frames + ([Frame(noise, time, whole=False)] if noise else [])

    def rest(self) -> list[Frame]:
        """What has begun and will not be completed."""
        rest, self._buffer = self._buffer, b""
        return [Frame(rest, self._time, whole=False)] if rest else []


def dump(data: bytes) -> str:
    """Bytes in hexadecimal digits and as ASCII."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{data.hex(' ')}  |{text}|"
