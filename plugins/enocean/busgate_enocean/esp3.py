"""Packets of EnOcean Serial Protocol 3 (ESP3, version 1.51): their types, checksums and framing, without any I/O.

A packet is 0x55, the lengths of its data (two bytes) and its optional data, its type, the checksum of these four, data,
optional data, and the checksum of both (ESP3, 1.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.bus.framing import SyncFramer

#: Of a whole packet. Data and optional data of radio telegrams are 26 bytes at the most; remote management has 512.
LONGEST: Final = 535
_SYNC: Final = b"\x55"
_HEAD: Final = 6


class PacketType(IntEnum):
    """Types of packets that matter here (ESP3, 1.7)."""

    RADIO_ERP1 = 0x01
    RESPONSE = 0x02
    EVENT = 0x04
    COMMON_COMMAND = 0x05


class Command(IntEnum):
    """Common commands (ESP3, 2.5)."""

    CO_RD_VERSION = 0x03
    CO_RD_IDBASE = 0x08


class ReturnCode(IntEnum):
    """First byte of a response (ESP3, 2.2)."""

    RET_OK = 0x00
    RET_ERROR = 0x01
    RET_NOT_SUPPORTED = 0x02
    RET_WRONG_PARAM = 0x03
    RET_OPERATION_DENIED = 0x04
    RET_LOCK_SET = 0x05
    RET_BUFFER_TO_SMALL = 0x06
    RET_NO_FREE_BUFFER = 0x07


#: First byte of an event: the stick has started, of itself or after a reset (ESP3, 2.4).
CO_READY: Final = 0x04


def _table() -> bytes:
    """CRC8 of each byte; polynomial x^8 + x^2 + x + 1, begins with 0 (ESP3, 2.3)."""
    found = bytearray(256)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
        found[byte] = crc
    return bytes(found)


_CRC8: Final = _table()


def crc8(data: bytes) -> int:
    """The checksum of header, or of data and optional data."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, without what frames it; ``type`` may be one that is unknown here."""

    type: int
    data: bytes
    optional: bytes = b""

    @classmethod
    def of(cls, frame: bytes) -> Packet:
        """From a frame that the framer has found."""
        end = _HEAD + int.from_bytes(frame[1:3])
        return cls(frame[4], frame[_HEAD:end], frame[end:-1])

    def encode(self) -> bytes:
        """As it goes over the line."""
        head = len(self.data).to_bytes(2) + bytes([len(self.optional), self.type])
        body = self.data + self.optional
        return _SYNC + head + bytes([crc8(head)]) + body + bytes([crc8(body)])


def framer(gap: float) -> SyncFramer:
    """Finds packets; see :class:`gateway.bus.framing.SyncFramer` for the gap, in seconds."""
    return SyncFramer(_SYNC, _HEAD - 1, _size, _is_right, most=LONGEST, gap=gap)


def _size(head: bytes) -> int | None:
    if crc8(head[1:5]) != head[5]:
        return None
    size = int.from_bytes(head[1:3])
    return _HEAD + size + head[3] + 1 if size else None


def _is_right(frame: bytes) -> bool:
    return crc8(frame[_HEAD:-1]) == frame[-1]
