"""ROM ids of 1-Wire devices and the CRC that guards them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Self

_TEXT = re.compile(r"(?P<family>[0-9A-F]{2})\.?(?P<serial>[0-9A-F]{12})(?:\.?(?P<crc>[0-9A-F]{2}))?", re.IGNORECASE)


def _table(polynomial: int) -> tuple[int, ...]:
    """What eight steps of a reflected polynomial make of each byte."""
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC8 = _table(0x8C)
_CRC16 = _table(0xA001)


def crc8(data: bytes) -> int:
    """The 8-bit 1-Wire CRC, polynomial x^8+x^5+x^4+1, start value 0 (Maxim application note 27).

    Over a message and its own CRC the result is 0.
    """
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def crc16(data: bytes, start: int = 0) -> int:
    """The 16-bit 1-Wire CRC, polynomial x^16+x^15+x^2+1 (Maxim application note 27).

    Devices send it inverted, low byte first.
    """
    crc = start
    for byte in data:
        crc = (crc >> 8) ^ _CRC16[(crc ^ byte) & 0xFF]
    return crc


@dataclass(frozen=True, order=True)
class RomId:
    """Family code and 48-bit serial number of one device; the CRC is computed.

    `serial` holds the six bytes as they go over the wire, least significant first, which is also the
    order in which owserver prints them.
    """

    family: int
    serial: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `28.67C6697351FF`, with or without the dots and the CRC, in any letter case.

        Raises:
            ValueError: the text has another form, or its CRC is wrong; the message says which.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a ROM id; write family, dot and 12 hex digits, as in 28.67C6697351FF")
        rom = cls(int(match["family"], 16), bytes.fromhex(match["serial"]))
        if match["crc"] is not None and int(match["crc"], 16) != rom.crc:
            raise ValueError(f"{text!r} ends in a wrong CRC; the right one is {rom.crc:02X}, or leave it out")
        return rom

    @cached_property
    def crc(self) -> int:
        return crc8(bytes([self.family]) + self.serial)

    @cached_property
    def wire(self) -> bytes:
        """All eight bytes in the order of the wire: family, serial number, CRC."""
        return bytes([self.family]) + self.serial + bytes([self.crc])

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """All 64 bits in the order of the wire."""
        return tuple(byte >> position & 1 for byte in self.wire for position in range(8))

    @property
    def search_key(self) -> tuple[int, ...]:
        """Sorts as the ROM search finds devices: bit by bit from the least significant, 0 before 1."""
        return self.bits

    def __str__(self) -> str:
        return f"{self.family:02X}.{self.serial.hex().upper()}"
