"""Digital thermometers: DS18B20 (family 28), DS1822 (22) and DS18S20 (10).

Registers, times and power-on values are those of the Maxim datasheets of these parts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from hwsim.onewire.rom import crc8
from hwsim.onewire.slave import Power, Slave
from hwsim.quantity import Range

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRATCHPAD_TH, _SCRATCHPAD_TL, _SCRATCHPAD_CONFIG = 2, 3, 4
_POWER_ON_BYTE_6 = 0x0C
_FACTORY_TH, _FACTORY_TL = 75, 70
_LIMIT_RANGE = Range(0, -55, 125, " degC")


class Thermometer(Slave):
    """Scratchpad, EEPROM, conversion and alarm flag; subclasses know the number format."""

    ranges = {"temperature": Range(20.0, -55.0, 125.0, " degC")}
    settings: ClassVar[Mapping[str, Range]] = {
        "temphigh": _LIMIT_RANGE,
        "templow": _LIMIT_RANGE,
        "resolution": Range(12, 9, 12, " bits"),
    }
    measures_temperature = True
    power_on: ClassVar[bytes]
    """The two temperature bytes after power-on: 85 degC in the number format of the part."""

    factory_config: ClassVar[int]
    writable_bytes: ClassVar[int] = 3
    """How many bytes WRITE SCRATCHPAD takes."""

    def _manufacture(self) -> None:
        super()._manufacture()
        self._eeprom = bytearray([_FACTORY_TH, _FACTORY_TL, self.factory_config])

    def _power_up(self) -> None:
        super()._power_up()
        self._scratchpad = bytearray(8)
        self._scratchpad[0:2] = self.power_on
        self._scratchpad[5:8] = bytes([0xFF, _POWER_ON_BYTE_6, 0x10])
        self._scratchpad[2:5] = self._eeprom
        self._ready_at: float | None = None
        self._fails = False
        self._alarm = False

    def setting(self, name: str, value: int) -> None:
        if name == "resolution":
            self._set_resolution(value)
        else:
            index = {"temphigh": 0, "templow": 1}[name]
            self._eeprom[index] = value & 0xFF
        self._scratchpad[2:5] = self._eeprom

    def _set_resolution(self, bits: int) -> None:
        raise NotImplementedError

    def conversion_seconds(self) -> float:
        """How long a conversion takes at the resolution that is set now."""
        raise NotImplementedError

    def start_conversion(self, *, strong_pullup: bool) -> None:
        """CONVERT T. A parasite needs the strong pull-up for all of the conversion, else it browns out."""
        self._settle()
        if self.stuck:
            return
        self._ready_at = self._now() + self.conversion_seconds() * self.conversion_scale
        self._fails = self.browns_out or (self.power is Power.PARASITE and not strong_pullup)

    def busy(self) -> bool:
        """Whether read slots after CONVERT T still give 0."""
        self._settle()
        return self._ready_at is not None

    def lose_strong_pullup(self) -> None:
        """A parasite that still converts browns out."""
        if self.busy() and self.power is Power.PARASITE:
            self._power_up()

    def read_scratchpad(self) -> bytes:
        """READ SCRATCHPAD: eight bytes and their CRC."""
        self._settle()
        return self.transmit(bytes(self._scratchpad) + bytes([crc8(bytes(self._scratchpad))]))

    def write_scratchpad(self, data: bytes) -> None:
        """WRITE SCRATCHPAD: TH, TL and, where the part has one, the configuration."""
        self._settle()
        self._scratchpad[_SCRATCHPAD_TH] = data[0]
        self._scratchpad[_SCRATCHPAD_TL] = data[1]

    def copy_scratchpad(self) -> None:
        """COPY SCRATCHPAD to EEPROM."""
        self._settle()
        self._eeprom[:] = self._scratchpad[2:5]

    def recall(self) -> None:
        """RECALL EEPROM to the scratchpad."""
        self._settle()
        self._scratchpad[2:5] = self._eeprom

    def in_alarm(self) -> bool:
        self._settle()
        return self._alarm

    def _settle(self) -> None:
        if self._ready_at is None or self._now() < self._ready_at:
            return
        self._ready_at = None
        if self._fails:
            self._power_up()
            return
        temperature = self.get("temperature")
        self._store(temperature)
        self._alarm = self._beyond_limits(math.floor(temperature))

    def _beyond_limits(self, degrees: int) -> bool:
        high, low = (_signed8(self._scratchpad[index]) for index in (_SCRATCHPAD_TH, _SCRATCHPAD_TL))
        return degrees >= high or degrees <= low

    def _store(self, temperature: float) -> None:
        raise NotImplementedError


class DS18B20(Thermometer):
    """9 to 12 bits, 1/16 degC; 93.75 ms to 750 ms for a conversion."""

    family = 0x28
    part = "DS18B20"
    power_on = bytes([0x50, 0x05])
    factory_config = 0x7F
    counts_in_byte_6: ClassVar[bool] = True
    """Byte 6 of the scratchpad tells how far the conversion came; else it is a constant."""

    def _manufacture(self) -> None:
        super()._manufacture()
        self._low_config = 0x1F
        """What the bits of the configuration register besides the resolution always read as."""

    @property
    def resolution(self) -> int:
        """Bits of the next conversion."""
        return 9 + (self._scratchpad[_SCRATCHPAD_CONFIG] >> 5 & 3)

    def conversion_seconds(self) -> float:
        return 0.75 / (1 << (12 - self.resolution))

    def write_scratchpad(self, data: bytes) -> None:
        super().write_scratchpad(data)
        self._scratchpad[_SCRATCHPAD_CONFIG] = data[2] & 0x60 | self._low_config

    def _set_resolution(self, bits: int) -> None:
        self._eeprom[2] = (bits - 9) << 5 | self._low_config

    def _store(self, temperature: float) -> None:
        raw = round(temperature * 16)
        raw &= -1 << (12 - self.resolution)
        self._scratchpad[0:2] = raw.to_bytes(2, "little", signed=True)
        if self.counts_in_byte_6:
            self._scratchpad[6] = 0x10 - (raw & 0x0F)


class DS1822(DS18B20):
    """The cheaper, less exact brother of the DS18B20."""

    family = 0x22
    part = "DS1822"


class DS18S20(Thermometer):
    """Half degrees plus a remainder count that gives 1/16 degC; 750 ms for a conversion."""

    family = 0x10
    part = "DS18S20"
    settings = {"temphigh": _LIMIT_RANGE, "templow": _LIMIT_RANGE}
    writable_bytes = 2
    power_on = bytes([0xAA, 0x00])
    factory_config = 0xFF

    def conversion_seconds(self) -> float:
        return 0.75

    def _set_resolution(self, bits: int) -> None:
        raise AssertionError(f"no resolution to set to {bits}")

    def _store(self, temperature: float) -> None:
        whole = math.floor(temperature + 0.25)
        half_degrees = math.floor((temperature + 0.25) * 2)
        remain = 16 - round((temperature - whole + 0.25) * 16)
        self._scratchpad[0:2] = half_degrees.to_bytes(2, "little", signed=True)
        self._scratchpad[6] = min(16, max(1, remain))


def _signed8(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
