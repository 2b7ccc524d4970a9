"""Addressable switches: DS2405 (family 05), DS2413 (3A), DS2408 (29) and DS2406 (12).

Registers, alarm conditions and power-on values are those of the Maxim datasheets of these parts.
"""

from __future__ import annotations

from typing import ClassVar

from hwsim.onewire.pins import Pins
from hwsim.onewire.rom import crc16
from hwsim.onewire.slave import LEVEL, Power, Slave


class Switch(Slave):
    """Pins that can be driven and sensed; `sensed_a` or `sensed_0` is what the world does to a pin."""

    pin_names: ClassVar[tuple[str, ...]]

    def _manufacture(self) -> None:
        super()._manufacture()
        self.pins = Pins(len(self.pin_names), self._levels_at, self._now)

    def _power_up(self) -> None:
        super()._power_up()
        self.pins.reset()

    def _levels_at(self, time: float) -> int:
        return sum((self._quantities[name].at(time) >= 0.5) << bit for bit, name in enumerate(self.pin_names))

    def _observe(self) -> None:
        self.pins.observe()


class DS2405(Switch):
    """One channel without any function command: its address alone toggles it, and who reads on sees its pin."""

    family = 0x05
    part = "DS2405"
    pin_names = ("sensed",)
    ranges = dict.fromkeys(pin_names, LEVEL)

    def match(self) -> None:
        """MATCH ROM: what was off conducts, what conducted is off."""
        self.pins.drive(self.pins.released ^ 1)

    def read_level(self) -> bytes:
        """Eight read slots after MATCH ROM or a search that chose the device: the level of the pin in each."""
        return self._send(b"\xff" if self.pins.observe() else b"\0")

    def in_alarm(self) -> bool:
        """ACTIVE-ONLY SEARCH finds it while it conducts."""
        return self.pins.released == 0


class StatusByteSwitch(Switch):
    """Two channels that one status byte tells about, without latches of activity."""

    pin_names = ("sensed_a", "sensed_b")

    def read_status(self) -> bytes:
        """PIO ACCESS READ: pin A, latch A, pin B, latch B in bits 0 to 3, their complement above."""
        levels, latches = self.pins.observe(), self.pins.released
        nibble = levels & 1 | (latches & 1) << 1 | (levels & 2) << 1 | (latches & 2) << 2
        return self._send(bytes([nibble | (~nibble & 0x0F) << 4]))

    def write_latches(self, data: int, complement: int) -> bool:
        """PIO ACCESS WRITE: bit 0 is channel A, bit 1 channel B; 1 releases. True when acknowledged."""
        if data ^ complement != 0xFF:
            return False
        self.pins.drive(data)
        return not self.garbled


class DS2413(StatusByteSwitch):
    """Two channels, no alarm."""

    family = 0x3A
    part = "DS2413"
    ranges = dict.fromkeys(StatusByteSwitch.pin_names, LEVEL)


class DS2408(Switch):
    """Eight channels with activity latches and a conditional search."""

    family = 0x29
    part = "DS2408"
    pin_names = tuple(f"sensed_{number}" for number in range(8))
    ranges = dict.fromkeys(pin_names, LEVEL)

    def _power_up(self) -> None:
        super()._power_up()
        self._mask, self._polarity = 0, 0
        self._control = 0x08

    def read_registers(self) -> bytes:
        """READ PIO REGISTERS from 0088: pins, output latches, activity, mask, polarity, control, FF FF, CRC16."""
        levels = self.pins.observe()
        control = self._control | (0x80 if self.power is Power.EXTERNAL else 0)
        data = bytes([levels, self.pins.released, self.pins.latched, self._mask, self._polarity, control, 0xFF, 0xFF])
        crc = crc16(b"\xf0\x88\x00" + data) ^ 0xFFFF
        return self._send(data + crc.to_bytes(2, "little"))

    def write_latches(self, data: int, complement: int) -> bool:
        """CHANNEL ACCESS WRITE: 1 releases a channel. True when acknowledged with AA."""
        if data ^ complement != 0xFF:
            return False
        self.pins.drive(data)
        return not self.garbled

    def reset_activity(self) -> bool:
        """RESET ACTIVITY LATCHES; True when acknowledged with AA."""
        self.pins.clear()
        return not self.garbled

    def write_condition(self, data: bytes) -> None:
        """WRITE CONDITIONAL SEARCH REGISTER from 008B: mask, polarity, control; bit 3 (PORL) can only be cleared."""
        self._mask, self._polarity = data[0], data[1]
        self._control = data[2] & 0x07 | self._control & data[2] & 0x08

    def in_alarm(self) -> bool:
        levels = self.pins.observe()
        if self._control & 0x08:
            return True
        source = self.pins.latched if self._control & 1 else levels
        matching = ~(source ^ self._polarity) & self._mask
        return matching == self._mask != 0 if self._control & 2 else matching != 0


class DS2406(Switch):
    """Two channels with latches, a conditional search and 128 bytes of write-once memory."""

    family = 0x12
    part = "DS2406"
    pin_names = ("sensed_a", "sensed_b")
    ranges = dict.fromkeys(pin_names, LEVEL)

    def _manufacture(self) -> None:
        super()._manufacture()
        self._memory = bytearray(b"\xff" * 128)

    def _power_up(self) -> None:
        super()._power_up()
        self._condition = 0x1F

    def read_info(self, *, clear: bool = False) -> bytes:
        """CHANNEL ACCESS: flip-flops, pins, latches, two channels, supply, from bit 0 up; and a CRC16."""
        levels = self.pins.observe()
        info = self.pins.released | levels << 2 | self.pins.latched << 4 | 0x40
        info |= 0x80 if self.power is Power.EXTERNAL else 0
        if clear:
            self.pins.clear()
        crc = crc16(bytes([0xF5, 0xDD if clear else 0x4D, 0xFF, info])) ^ 0xFFFF
        return self._send(bytes([info]) + crc.to_bytes(2, "little"))

    def read_status(self) -> bytes:
        """READ STATUS byte 7: search condition in bits 0 to 4, flip-flops in 5 and 6; and a CRC16."""
        status = self._condition | self.pins.released << 5 | (0x80 if self.power is Power.EXTERNAL else 0)
        crc = crc16(bytes([0xAA, 0x07, 0x00, status])) ^ 0xFFFF
        return self._send(bytes([status]) + crc.to_bytes(2, "little"))

    def write_status(self, status: int) -> None:
        """WRITE STATUS byte 7."""
        self._condition = status & 0x1F
        self.pins.drive(status >> 5 & 3)

    def read_memory(self, address: int, length: int) -> bytes:
        """READ MEMORY; the command has no CRC of its own here."""
        return self._send(bytes(self._memory[address : address + length]))

    def write_memory(self, address: int, data: bytes) -> None:
        """WRITE MEMORY: EPROM bits go from 1 to 0 and never back."""
        for offset, byte in enumerate(data):
            self._memory[address + offset] &= byte

    def in_alarm(self) -> bool:
        levels = self.pins.observe()
        sources = {1: self.pins.latched, 2: self.pins.released, 3: levels}
        source = sources.get(self._condition >> 1 & 3)
        if source is None:
            return False
        wanted = self.pins.all if self._condition & 1 else 0
        return bool(~(source ^ wanted) & (self._condition >> 3 & 3))
