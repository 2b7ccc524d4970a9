"""What owserver tells about every device: its id in all forms, its family, its alias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.onewire.families import FAMILIES
from hwsim.onewire.owserver.formats import BadValue, Format, Value
from hwsim.onewire.owserver.property import Property

if TYPE_CHECKING:
    from hwsim.onewire.owserver.access import Access

_NO_LOCATOR = "F" * 16
"""What owserver gives for devices that carry no iButtonLink locator chip."""
_RESERVED = ("alarm", "uncached", "settings", "system", "statistics", "structure", "simultaneous", "interface", "text")


async def _address(access: Access[Any], _element: int) -> Value:
    return access.rom.wire.hex().upper()


async def _reversed_address(access: Access[Any], _element: int) -> Value:
    return access.rom.wire[::-1].hex().upper()


async def _id(access: Access[Any], _element: int) -> Value:
    return access.rom.serial.hex().upper()


async def _reversed_id(access: Access[Any], _element: int) -> Value:
    return access.rom.serial[::-1].hex().upper()


async def _family(access: Access[Any], _element: int) -> Value:
    return f"{access.rom.family:02X}"


async def _crc8(access: Access[Any], _element: int) -> Value:
    return f"{access.rom.crc:02X}"


async def _locator(_access: Access[Any], _element: int) -> Value:
    return _NO_LOCATOR


async def _type(access: Access[Any], _element: int) -> Value:
    return FAMILIES[access.rom.family].part


async def _alias(access: Access[Any], _element: int) -> Value:
    return str(access.slave.alias)


async def _set_alias(access: Access[Any], _element: int, value: str) -> None:
    alias = value.strip("\0\n ")
    if "/" in alias or alias.lower() in _RESERVED:
        raise BadValue("an alias is one part of a path that means nothing else")
    access.slave.alias = alias


IDENTITY = (
    Property("address", Format.ASCII, "f", _address, width=16),
    Property("alias", Format.ALIAS, "f", _alias, _set_alias),
    Property("crc8", Format.ASCII, "f", _crc8, width=2),
    Property("family", Format.ASCII, "f", _family, width=2),
    Property("id", Format.ASCII, "f", _id, width=12),
    Property("locator", Format.ASCII, "f", _locator, width=16),
    Property("r_address", Format.ASCII, "f", _reversed_address, width=16),
    Property("r_id", Format.ASCII, "f", _reversed_id, width=12),
    Property("r_locator", Format.ASCII, "f", _locator, width=16),
    Property("type", Format.ASCII, "f", _type, width=32),
)
