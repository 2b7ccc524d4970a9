"""Packets of EnOcean Serial Protocol 3: checksums, framing, and finding the next one after an error.

Source: ESP3 specification, chapters 1.3 to 1.6. A packet is 0x55, the lengths of data and optional data, its type,
CRC8 of these four, data, optional data, CRC8 of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNC: Final = 0x55
_HEAD: Final = 6
_BYTE_TIME: Final = 0.1
_POLYNOMIAL: Final = 0x07


class PacketType(IntEnum):
    """Those that a gateway gives or takes."""

    RADIO_ERP1 = 0x01
    RESPONSE = 0x02
    EVENT = 0x04
    COMMON_COMMAND = 0x05


@dataclass(frozen=True)
class Packet:
    """One packet without its frame; `type` may be one that is unknown here."""

    type: int
    data: bytes
    optional: bytes = b""

    def encode(self) -> bytes:
        """The packet as it goes over the line."""
        head = len(self.data).to_bytes(2, "big") + bytes([len(self.optional), self.type])
        body = self.data + self.optional
        return bytes([SYNC]) + head + bytes([crc8(head)]) + body + bytes([crc8(body)])


class PacketReader:
    """Finds packets in a row of bytes; a packet is dropped when its bytes are more than 100 ms apart."""

    def __init__(self) -> None:
        self.errors = 0
        self._buffer = b""
        self._fed_at = 0.0

    def clear(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes, now: float) -> Iterator[Packet]:
        """Take bytes that came at `now` seconds."""
        if self._buffer and now - self._fed_at > _BYTE_TIME:
            self._buffer = b""
            self.errors += 1
        self._fed_at = now
        self._buffer += data
        while (size := self._next_size()) is not None and len(self._buffer) >= size:
            frame = self._buffer[:size]
            if crc8(frame[_HEAD:-1]) != frame[-1]:
                self._skip()
                continue
            self._buffer = self._buffer[size:]
            end = _HEAD + int.from_bytes(frame[1:3], "big")
            yield Packet(frame[4], frame[_HEAD:end], frame[end:-1])

    def _next_size(self) -> int | None:
        """The size of the packet that the buffer begins with; None: its head is not there yet."""
        while True:
            start = self._buffer.find(SYNC)
            self._buffer = self._buffer[start:] if start >= 0 else b""
            if len(self._buffer) < _HEAD:
                return None
            head = self._buffer[1:5]
            if crc8(head) == self._buffer[5]:
                return _HEAD + int.from_bytes(head[:2], "big") + head[2] + 1
            self._skip()

    def _skip(self) -> None:
        """What looked like a beginning was none; look behind it."""
        self.errors += 1
        self._buffer = self._buffer[1:]


def crc8(data: bytes) -> int:
    """CRC8 with the polynomial x^8 + x^2 + x + 1, from zero."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ _POLYNOMIAL) & 0xFF if value & 0x80 else value << 1
    return value
