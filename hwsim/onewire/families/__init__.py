"""The device families of the simulator, by family code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds28ea00 import DS28EA00
from hwsim.onewire.families.ds1825 import DS1825, MAX31826, MAX31850
from hwsim.onewire.families.ds2401 import DS2401
from hwsim.onewire.families.ds2409 import DS2409, Branch
from hwsim.onewire.families.ds2423 import DS2423
from hwsim.onewire.families.ds2438 import DS2438
from hwsim.onewire.families.ds2450 import DS2450
from hwsim.onewire.families.switches import DS2405, DS2406, DS2408, DS2413
from hwsim.onewire.families.thermometer import DS18B20, DS18S20, DS1822

if TYPE_CHECKING:
    from hwsim.onewire.slave import Slave

PARTS: dict[str, type[Slave]] = {
    part.part: part
    for part in (
        DS18B20,
        DS1822,
        DS18S20,
        DS28EA00,
        DS1825,
        MAX31826,
        MAX31850,
        DS2401,
        DS2405,
        DS2408,
        DS2413,
        DS2406,
        DS2438,
        DS2450,
        DS2423,
        DS2409,
    )
}
"""All parts by name."""

FAMILIES: dict[int, type[Slave]] = {part.family: part for part in reversed(PARTS.values())}
"""The usual part of each family by its code; it gives the family its name in owserver."""

__all__ = [
    "DS18B20",
    "DS18S20",
    "DS28EA00",
    "DS1822",
    "DS1825",
    "DS2401",
    "DS2405",
    "DS2406",
    "DS2408",
    "DS2409",
    "DS2413",
    "DS2423",
    "DS2438",
    "DS2450",
    "FAMILIES",
    "MAX31826",
    "MAX31850",
    "PARTS",
    "Branch",
]
