"""How owserver reads the DS2409 hub: family 1F. Source: its manual page DS2409."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families import Branch
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, PropertyError, Read

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2409
    from hwsim.onewire.owserver.access import Access

_CONTROL_MODES = (2, 3, 0, 1)
"""What owserver calls `control`, by the two highest status bits."""
_CONTROL_BYTES = (0x20, 0xA0, 0x00, 0x40)
"""What is written for each mode: off, on, or along with the main or the aux branch."""
_DISCHARGE_SECONDS = 0.1


async def _status(access: Access[DS2409]) -> int:
    async with access.talk() as slave:
        return slave.read_status()[0]


def _status_bits(main: int, aux: int, *, inverted: bool = False) -> Read:
    async def read(access: Access[DS2409], _element: int) -> Value:
        status = await _status(access)
        bits = status >> main & 1 | (status >> aux & 1) << 1
        return bits ^ 3 if inverted else bits

    return read


async def _select(access: Access[DS2409], _element: int, branches: int) -> None:
    if branches not in (0, 1, 2):
        raise PropertyError(-22)
    async with access.talk() as slave:
        if branches:
            slave.smart_on(Branch.MAIN if branches == 1 else Branch.AUX)
        else:
            slave.all_off()


async def _all_off(access: Access[DS2409], _element: int, meant: bool) -> None:
    if meant:
        async with access.talk() as slave:
            slave.all_off()


async def _discharge(access: Access[DS2409], _element: int, meant: bool) -> None:
    if meant:
        async with access.talk() as slave:
            await access.master.pause(_DISCHARGE_SECONDS)
            slave.all_off()


async def _control(access: Access[DS2409], _element: int) -> Value:
    return _CONTROL_MODES[await _status(access) >> 6]


async def _set_control(access: Access[DS2409], _element: int, mode: int) -> None:
    if not 0 <= mode < len(_CONTROL_MODES):
        raise PropertyError(-22)
    async with access.talk() as slave:
        slave.write_status(_CONTROL_BYTES[mode])


def _both(name: str, read: Read, *, writable: bool = False) -> Property:
    return Property(name, Format.YES_NO, "v", read, _select if writable else None, count=2, combined=True)


DS2409_PROPERTIES = (
    _both("branch", _status_bits(0, 2, inverted=True), writable=True),
    _both("sensed", _status_bits(1, 3)),
    _both("event", _status_bits(4, 5)),
    Property("clearevent", Format.YES_NO, "s", None, _all_off),
    Property("discharge", Format.YES_NO, "s", None, _discharge),
    Property("control", Format.UNSIGNED, "s", _control, _set_control),
)
