"""The program of an RFXtrx433: handshake, receiving modes, reports, and acknowledgements.

Source: RFXtrx.h and the RFXtrx user guide of RFXCOM.

Theory of operation
 1. A frame from the host begins with the number of bytes behind it. One that stays incomplete for 0.5 s is dropped;
    there is nothing else to find the next beginning by.
 2. Reset is not answered. For 0.25 s the stick neither reads nor hears, then it has its saved modes.
 3. With long answers (SDK 7 and later) nothing is reported before the command to start the receiver.
 4. A telegram that is ordered is sent when the air is quiet, at the latest after 3 s, and acknowledged with its own
    sequence number when it is over: 0 sent, 1 sent after 3 s, 2 no lock on the frequency, 3 an AC address of zero.
 5. Of several copies of a telegram the first is reported; reports have a counter of their own.
"""

from __future__ import annotations

from typing import Final

from hwsim.radio.firmware import Answer, Effect, Firmware, Outcome, Transmit
from hwsim.radio.rfxtrx.frames import LENGTHS, LIGHTING2, mode_of, ordered, report
from hwsim.radio.signal import Band, Heard

_RESET, _STATUS, _SET_MODE, _SAVE, _START = 0x00, 0x02, 0x03, 0x06, 0x07
_INTERFACE_CONTROL, _INTERFACE_MESSAGE, _TRANSMITTER_MESSAGE = 0x00, 0x01, 0x02
_RESPONSE, _STARTED, _WRONG_COMMAND, _TRANSMITTER_RESPONSE = 0x00, 0x07, 0xFF, 0x01
_ACKS = {Outcome.SENT: 0x00, Outcome.DELAYED: 0x01, Outcome.REFUSED: 0x02}
_NAK_ADDRESS: Final = 0x03
_TRANSCEIVER_433: Final = 0x53
_HARDWARE: Final = bytes([1, 1])
_POWER: Final = 0x1C
"""10 dBm; the value is 18 more."""
_FIRMWARE_TYPE, _NOISE = 0x04, 0x40
_FACTORY_MODES: Final = bytes([0x00, 0x0C, 0x27, 0x00])
"""Hideki, LaCrosse; X10, ARC, AC, Oregon."""
_RESET_TIME, _FRAME_TIME = 0.25, 0.5
_LONGEST: Final = 0x28


class RfxtrxFirmware(Firmware):
    """State of one stick."""

    kind = "rfxtrx"
    band = Band.MHZ_433
    baud = 38400
    patience = 3.0

    def __init__(self, *, version: int = 0x5E, long_answers: bool = True) -> None:
        super().__init__()
        self._version = version
        self._long = long_answers
        self._saved = _FACTORY_MODES
        self._modes = _FACTORY_MODES
        self._started = False
        self._ready_at = 0.0
        self._sequence = 0
        self._buffer = b""
        self._fed_at = 0.0

    def power_up(self, cause: int, now: float) -> list[Effect]:
        self._reset(now)
        self._sequence = 0
        return []

    def listening(self, now: float) -> bool:
        return now >= self._ready_at and self._started

    def from_host(self, data: bytes, now: float) -> list[Effect]:
        if now < self._ready_at:
            return []
        if self._buffer and now - self._fed_at > _FRAME_TIME:
            self._buffer = b""
            self.broken_frames += 1
        self._fed_at = now
        self._buffer += data
        effects: list[Effect] = []
        while self._buffer and len(self._buffer) > self._buffer[0] and now >= self._ready_at:
            size = self._buffer[0] + 1
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            effects += self._frame(frame, now)
        return effects

    def heard(self, heard: Heard, now: float) -> list[Effect]:
        mode = mode_of(heard.content)
        if mode is None or (mode[1] and not self._modes[mode[0]] & mode[1]):
            return []
        data = report(heard.content, self._sequence, heard.rssi)
        self._sequence = (self._sequence + 1) % 256
        return [Answer(data)]

    def sent(self, order: bytes, outcome: Outcome) -> list[Answer]:
        return [_acknowledgement(order[3], _ACKS[outcome])]

    def _frame(self, frame: bytes, now: float) -> list[Effect]:
        if len(frame) < 5 or len(frame) > _LONGEST + 1:
            self.broken_frames += 1
            return []
        if frame[1] == _INTERFACE_CONTROL and len(frame) == 14:
            return self._control(frame, now)
        if LENGTHS.get(frame[1]) != frame[0]:
            return [self._answer(frame[3], frame[4], _WRONG_COMMAND)]
        if frame[1] == LIGHTING2 and not any(frame[4:8]):
            return [_acknowledgement(frame[3], _NAK_ADDRESS)]
        content = ordered(frame)
        return [Transmit(content, content.pace, content.pace.copies, frame)]

    def _control(self, frame: bytes, now: float) -> list[Effect]:
        sequence, command = frame[3], frame[4]
        if command == _RESET:
            self._reset(now)
            return []
        if command == _START and self._long:
            self._started = True
            return [Answer(bytes([0x14, _INTERFACE_MESSAGE, _STARTED, sequence, command]) + b"Copyright RFXCOM")]
        if command == _SET_MODE:
            self._modes = frame[7:11]
        elif command == _SAVE:
            self._saved = self._modes
        elif command != _STATUS:
            return [self._answer(sequence, command, _WRONG_COMMAND)]
        return [self._answer(sequence, command, _RESPONSE)]

    def _reset(self, now: float) -> None:
        self._modes = self._saved
        self._started = not self._long
        self._buffer = b""
        self._ready_at = now + _RESET_TIME

    def _answer(self, sequence: int, command: int, subtype: int) -> Answer:
        head = bytes([_INTERFACE_MESSAGE, subtype, sequence, command, _TRANSCEIVER_433, self._version])
        body = head + self._modes + _HARDWARE + bytes([_POWER])
        if self._long:
            body += bytes([_FIRMWARE_TYPE, _NOISE]) + bytes(5)
        return Answer(bytes([len(body)]) + body)


def _acknowledgement(sequence: int, code: int) -> Answer:
    return Answer(bytes([0x04, _TRANSMITTER_MESSAGE, _TRANSMITTER_RESPONSE, sequence, code]))
