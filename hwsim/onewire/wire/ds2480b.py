"""The DS2480B serial 1-Wire line driver: bytes from the host in, bytes to the host out. No ports here.

Source: the Maxim DS2480B datasheet: command and response tables, search accelerator, pulse timing.

Theory of operation
 1. In command mode each byte is a command. In data mode each byte goes over the wire, and what was on the wire comes
    back. E1 leads to data mode, E3 to command mode; E3 twice in data mode is the data byte E3.
 2. While the search accelerator is on, data bytes are pairs of bits, one pair for each bit of a ROM id: the host says
    which way to go, the chip says whether there were two and which one it took.
 3. A pulse (strong pull-up or 12 V) ends by itself or, if its duration is infinite, by F1. Its response comes with its
    end. Until then no other byte is obeyed. F1 has no response of its own.
 4. A host may throw away what it has sent and the chip has not got yet. On a real line that is too late; on a terminal
    it is not. `flushed` repairs the one case in which a host does so right after a command that nobody answers: the end
    of a search.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.onewire.wire.line import Line

DATA_MODE, COMMAND_MODE, STOP_PULSE = 0xE1, 0xE3, 0xF1
_CHIP = 0b011 << 2
"""The id of a DS2480B in the answer to a reset."""
_PROGRAMMING_VOLTAGE = 0x20
"""The answer to a reset says that 12 V are there."""
_PULLUP, _PROGRAM = 3, 2
"""The parameters that hold the durations of both pulses."""
_DURATIONS = {
    _PULLUP: (0.0164, 0.0655, 0.131, 0.262, 0.524, 1.048, 1.048),
    _PROGRAM: (32e-6, 64e-6, 128e-6, 256e-6, 512e-6, 1024e-6, 2048e-6),
}
"""Seconds by value code; the last code, 7, is for ever."""
_POWER_ON = (0, 0, 4, 4, 0, 0, 4, 0)
"""Value codes after power-on by parameter code: 512 us for programming, 524 ms for the strong pull-up."""


class _Mode(Enum):
    COMMAND = auto()
    DATA = auto()
    CHECK = auto()
    """E3 has come in data mode; the next byte says what it meant."""


class Ds2480b:
    """One chip and the line it drives."""

    def __init__(self, line: Line, now: Callable[[], float]) -> None:
        self.line = line
        self.recovered = 0
        """How often the host threw away the end of a search."""
        self._now = now
        self.power_up()

    def power_up(self) -> None:
        """As after power-on or a break."""
        self._mode = _Mode.COMMAND
        self._searching = False
        self._lost = False
        self._armed = False
        self._parameters = list(_POWER_ON)
        self._pulse: int | None = None
        """The response to the pulse that is under way."""
        self.pulse_ends: float | None = None
        """When the pulse ends by itself; None: there is none, or it lasts for ever."""

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the host; returns those for it."""
        answer = bytearray(self.elapse())
        for byte in data:
            answer += self._byte(byte)
        return bytes(answer)

    def elapse(self) -> bytes:
        """Look at the time; returns the response of a pulse that is over."""
        if self.pulse_ends is None or self._now() < self.pulse_ends:
            return b""
        return self._end_pulse()

    def flushed(self) -> None:
        """The host has thrown away what had not arrived yet."""
        if self._searching and self._mode is not _Mode.COMMAND:
            self.recovered += 1
            self._mode = _Mode.COMMAND
            self._searching = False

    def _byte(self, byte: int) -> bytes:
        if self._pulse is not None:
            return self._end_pulse() if byte == STOP_PULSE else b""
        if self._mode is _Mode.COMMAND:
            return self._command(byte)
        if self._mode is _Mode.DATA and byte == COMMAND_MODE:
            self._mode = _Mode.CHECK
            return b""
        if self._mode is _Mode.CHECK and byte != COMMAND_MODE:
            self._mode = _Mode.COMMAND
            return self._command(byte)
        self._mode = _Mode.DATA
        return bytes([self._search(byte) if self._searching else self._transfer(byte)])

    def _command(self, byte: int) -> bytes:
        if byte == DATA_MODE:
            self._mode = _Mode.DATA
            return b""
        if not byte & 1:
            return b""
        if not byte & 0x80:
            return bytes([self._configure(byte >> 4, byte >> 1 & 7)])
        if byte in (COMMAND_MODE, STOP_PULSE):
            return b""
        match byte >> 5 & 3:
            case 0:
                return self._single_bit(byte)
            case 1:
                self._searching = bool(byte & 0x10)
                self._lost = False
                return b""
            case 2:
                return bytes([0xC0 | _PROGRAMMING_VOLTAGE | _CHIP | self.line.reset()])
            case _:
                return self._start_pulse(byte) if byte & 0x0C == 0x0C else b""

    def _configure(self, parameter: int, value: int) -> int:
        """Write a parameter, or read it when the code is 0 and the value is the code."""
        if parameter == 0:
            return self._parameters[value] << 1
        self._parameters[parameter] = value
        return parameter << 4 | value << 1

    def _single_bit(self, byte: int) -> bytes:
        pullup = bool(byte & 2)
        level = self.line.slot(byte >> 4 & 1, then_pullup=pullup)
        if pullup:
            self._hold(_PULLUP, 0xEC)
        return bytes([0x80 | byte & 0x1C | 3 * level])

    def _start_pulse(self, byte: int) -> bytes:
        programming = bool(byte & 0x10)
        self._armed = bool(byte & 2)
        if programming:
            self.line.program()
        else:
            self.line.begin_pullup()
        self._hold(_PROGRAM if programming else _PULLUP, byte & 0xFC)
        return self.elapse()

    def _hold(self, parameter: int, response: int) -> None:
        """Begin a pulse."""
        self._pulse = response
        value = self._parameters[parameter]
        durations = _DURATIONS[parameter]
        # The host can't tell a programming pulse from one that takes no time: both are shorter than a byte.
        self.pulse_ends = None
        if value < len(durations):
            self.pulse_ends = self._now() + (durations[value] if parameter == _PULLUP else 0.0)

    def _end_pulse(self) -> bytes:
        response, self._pulse, self.pulse_ends = self._pulse, None, None
        self.line.end_pullup()
        return b"" if response is None else bytes([response])

    def _transfer(self, byte: int) -> int:
        """One byte over the wire, least significant bit first."""
        read = self.line.byte(byte, then_pullup=self._armed)
        if self._armed:
            self._hold(_PULLUP, 0xEC)
        return read

    def _search(self, byte: int) -> int:
        """Four bits of a ROM search."""
        answer = 0
        for position in range(0, 8, 2):
            answer |= self._step(byte >> position + 1 & 1) << position
        return answer

    def _step(self, wanted: int) -> int:
        """One bit of a ROM search: the discrepancy flag and, above it, the way that was taken."""
        bit, complement = (1, 1) if self._lost else (self.line.slot(1), self.line.slot(1))
        if bit and complement:
            if not self._lost:
                self._lost = True
                self.line.slot(1)
            return 3
        conflict = bit == complement
        taken = wanted if conflict else bit
        self.line.slot(taken)
        return conflict | taken << 1
