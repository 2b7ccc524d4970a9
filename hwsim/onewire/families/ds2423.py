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
_WRAP = 1 << 32
_FIRST_WRITE_COUNTER = 12
_NO_COUNTER = _WRAP - 1


class DS2423(Slave):
    """Pages 14 and 15 count the pulses on inputs A and B; 12 and 13 count writes to themselves.

    The quantities are the pulses that ever came, so they have no upper limit; the counters wrap at 2^32.
    """

    family = 0x1D
    part = "DS2423"
    ranges = {"counter_a": Range(0, 0, math.inf), "counter_b": Range(0, 0, math.inf)}

    def _manufacture(self) -> None:
        self._memory = bytearray(PAGES * PAGE_BYTES)
        self._writes = [0, 0]

    def counter(self, page: int) -> int:
        """What READ MEMORY + COUNTER gives for a page; all ones where there is no counter."""
        if page < _FIRST_WRITE_COUNTER:
            return _NO_COUNTER
        if page < 14:
            return self._writes[page - _FIRST_WRITE_COUNTER]
        return int(self.get("counter_a" if page == 14 else "counter_b")) % _WRAP

    def read_page(self, page: int) -> bytes:
        """READ MEMORY + COUNTER: 32 bytes, the counter, four zero bytes, CRC16."""
        start = page * PAGE_BYTES
        data = bytes(self._memory[start : start + PAGE_BYTES]) + self.counter(page).to_bytes(4, "little") + bytes(4)
        crc = crc16(b"\xa5" + start.to_bytes(2, "little") + data) ^ 0xFFFF
        return self._send(data + crc.to_bytes(2, "little"))

    def write_memory(self, address: int, data: bytes) -> None:
        """COPY SCRATCHPAD of at most one page to memory."""
        self._memory[address : address + len(data)] = data
        page = address // PAGE_BYTES
        if _FIRST_WRITE_COUNTER <= page < 14:
            self._writes[page - _FIRST_WRITE_COUNTER] += 1
