"""Family 3B: DS1825, MAX31826 and MAX31850, thermometers that tell by four pins where they are mounted.

Registers, times and number formats are those of the Maxim datasheets of these parts. What the MAX31826 and the
MAX31850 read before their first conversion is not in them: 85 degC, as with their relatives, and 0 degC are taken.
"""

from __future__ import annotations

from hwsim.onewire.families.thermometer import DS18B20, Thermometer
from hwsim.onewire.rom import crc8
from hwsim.quantity import Range

MEMORY_BYTES = 128
MEMORY_PAGE_BYTES = 8
_ADDRESS = Range(0, 0, 15)
_CONFIG = 4
_FLAG = Range(0, 0, 1)


class DS1825(DS18B20):
    """A DS18B20 with an address in the low bits of its configuration register."""

    family = 0x3B
    part = "DS1825"
    settings = {**DS18B20.settings, "address": _ADDRESS}
    counts_in_byte_6 = False

    def _manufacture(self) -> None:
        super()._manufacture()
        self._strap(0)

    def setting(self, name: str, value: int) -> None:
        if name == "address":
            self._strap(value)
            self._scratchpad[_CONFIG] = self._eeprom[2]
        else:
            super().setting(name, value)

    def _strap(self, address: int) -> None:
        self._low_config = 0x10 | address
        self._eeprom[2] = self._eeprom[2] & 0x60 | self._low_config


class _Fixed(Thermometer):
    """Twelve bits always, no alarm limits; the configuration register only tells the address."""

    family = 0x3B
    settings = {"address": _ADDRESS}
    factory_config = 0xF0

    def _power_up(self) -> None:
        super()._power_up()
        self._scratchpad[2:4] = b"\xff\xff"
        self._scratchpad[5:8] = b"\xff\xff\xff"

    def setting(self, name: str, value: int) -> None:
        if name == "address":
            self._eeprom[2] = self._scratchpad[_CONFIG] = 0xF0 | value
        else:
            super(Thermometer, self).setting(name, value)

    def write_scratchpad(self, data: bytes) -> None:
        """There is no such command; nothing happens."""

    def copy_scratchpad(self) -> None:
        """There is no such command; nothing happens."""

    def recall(self) -> None:
        """There is no such command; nothing happens."""

    def _beyond_limits(self, degrees: int) -> bool:
        return False


class MAX31826(_Fixed):
    """1/16 degC in at most 150 ms, and 128 bytes of EEPROM that are written by way of a second scratchpad."""

    part = "MAX31826"
    power_on = bytes([0x50, 0x05])

    def _manufacture(self) -> None:
        super()._manufacture()
        self._memory = bytearray(MEMORY_BYTES)

    def _power_up(self) -> None:
        super()._power_up()
        self._page, self._second = 0, bytes(MEMORY_PAGE_BYTES)

    def conversion_seconds(self) -> float:
        return 0.15

    def read_memory(self, address: int, length: int) -> bytes:
        """READ MEMORY from an address up; without checksum, and all ones after the end."""
        data = bytes(self._memory[address : address + length])
        return self.transmit(data.ljust(length, b"\xff"))

    def write_second_scratchpad(self, address: int, data: bytes) -> bytes:
        """WRITE SCRATCHPAD 2 for the page at an address; answers the CRC of command, address and eight bytes."""
        self._page, self._second = address // MEMORY_PAGE_BYTES, bytes(data)
        return self.transmit(bytes([crc8(bytes([0x0F, address]) + data)]))

    def read_second_scratchpad(self, address: int) -> bytes:
        """READ SCRATCHPAD 2: eight bytes, and the CRC of command, address and these."""
        return self.transmit(self._second + bytes([crc8(bytes([0xAA, address]) + self._second)]))

    def copy_second_scratchpad(self) -> None:
        """COPY SCRATCHPAD 2 to the page of the EEPROM that it was written for."""
        start = self._page * MEMORY_PAGE_BYTES
        self._memory[start : start + MEMORY_PAGE_BYTES] = self._second

    def _store(self, temperature: float) -> None:
        self._scratchpad[0:2] = round(temperature * 16).to_bytes(2, "little", signed=True)


class MAX31850(_Fixed):
    """A thermocouple in steps of 1/4 degC, its cold junction in 1/16 degC, and three flags for a faulty couple.

    `temperature` is that of the cold junction, where the chip is.
    """

    part = "MAX31850"
    power_on = bytes(2)
    ranges = {
        "temperature": Range(20.0, -55.0, 125.0, " degC"),
        "thermocouple": Range(20.0, -270.0, 1768.0, " degC"),
        "open_circuit": _FLAG,
        "ground_short": _FLAG,
        "vdd_short": _FLAG,
    }

    def _power_up(self) -> None:
        super()._power_up()
        self._scratchpad[2:4] = bytes(2)

    def conversion_seconds(self) -> float:
        return 0.1

    def _store(self, temperature: float) -> None:
        names = ("open_circuit", "ground_short", "vdd_short")
        flags = sum((self.get(name) >= 0.5) << bit for bit, name in enumerate(names))
        couple = round(self.get("thermocouple") * 4) << 2 | bool(flags)
        self._scratchpad[0:2] = couple.to_bytes(2, "little", signed=True)
        self._scratchpad[2:4] = (round(temperature * 16) << 4 | flags).to_bytes(2, "little", signed=True)
