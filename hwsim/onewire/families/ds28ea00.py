"""DS28EA00 (family 42): a thermometer with two switched pins, as in chains of sensors.

Registers and power-on values are those of the Maxim DS28EA00 datasheet: scratchpad, times and alarm of a
DS18B20, status byte and write protocol of a DS2413. The chain function, which tells the order of the sensors on
the cable, is not there: owserver has no property that uses it.
"""

from __future__ import annotations

from hwsim.onewire.families.switches import StatusByteSwitch
from hwsim.onewire.families.thermometer import DS18B20
from hwsim.onewire.slave import LEVEL


class DS28EA00(StatusByteSwitch, DS18B20):
    """Its alarm is that of the thermometer; pins have none."""

    family = 0x42
    part = "DS28EA00"
    ranges = {**DS18B20.ranges, **dict.fromkeys(StatusByteSwitch.pin_names, LEVEL)}
    counts_in_byte_6 = False
