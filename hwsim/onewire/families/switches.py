"""Addressable switches: DS2405 (family 05), DS2413 (3A), DS2408 (29) and DS2406 (12).

Registers, alarm conditions and power-on values are those of the Maxim datasheets of these parts.
"""

from __future__ import annotations

from typing import ClassVar

from hwsim.onewire.pins import Pins
from hwsim.onewire.rom import crc16
from hwsim.onewire.slave import LEVEL, Power, Slave

FIRST_REGISTER = 0x88
"""Address of the pins of a DS2408."""
STATUS_RAM = 7
"""Address of the status byte of a DS2406 that is no EPROM."""
_STATUS_EPROM = 5
READ_BOTH, CLEAR_LATCHES = 0x5D, 0xD5
"""Channel control bytes of a DS2406: read one sample with CRC; the same of channel A, and clear the latches."""


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
    skips = False
    pin_names = ("sensed",)
    ranges = dict.fromkeys(pin_names, LEVEL)

    def match(self) -> None:
        """MATCH ROM: what was off conducts, what conducted is off."""
        self.pins.drive(self.pins.released ^ 1)

    def read_level(self) -> bytes:
        """Eight read slots after MATCH ROM or a search that chose the device: the level of the pin in each."""
        return self.transmit(b"\xff" if self.pins.observe() else b"\0")

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
        return self.transmit(bytes([nibble | (~nibble & 0x0F) << 4]))

    def write_latches(self, data: int, complement: int) -> bool:
        """PIO ACCESS WRITE: bit 0 is channel A, bit 1 channel B; 1 releases. True when acknowledged."""
        if data ^ complement != 0xFF:
            return False
        self.pins.drive(data)
        return not self.garbled


class DS2413(StatusByteSwitch):
    """Two channels, no alarm."""

    resumes = True
    overdrive = True
    family = 0x3A
    part = "DS2413"
    ranges = dict.fromkeys(StatusByteSwitch.pin_names, LEVEL)


class DS2408(Switch):
    """Eight channels with activity latches and a conditional search."""

    resumes = True
    overdrive = True
    family = 0x29
    part = "DS2408"
    pin_names = tuple(f"sensed_{number}" for number in range(8))
    ranges = dict.fromkeys(pin_names, LEVEL)

    def _power_up(self) -> None:
        super()._power_up()
        self._mask, self._polarity = 0, 0
        self._control = 0x08

    def read_registers(self, address: int = FIRST_REGISTER) -> bytes:
        """READ PIO REGISTERS from an address on: pins, latches, activity, mask, polarity, control, FF FF, CRC16.

        Empty when nothing is at that address.
        """
        levels = self.pins.observe()
        control = self._control | (0x80 if self.power is Power.EXTERNAL else 0)
        data = bytes([levels, self.pins.released, self.pins.latched, self._mask, self._polarity, control, 0xFF, 0xFF])
        if not FIRST_REGISTER <= address < FIRST_REGISTER + len(data):
            return b""
        data = data[address - FIRST_REGISTER :]
        crc = crc16(b"\xf0" + address.to_bytes(2, "little") + data) ^ 0xFFFF
        return self.transmit(data + crc.to_bytes(2, "little"))

    def read_channels(self) -> int:
        """CHANNEL ACCESS READ: the levels of the pins."""
        return self.transmit(bytes([self.pins.observe()]))[0]

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

    def write_condition(self, data: bytes, address: int = 0x8B) -> None:
        """WRITE CONDITIONAL SEARCH REGISTER: mask, polarity, control; from an address on. PORL can only be cleared."""
        for offset, byte in enumerate(data):
            match address + offset:
                case 0x8B:
                    self._mask = byte
                case 0x8C:
                    self._polarity = byte
                case 0x8D:
                    self._control = byte & 0x07 | self._control & byte & 0x08

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
        self._status = bytearray(b"\xff" * _STATUS_EPROM + bytes(2))

    def _power_up(self) -> None:
        super()._power_up()
        self._condition = 0x1F

    def open_channels(self, control: int) -> int:
        """CHANNEL ACCESS: flip-flops, pins, latches, two channels, supply, from bit 0 up; ALR clears the latches."""
        levels = self.pins.observe()
        info = self.pins.released | levels << 2 | self.pins.latched << 4 | 0x40
        info |= 0x80 if self.power is Power.EXTERNAL else 0
        if control & 0x80:
            self.pins.clear()
        return info

    def read_channels(self, control: int) -> int:
        """One byte of samples: of one channel all eight, of two A and B by turns. No channel reads as ones."""
        levels = self.pins.observe()
        samples = {0x04: (levels & 1) * 0xFF, 0x08: (levels >> 1) * 0xFF, 0x0C: levels * 0x55}
        return samples.get(control & 0x0C, 0xFF)

    def write_channels(self, control: int, byte: int) -> None:
        """Eight bits by turns for the flip-flop of one channel, or four for each of two; the last ones stay."""
        released = self.pins.released
        last = {0x04: released & 2 | byte >> 7, 0x08: released & 1 | byte >> 7 << 1, 0x0C: byte >> 6}
        self.pins.drive(last.get(control & 0x0C, released))

    def read_info(self, control: int = READ_BOTH) -> bytes:
        """CHANNEL ACCESS as far as the first CRC16: channel info and one byte of samples."""
        data = bytes([self.open_channels(control), self.read_channels(control)])
        crc = crc16(bytes([0xF5, control, 0xFF]) + data) ^ 0xFFFF
        return self.transmit(data + crc.to_bytes(2, "little"))

    def read_status(self, address: int = STATUS_RAM) -> bytes:
        """READ STATUS from an address to 7: search condition in bits 0 to 4, flip-flops in 5 and 6; and a CRC16."""
        status = self._condition | self.pins.released << 5 | (0x80 if self.power is Power.EXTERNAL else 0)
        data = bytes([*self._status, status])[address:]
        crc = crc16(b"\xaa" + address.to_bytes(2, "little") + data) ^ 0xFFFF
        return self.transmit(data + crc.to_bytes(2, "little"))

    def write_status(self, status: int, address: int = STATUS_RAM) -> None:
        """WRITE STATUS: byte 7 at once; 0 to 4 are EPROM, whose bits go from 1 to 0 and never back."""
        if address == STATUS_RAM:
            self._condition = status & 0x1F
            self.pins.drive(status >> 5 & 3)
        elif address < _STATUS_EPROM:
            self._status[address] &= status

    def redirection(self, page: int) -> int:
        """Where the data of a page has moved to, inverted; FF: nowhere."""
        return self._status[1 + page]

    def read_memory(self, address: int, length: int) -> bytes:
        """READ MEMORY; the command has no CRC of its own here."""
        return self.transmit(bytes(self._memory[address : address + length]))

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
