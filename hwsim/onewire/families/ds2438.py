"""DS2438 battery monitor (family 26), in houses mostly the heart of a humidity or light sensor.

Pages, status bits, scales and times are those of the Maxim DS2438 datasheet. The humidity sensor on the VAD
pin is a Honeywell HIH-4000 (its datasheet: ratiometric output and temperature compensation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.rom import crc8
from hwsim.onewire.slave import Slave
from hwsim.quantity import Range

if TYPE_CHECKING:
    from hwsim.quantity import Quantity

PAGES = 8
PAGE_BYTES = 8
_STATUS_IAD, _STATUS_AD, _STATUS_WRITABLE = 0x01, 0x08, 0x0F
_CONVERT_T_SECONDS = 0.010
_CONVERT_V_SECONDS = 0.004
_VOLTS_PER_CURRENT_COUNT = 0.0002441


class DS2438(Slave):
    """Temperature, two voltages, current, a seconds counter and memory, all in eight pages.

    As long as nobody sets `vad`, it is the voltage that the humidity sensor gives for `humidity`.
    """

    family = 0x26
    part = "DS2438"
    ranges = {
        "temperature": Range(20.0, -55.0, 125.0, " degC"),
        "vdd": Range(5.0, 0.0, 10.23, " V"),
        "vad": Range(1.5, 0.0, 10.23, " V"),
        "vis": Range(0.0, -0.25, 0.25, " V"),
        "humidity": Range(45.0, 0.0, 100.0, " %"),
    }
    measures_temperature = True

    def _manufacture(self) -> None:
        self._memory = bytearray(PAGES * PAGE_BYTES)
        self._memory[0] = _STATUS_WRITABLE
        self._seconds_base = -self._now()

    def _power_up(self) -> None:
        self._memory[1:7] = bytes(6)
        self._scratchpads = [bytearray(PAGE_BYTES) for _ in range(PAGES)]
        self._temperature_at: float | None = None
        self._voltage_at: float | None = None
        self._measures_vdd = True
        for page in range(PAGES):
            self.recall(page)

    def set(self, name: str, value: float | Quantity) -> None:
        super().set(name, value)
        if name == "humidity":
            self._named.discard("vad")

    def get(self, name: str) -> float:
        return self._humidity_volts() if name == "vad" and "vad" not in self._named else super().get(name)

    def _humidity_volts(self) -> float:
        compensation = 1.0546 - 0.00216 * self.get("temperature")
        return self.get("vdd") * (0.16 + 0.0062 * self.get("humidity") * compensation)

    def convert_temperature(self) -> None:
        """CONVERT T: 10 ms, then page 0 has the temperature."""
        self._settle()
        self._temperature_at = self._now() + _CONVERT_T_SECONDS * self.conversion_scale

    def convert_voltage(self) -> None:
        """CONVERT V: 4 ms, then page 0 has the voltage of VDD or VAD, as bit AD in its scratchpad says."""
        self._settle()
        self._measures_vdd = bool(self._scratchpads[0][0] & _STATUS_AD)
        self._voltage_at = self._now() + _CONVERT_V_SECONDS * self.conversion_scale

    def busy(self) -> bool:
        """Whether read slots after CONVERT T or CONVERT V still give 0."""
        self._settle()
        return self._temperature_at is not None or self._voltage_at is not None

    def recall(self, page: int) -> None:
        """RECALL MEMORY: copy a page to its scratchpad."""
        self._settle()
        start = page * PAGE_BYTES
        self._scratchpads[page][:] = self._memory[start : start + PAGE_BYTES]

    def read_scratchpad(self, page: int) -> bytes:
        """READ SCRATCHPAD: eight bytes and their CRC."""
        data = bytes(self._scratchpads[page])
        return self.transmit(data + bytes([crc8(data)]))

    def write_scratchpad(self, page: int, data: bytes) -> None:
        """WRITE SCRATCHPAD from the first byte of a page."""
        self._scratchpads[page][: len(data)] = data

    def copy_scratchpad(self, page: int) -> None:
        """COPY SCRATCHPAD to memory; measured registers keep their values."""
        self._settle()
        data = self._scratchpads[page]
        start = page * PAGE_BYTES
        if page == 0:
            self._memory[0] = data[0] & _STATUS_WRITABLE
            self._memory[7] = data[7]
            return
        self._memory[start : start + PAGE_BYTES] = data
        if page == 1:
            self._seconds_base = int.from_bytes(data[0:4], "little") - self._now()

    def _settle(self) -> None:
        now = self._now()
        if not self.stuck:
            self._settle_conversions(now)
        seconds = int(now + self._seconds_base) & 0xFFFFFFFF
        self._memory[PAGE_BYTES : PAGE_BYTES + 4] = seconds.to_bytes(4, "little")

    def _settle_conversions(self, now: float) -> None:
        if self._temperature_at is not None and now >= self._temperature_at:
            self._temperature_at = None
            raw = round(self.get("temperature") * 32) << 3
            self._memory[1:3] = raw.to_bytes(2, "little", signed=True)
        if self._voltage_at is not None and now >= self._voltage_at:
            self._voltage_at = None
            raw = round(self.get("vdd" if self._measures_vdd else "vad") * 100)
            self._memory[3:5] = raw.to_bytes(2, "little")
        if self._memory[0] & _STATUS_IAD:
            offset = int.from_bytes(self._memory[13:15], "little", signed=True) >> 3
            raw = round(self.get("vis") / _VOLTS_PER_CURRENT_COUNT) + offset
            self._memory[5:7] = raw.to_bytes(2, "little", signed=True)
