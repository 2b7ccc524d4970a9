"""Function commands of the switches DS2405 (family 05), DS2413 (3A) and DS2408 (29), as in the Maxim datasheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.rom import crc16
from hwsim.onewire.wire.slots import Slots, receive, receive_address, repeat, send, send_late

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2405, DS2408
    from hwsim.onewire.families.switches import StatusByteSwitch
    from hwsim.onewire.wire.line import Line

_DONE = 0xAA
_SAMPLES = 32
"""Bytes of CHANNEL ACCESS READ before a CRC comes."""


def ds2405(slave: DS2405, _line: Line) -> Slots[None]:
    """There is no command; whoever reads on sees the pin."""
    while True:
        yield from send_late(lambda: slave.read_level()[0])


def ds2413(slave: StatusByteSwitch, _line: Line) -> Slots[None]:
    match (yield from receive()):
        case 0xF5:
            yield from read_status(slave)
        case 0x5A:
            yield from write_latches(slave)


def read_status(slave: StatusByteSwitch) -> Slots[None]:
    """PIO ACCESS READ for as long as the master likes."""
    while True:
        yield from send_late(lambda: slave.read_status()[0])


def write_latches(slave: StatusByteSwitch) -> Slots[None]:
    """PIO ACCESS WRITE: each byte with its complement is acknowledged, then comes the status."""
    while slave.write_latches((yield from receive()), (yield from receive())):
        yield from send(slave.transmit(bytes([_DONE])))
        yield from send(slave.read_status())


def ds2408(slave: DS2408, _line: Line) -> Slots[None]:
    match (yield from receive()):
        case 0xF0:
            yield from send(slave.read_registers((yield from receive_address())))
        case 0xF5:
            yield from _read_channels(slave)
        case 0x5A:
            while slave.write_latches((yield from receive()), (yield from receive())):
                yield from send(slave.transmit(bytes([_DONE, slave.read_channels()])))
        case 0xC3:
            if slave.reset_activity():
                yield from repeat(slave.transmit(bytes([_DONE])))
        case 0xCC:
            address = yield from receive_address()
            while True:
                slave.write_condition(bytes([(yield from receive())]), address)
                address += 1


def _read_channels(slave: DS2408) -> Slots[None]:
    """Samples for as long as the master likes; the first CRC covers the command too."""
    covered = b"\xf5"
    while True:
        for _ in range(_SAMPLES):
            covered += bytes([(yield from send_late(slave.read_channels))])
        yield from send((crc16(covered) ^ 0xFFFF).to_bytes(2, "little"))
        covered = b""
