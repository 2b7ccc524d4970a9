"""DS2423 counter (family 1D): two battery-backed pulse counters and 512 bytes of memory.

Pages and counters are those of the Maxim DS2423 datasheet.
"""

from __future__ import annotations

import math

from hwsim.onewire.rom import crc16
from hwsim.onewire.slave import Slave
from hwsim.quantity import Range

PAGES = 16
PAGE_BYTES = 32
MEMORY_BYTES = PAGES * PAGE_BYTES
_WRAP = 1 << 32
_FIRST_WRITE_COUNTER = 12
_NO_COUNTER = _WRAP - 1
_COPIED = 0x80
"""Flag AA of the ending offset."""


class DS2423(Slave):
    """Pages 14 and 15 count the pulses on inputs A and B; 12 and 13 count writes to themselves.

    The quantities are the pulses that ever came, so they have no upper limit; the counters wrap at 2^32.
    """

    family = 0x1D
    part = "DS2423"
    overdrive = True
    ranges = {"counter_a": Range(0, 0, math.inf), "counter_b": Range(0, 0, math.inf)}

    def _manufacture(self) -> None:
        self._memory = bytearray(MEMORY_BYTES)
        self._writes = [0, 0]

    def _power_up(self) -> None:
        self._scratchpad = bytearray(b"\xff" * PAGE_BYTES)
        self._target = self._ending = 0

    def counter(self, page: int) -> int:
        """What READ MEMORY + COUNTER gives for a page; all ones where there is no counter."""
        if page < _FIRST_WRITE_COUNTER:
            return _NO_COUNTER
        if page < 14:
            return self._writes[page - _FIRST_WRITE_COUNTER]
        return int(self.get("counter_a" if page == 14 else "counter_b")) % _WRAP

    def read_page(self, page: int) -> bytes:
        """READ MEMORY + COUNTER of a whole page."""
        return self.read_with_counter(page * PAGE_BYTES)

    def read_with_counter(self, address: int, *, first: bool = True) -> bytes:
        """READ MEMORY + COUNTER from an address to the end of its page: data, counter, four zero bytes, CRC16.

        The CRC covers command and address too, if this is the `first` page that is read.
        """
        page = address // PAGE_BYTES
        data = bytes(self._memory[address : (page + 1) * PAGE_BYTES]) + self.counter(page).to_bytes(4, "little")
        before = b"\xa5" + address.to_bytes(2, "little") if first else b""
        crc = crc16(before + data + bytes(4)) ^ 0xFFFF
        return self.transmit(data + bytes(4) + crc.to_bytes(2, "little"))

    def read_memory(self, address: int) -> bytes:
        """READ MEMORY from an address to the end."""
        return self.transmit(bytes(self._memory[address:]))

    def write_scratchpad(self, address: int, data: bytes) -> bytes:
        """WRITE SCRATCHPAD as far as the end of a page, which is answered with a CRC16; what ends before is not."""
        start = address % PAGE_BYTES
        end = start + len(data)
        self._scratchpad[start:end] = data
        self._target, self._ending = address % MEMORY_BYTES, (end - 1) % PAGE_BYTES
        if end < PAGE_BYTES:
            return b""
        crc = crc16(b"\x0f" + address.to_bytes(2, "little") + data) ^ 0xFFFF
        return self.transmit(crc.to_bytes(2, "little"))

    def read_scratchpad(self) -> bytes:
        """READ SCRATCHPAD: target address, ending offset, data from the target's offset on, CRC16."""
        head = self._target.to_bytes(2, "little") + bytes([self._ending])
        data = head + bytes(self._scratchpad[self._target % PAGE_BYTES :])
        crc = crc16(b"\xaa" + data) ^ 0xFFFF
        return self.transmit(data + crc.to_bytes(2, "little"))

    def copy_scratchpad(self, address: int, ending: int) -> bool:
        """COPY SCRATCHPAD; both numbers must be those that READ SCRATCHPAD gives. True when it is done."""
        if (address, ending) != (self._target, self._ending):
            return False
        start = address % PAGE_BYTES
        self.write_memory(address, bytes(self._scratchpad[start : (ending & 0x1F) + 1]))
        self._ending |= _COPIED
        return True

    def write_memory(self, address: int, data: bytes) -> None:
        """COPY SCRATCHPAD of at most one page to memory."""
        self._memory[address : address + len(data)] = data
        page = address // PAGE_BYTES
        if _FIRST_WRITE_COUNTER <= page < 14:
            self._writes[page - _FIRST_WRITE_COUNTER] += 1
