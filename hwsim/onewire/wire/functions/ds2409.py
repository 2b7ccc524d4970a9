"""Control functions of the DS2409 hub, family 1F, as in the Maxim DS2409 datasheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families import Branch
from hwsim.onewire.wire.slots import Slots, receive, repeat, send

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2409
    from hwsim.onewire.wire.line import Line

_PRESENT, _NOBODY = 0x00, 0xFF


def ds2409(slave: DS2409, line: Line) -> Slots[None]:
    match command := (yield from receive()):
        case 0x66 | 0x99:
            slave.all_off()
            yield from repeat(slave.transmit(bytes([command])))
        case 0xA5:
            slave.smart_on(Branch.MAIN)
            yield from repeat(slave.transmit(bytes([command])))
        case 0xCC | 0x33:
            yield from _smart_on(slave, line, command)
        case 0x5A:
            slave.write_status((yield from receive()))
            yield from repeat(slave.read_status())


def _smart_on(slave: DS2409, line: Line, command: int) -> Slots[None]:
    """Reset a branch, tell who is there, and let them hear what comes next."""
    branch = Branch.MAIN if command == 0xCC else Branch.AUX
    yield from receive()
    slave.smart_on(branch)
    answer = _PRESENT if line.anybody_behind(slave, branch) else _NOBODY
    yield from send(slave.transmit(bytes([answer, command])))
    line.join_behind(slave, branch)
