"""Memory and channel commands of the DS2406 switch, family 12, as in the Maxim DS2406 datasheet.

EPROM takes a byte with a programming pulse after its CRC. Byte 7 of the status is RAM and takes it with the CRC alone:
owserver sends nothing more, and real parts obey it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hwsim.onewire.families.switches import STATUS_RAM
from hwsim.onewire.rom import crc16
from hwsim.onewire.wire.slots import Slots, receive, receive_address, receive_many, send, send_late

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2406
    from hwsim.onewire.wire.line import Line

_MEMORY_BYTES, _PAGE_BYTES = 128, 32
_CRC_AFTER = (0, 1, 8, 32)
"""Bytes between two CRCs, by the lowest bits of the channel control byte; 0: there is none."""
_READS, _TOGGLES = 0x40, 0x20


def ds2406(slave: DS2406, line: Line) -> Slots[None]:
    command = yield from receive()
    if command == 0xF5:
        yield from _access_channels(slave)
        return
    if command not in (0xF0, 0xA5, 0x0F, 0xAA, 0x55):
        return
    address = yield from receive_address()
    match command:
        case 0xF0:
            data = slave.read_memory(address, _MEMORY_BYTES - address)
            yield from send(data + _crc(slave, b"\xf0" + address.to_bytes(2, "little") + data))
        case 0xA5:
            yield from _read_pages(slave, address)
        case 0xAA:
            yield from send(slave.read_status(address) if address <= STATUS_RAM else b"")
        case 0x0F | 0x55:
            yield from _write(slave, line, command, address)


def _crc(slave: DS2406, covered: bytes, before: int = 0) -> bytes:
    return slave.transmit((crc16(covered, before) ^ 0xFFFF).to_bytes(2, "little"))


def _access_channels(slave: DS2406) -> Slots[None]:
    """Channel info, then samples or levels for as long as the master likes."""
    control, second = yield from receive_many(2)
    info = slave.open_channels(control)
    yield from send(slave.transmit(bytes([info])))
    covered = bytes([0xF5, control, second, info])
    reads = bool(control & _READS)
    while True:
        for _ in range(_CRC_AFTER[control & 3] or 1):
            if reads:
                byte = yield from send_late(partial(slave.read_channels, control))
            else:
                byte = yield from receive()
                slave.write_channels(control, byte)
            covered += bytes([byte])
            reads ^= bool(control & _TOGGLES)
        if control & 3:
            yield from send(_crc(slave, covered))
        covered = b""


def _read_pages(slave: DS2406, address: int) -> Slots[None]:
    """EXTENDED READ MEMORY: before each page where it has moved to, after it a CRC."""
    covered = b"\xa5" + address.to_bytes(2, "little")
    while address < _MEMORY_BYTES:
        moved = bytes([slave.redirection(address // _PAGE_BYTES)])
        yield from send(slave.transmit(moved) + _crc(slave, covered + moved))
        data = slave.read_memory(address, _PAGE_BYTES - address % _PAGE_BYTES)
        yield from send(data + _crc(slave, data))
        address += len(data)
        covered = b""


def _write(slave: DS2406, line: Line, command: int, address: int) -> Slots[None]:
    """WRITE MEMORY or WRITE STATUS: a byte, its CRC, a pulse, the byte as it is now; then the next one."""
    in_memory = command == 0x0F
    before = crc16(bytes([command]) + address.to_bytes(2, "little"))
    while address < (_MEMORY_BYTES if in_memory else STATUS_RAM + 1):
        byte = yield from receive()
        yield from send(_crc(slave, bytes([byte]), before))
        if in_memory:
            line.when_programmed.append(partial(slave.write_memory, address, bytes([byte])))
        elif address == STATUS_RAM:
            slave.write_status(byte)
        else:
            line.when_programmed.append(partial(slave.write_status, byte, address))
        yield from send_late(partial(_byte_at, slave, address, in_memory=in_memory))
        before = address = address + 1  # the next CRC begins with the address in its register


def _byte_at(slave: DS2406, address: int, *, in_memory: bool) -> int:
    return (slave.read_memory(address, 1) if in_memory else slave.read_status(address))[0]
