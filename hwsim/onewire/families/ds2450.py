"""DS2450 quad A/D converter (family 20): four inputs that are also open-drain outputs, with alarm limits.

Memory map, defaults, times and alarm rules are those of the Maxim DS2450 datasheet. A conversion takes the least
time it names, 60 us for each bit and channel and 160 us in all.
"""

from __future__ import annotations

import math

from hwsim.onewire.rom import crc16
from hwsim.onewire.slave import Power, Slave
from hwsim.quantity import Range

CHANNELS = 4
PAGES = 4
PAGE_BYTES = 8
CONTROL, LIMITS, SUPPLY = 0x08, 0x10, 0x1C
"""Where the control bytes, the alarm limits and the supply byte are; all but the last two for each channel."""

OUTPUT_ENABLE, OUTPUT_OFF = 0x80, 0x40
"""In the first control byte, above the bits of the resolution."""
WIDE_RANGE, LOW_ENABLE, HIGH_ENABLE, LOW_FLAG, HIGH_FLAG, POWER_ON_RESET = 0x01, 0x04, 0x08, 0x10, 0x20, 0x80
"""In the second control byte."""
POWERED = 0x40

_FULL_SCALE, _WIDE_FULL_SCALE = 2.56, 5.12
_SECONDS_PER_BIT, _SECONDS_AT_ONCE = 60e-6, 160e-6
_WRITABLE = bytes(8) + bytes([0xCF, 0xBD]) * CHANNELS + b"\xff" * 8 + bytes([0, 0, 0, 0, 0xFF, 0, 0, 0])
_POWER_ON = bytes(8) + bytes([0x08, POWER_ON_RESET | LOW_ENABLE | HIGH_ENABLE]) * CHANNELS + bytes([0, 255] * CHANNELS)
_INPUT = Range(0.0, 0.0, 5.5, " V")


class DS2450(Slave):
    """Four pages: results, control and status, alarm limits, supply. The calibration in the last one reads as 0."""

    family = 0x20
    part = "DS2450"
    overdrive = True
    ranges = {f"volt_{letter}": _INPUT for letter in "abcd"}

    def _power_up(self) -> None:
        self._memory = bytearray(_POWER_ON.ljust(PAGES * PAGE_BYTES, b"\0"))
        self._pending: list[tuple[float, int]] = []
        """When the conversion of which channel is done, in order."""
        self._fails_at = math.inf

    def read_memory(self, address: int, *, following: bool = False) -> bytes:
        """READ MEMORY to the end of the page, and a CRC16; `following`: of a page after that, without a new command."""
        self._settle()
        end = address // PAGE_BYTES * PAGE_BYTES + PAGE_BYTES
        data = bytes(self._memory[address:end])
        command = b"" if following else b"\xaa" + address.to_bytes(2, "little")
        return self.transmit(data + _inverted(crc16(command + data)))

    def write_memory(self, address: int, byte: int, *, following: bool = False) -> bytes:
        """WRITE MEMORY, one byte: its CRC16, then the byte as it is stored; `following`: without a new command.

        Bits that can't be changed stay as they are.
        """
        self._settle()
        command = b"\x55" + address.to_bytes(2, "little") + bytes([byte])
        crc = crc16(bytes([byte]), address) if following else crc16(command)
        mask = _WRITABLE[address]
        self._memory[address] = self._memory[address] & ~mask | byte & mask
        return self.transmit(_inverted(crc) + self._memory[address : address + 1])

    def convert(self, channels: int, preset: int, *, strong_pullup: bool) -> bytes:
        """CONVERT the channels whose bits are set, one after the other; answers the CRC16 of the command.

        `preset` has two bits for each channel: 1 clears its result before, 2 sets it to all ones. A parasite
        needs the strong pull-up for all of the conversion, else it browns out.
        """
        self._settle()
        chosen = [channel for channel in range(CHANNELS) if channels >> channel & 1]
        for channel in chosen:
            if code := preset >> 2 * channel & 3:
                self._memory[2 * channel : 2 * channel + 2] = b"\0\0" if code == 1 else b"\xff\xff"
        if not self.stuck:
            self._begin(chosen)
            if self.browns_out or (self.power is Power.PARASITE and not strong_pullup):
                self._fails_at = self._pending[-1][0] if self._pending else math.inf
        return self.transmit(_inverted(crc16(bytes([0x3C, channels, preset]))))

    def _begin(self, channels: list[int]) -> None:
        done = self._now() + _SECONDS_AT_ONCE * self.conversion_scale
        self._pending = []
        for channel in channels:
            done += self._bits(channel) * _SECONDS_PER_BIT * self.conversion_scale
            self._pending.append((done, channel))

    def busy(self) -> bool:
        """Whether read slots after CONVERT still give 0."""
        self._settle()
        return bool(self._pending)

    def lose_strong_pullup(self) -> None:
        """A parasite that still converts browns out."""
        if self.busy() and self.power is Power.PARASITE:
            self._power_up()

    def in_alarm(self) -> bool:
        """After power-on until the master has cleared all those bits; then as the last conversions say."""
        self._settle()
        for status in self._memory[CONTROL + 1 : LIMITS : 2]:
            low, high = status & LOW_ENABLE and status & LOW_FLAG, status & HIGH_ENABLE and status & HIGH_FLAG
            if status & POWER_ON_RESET or low or high:
                return True
        return False

    def _settle(self) -> None:
        now = self._now()
        if now >= self._fails_at:
            self._power_up()
        while self._pending and now >= self._pending[0][0]:
            self._measure(self._pending.pop(0)[1])

    def _measure(self, channel: int) -> None:
        control, status = self._memory[CONTROL + 2 * channel : CONTROL + 2 * channel + 2]
        pulled_low = control & OUTPUT_ENABLE and not control & OUTPUT_OFF
        volts = 0.0 if pulled_low else self.get(f"volt_{'abcd'[channel]}")
        full_scale = _WIDE_FULL_SCALE if status & WIDE_RANGE else _FULL_SCALE
        code = min(0xFFFF, round(volts / full_scale * 0x10000)) & -1 << (16 - self._bits(channel))
        self._memory[2 * channel : 2 * channel + 2] = code.to_bytes(2, "little")
        low, high = self._memory[LIMITS + 2 * channel : LIMITS + 2 * channel + 2]
        status &= ~(LOW_FLAG | HIGH_FLAG)
        status |= (LOW_FLAG if code >> 8 < low else 0) | (HIGH_FLAG if code >> 8 > high else 0)
        self._memory[CONTROL + 2 * channel + 1] = status

    def _bits(self, channel: int) -> int:
        return self._memory[CONTROL + 2 * channel] & 0x0F or 16


def _inverted(crc: int) -> bytes:
    return (crc ^ 0xFFFF).to_bytes(2, "little")
