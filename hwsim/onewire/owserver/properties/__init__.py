"""The properties of each simulated family, by family code."""

from __future__ import annotations

from hwsim.onewire.owserver.properties.ds28ea00 import DS28EA00_PROPERTIES
from hwsim.onewire.owserver.properties.ds1825 import DS1825_PROPERTIES
from hwsim.onewire.owserver.properties.ds2409 import DS2409_PROPERTIES
from hwsim.onewire.owserver.properties.ds2423 import DS2423_PROPERTIES
from hwsim.onewire.owserver.properties.ds2438 import DS2438_PROPERTIES
from hwsim.onewire.owserver.properties.ds2450 import DS2450_PROPERTIES
from hwsim.onewire.owserver.properties.identity import IDENTITY
from hwsim.onewire.owserver.properties.switches import (
    DS2405_PROPERTIES,
    DS2406_PROPERTIES,
    DS2408_PROPERTIES,
    DS2413_PROPERTIES,
)
from hwsim.onewire.owserver.properties.thermometer import DS18B20_PROPERTIES, DS18S20_PROPERTIES
from hwsim.onewire.owserver.property import PropertyTable

PROPERTIES: dict[int, PropertyTable] = {
    0x28: PropertyTable((*IDENTITY, *DS18B20_PROPERTIES)),
    0x22: PropertyTable((*IDENTITY, *DS18B20_PROPERTIES)),
    0x10: PropertyTable((*IDENTITY, *DS18S20_PROPERTIES)),
    0x42: PropertyTable((*IDENTITY, *DS28EA00_PROPERTIES)),
    0x3B: PropertyTable((*IDENTITY, *DS1825_PROPERTIES)),
    0x01: PropertyTable(IDENTITY),
    0x05: PropertyTable((*IDENTITY, *DS2405_PROPERTIES)),
    0x29: PropertyTable((*IDENTITY, *DS2408_PROPERTIES)),
    0x3A: PropertyTable((*IDENTITY, *DS2413_PROPERTIES)),
    0x12: PropertyTable((*IDENTITY, *DS2406_PROPERTIES), branches=("aux",)),
    0x26: PropertyTable((*IDENTITY, *DS2438_PROPERTIES)),
    0x20: PropertyTable((*IDENTITY, *DS2450_PROPERTIES)),
    0x1D: PropertyTable((*IDENTITY, *DS2423_PROPERTIES)),
    0x1F: PropertyTable((*IDENTITY, *DS2409_PROPERTIES), branches=("main", "aux")),
}
"""Family code to its files and folders."""

__all__ = ["PROPERTIES"]
