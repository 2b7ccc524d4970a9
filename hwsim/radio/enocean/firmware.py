"""The program of an EnOcean gateway: common commands, reports with signal strength, and responses.

Source: ESP3 specification, chapters 2.1 (RADIO_ERP1), 2.2 (RESPONSE), 2.4 (EVENT), 2.5 (COMMON_COMMAND).

Theory of operation
 1. Every packet of the host whose checksums are right gets one RESPONSE; one with a wrong checksum gets none.
 2. A telegram is acknowledged when it is taken, and sent then. The sender must be the chip, or one of the 128 ids
    from the base id on; 0 stands for the chip.
 3. The base id can be changed ten times in the life of a stick, to FF800000 to FFFFFF80 in steps of 128.
 4. A telegram is reported with its first subtelegram, without waiting for maturity.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from hwsim.radio.enocean.esp3 import Packet, PacketReader, PacketType
from hwsim.radio.firmware import Answer, Effect, Firmware, Outcome, Reboot, Transmit
from hwsim.radio.signal import BROADCAST, Band, Erp1, Heard

_OK, _ERROR, _NOT_SUPPORTED, _WRONG_PARAM = 0x00, 0x01, 0x02, 0x03
_BASE_ID_OUT_OF_RANGE, _BASE_ID_MAX_REACHED = 0x90, 0x91
_CO_READY: Final = 0x04
_UNKNOWN_RESET: Final = 0x09
_OWN_IDS: Final = 128
_LOWEST_BASE, _HIGHEST_BASE = 0xFF800000, 0xFFFFFF80
_APP_VERSION, _API_VERSION = bytes([2, 11, 1, 0]), bytes([2, 6, 3, 0])
_CHIP_VERSION: Final = b"EO\x01\x03"
_DESCRIPTION: Final = b"GATEWAYCTRL".ljust(16, b"\0")
_868_3_ERP1: Final = bytes([0x01, 0x00])
_DATA_SIZES: Final = {0xF6: 1, 0xD5: 1, 0xA5: 4}
_LONGEST_DATA: Final = 14
_READY_AFTER: Final = 0.05


class _Command(IntEnum):
    """Common commands that are understood: CO_WR_RESET, CO_RD_VERSION and so on."""

    RESET = 0x02
    VERSION = 0x03
    BIST = 0x06
    WRITE_BASE = 0x07
    READ_BASE = 0x08
    FREQUENCY = 0x25


class EnoceanFirmware(Firmware):
    """State of one gateway."""

    kind = "enocean"
    band = Band.MHZ_868
    baud = 57600
    acknowledges_early = True

    def __init__(self, *, chip_id: int, base_id: int) -> None:
        super().__init__()
        self._chip_id = chip_id
        self._base_id = base_id
        self._base_changes = 10
        self._reader = PacketReader()
        self._ready_at = 0.0

    def power_up(self, cause: int, now: float) -> list[Effect]:
        self._reader.clear()
        self._ready_at = now + _READY_AFTER
        event = Packet(PacketType.EVENT, bytes([_CO_READY, cause]))
        return [Answer(event.encode(), after=_READY_AFTER)]

    def listening(self, now: float) -> bool:
        return now >= self._ready_at

    def from_host(self, data: bytes, now: float) -> list[Effect]:
        if now < self._ready_at:
            return []
        effects: list[Effect] = []
        for packet in self._reader.feed(data, now):
            if packet.type == PacketType.RADIO_ERP1:
                effects += self._radio(packet)
            elif packet.type == PacketType.COMMON_COMMAND and packet.data:
                effects += self._command(packet.data)
            else:
                effects.append(_response(_NOT_SUPPORTED))
        self.broken_frames = self._reader.errors
        return effects

    def heard(self, heard: Heard, now: float) -> list[Effect]:
        content = heard.content
        if not isinstance(content, Erp1):
            return []
        data = bytes([content.rorg]) + content.data + content.sender.to_bytes(4, "big") + bytes([content.status])
        strength = min(255, max(0, round(-heard.rssi)))
        optional = bytes([1]) + content.destination.to_bytes(4, "big") + bytes([strength, 0])
        return [Answer(Packet(PacketType.RADIO_ERP1, data, optional).encode())]

    def sent(self, order: bytes, outcome: Outcome) -> list[Answer]:
        return [_response(_ERROR if outcome is Outcome.REFUSED else _OK)]

    def _radio(self, packet: Packet) -> list[Effect]:
        data = packet.data
        size = len(data) - 6
        if not 1 <= size <= _LONGEST_DATA or _DATA_SIZES.get(data[0], size) != size:
            return [_response(_WRONG_PARAM)]
        sender = int.from_bytes(data[-5:-1], "big") or self._chip_id
        if sender != self._chip_id and not self._base_id <= sender < self._base_id + _OWN_IDS:
            return [_response(_WRONG_PARAM)]
        destination = int.from_bytes(packet.optional[1:5], "big") if len(packet.optional) >= 5 else BROADCAST
        content = Erp1(data[0], data[1:-5], sender, data[-1], destination)
        return [Transmit(content, content.pace, content.pace.copies)]

    def _command(self, data: bytes) -> list[Effect]:
        match data[0]:
            case _Command.RESET:
                return [_response(_OK), Reboot(_UNKNOWN_RESET, after=_READY_AFTER)]
            case _Command.VERSION:
                chip = self._chip_id.to_bytes(4, "big")
                return [_response(_OK, _APP_VERSION + _API_VERSION + chip + _CHIP_VERSION + _DESCRIPTION)]
            case _Command.BIST:
                return [_response(_OK, bytes([0]))]
            case _Command.WRITE_BASE:
                return [self._change_base(int.from_bytes(data[1:5], "big"))]
            case _Command.READ_BASE:
                return [_response(_OK, self._base_id.to_bytes(4, "big"), bytes([self._base_changes]))]
            case _Command.FREQUENCY:
                return [_response(_OK, _868_3_ERP1)]
            case _:
                return [_response(_NOT_SUPPORTED)]

    def _change_base(self, base_id: int) -> Answer:
        if not _LOWEST_BASE <= base_id <= _HIGHEST_BASE or base_id % _OWN_IDS:
            return _response(_BASE_ID_OUT_OF_RANGE)
        if not self._base_changes:
            return _response(_BASE_ID_MAX_REACHED)
        self._base_id = base_id
        self._base_changes -= 1
        return _response(_OK)


def _response(code: int, data: bytes = b"", optional: bytes = b"") -> Answer:
    return Answer(Packet(PacketType.RESPONSE, bytes([code]) + data, optional).encode())
