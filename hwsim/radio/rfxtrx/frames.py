"""Frames of the RFXtrx: from contents to what it reports, and from what the host orders to contents.

Source: the structures of RFXtrx.h. A frame is its length (without this byte), type, subtype, sequence number, and
what the type says; reports end with a byte whose high nibble is the signal strength, dBm = 8 n - 120.
"""

from __future__ import annotations

from typing import Final

from hwsim.radio.signal import (
    Ac,
    Arc,
    BlindCommand,
    Content,
    Foreign,
    Oregon,
    Rts,
    SwitchCommand,
    X10Security,
)

LIGHTING1, LIGHTING2, RFY, SECURITY1, TEMP_HUM, UNDECODED = 0x10, 0x11, 0x1A, 0x20, 0x52, 0x03
_AC, _ARC, _TH1, _X10_SECURITY, _RFY = 0x00, 0x01, 0x01, 0x00, 0x00

LENGTHS: Final = {
    0x10: 0x07, 0x11: 0x0B, 0x12: 0x08, 0x13: 0x09, 0x14: 0x0A, 0x15: 0x0B, 0x16: 0x07, 0x17: 0x08, 0x18: 0x07,
    0x19: 0x09, 0x1A: 0x0C, 0x1B: 0x0C, 0x1E: 0x0B, 0x1F: 0x0B, 0x20: 0x08, 0x21: 0x1C, 0x28: 0x06, 0x30: 0x06,
    0x31: 0x0C, 0x40: 0x09, 0x41: 0x06, 0x42: 0x08, 0x48: 0x0C,
}  # fmt: skip
"""Length byte of each type that the host may order to be sent."""

_LIGHTING1 = {
    0: SwitchCommand.OFF,
    1: SwitchCommand.ON,
    5: SwitchCommand.GROUP_OFF,
    6: SwitchCommand.GROUP_ON,
}
_LIGHTING2 = {
    0: SwitchCommand.OFF,
    1: SwitchCommand.ON,
    2: SwitchCommand.LEVEL,
    3: SwitchCommand.GROUP_OFF,
    4: SwitchCommand.GROUP_ON,
}
_BLINDS = {0: BlindCommand.STOP, 1: BlindCommand.UP, 3: BlindCommand.DOWN, 7: BlindCommand.PROGRAM}

_ALWAYS = (0, 0x00)
_MODES: Final[dict[type[Content], tuple[int, int]]] = {
    Arc: (2, 0x02),
    Ac: (2, 0x04),
    Oregon: (2, 0x20),
    X10Security: (2, 0x01),
}
"""Byte (of msg3 to msg6) and bit of the receiving mode that a content needs."""
_MODE_UNDECODED: Final = (0, 0x80)


def mode_of(content: Content) -> tuple[int, int] | None:
    """The receiving mode that must be on to hear a content; a bit of 0: none. None: the stick can't hear it."""
    if isinstance(content, Foreign):
        if content.kind != "rfxtrx":
            return None
        return _MODE_UNDECODED if content.frame[1] == UNDECODED else _ALWAYS
    return _MODES.get(type(content))


def report(content: Content, sequence: int, rssi: float) -> bytes:
    """The frame that reports a content which `mode_of` knows."""
    strength = min(15, max(0, round((rssi + 120) / 8)))
    match content:
        case Foreign():
            return _renewed(content.frame, sequence, strength)
        case Arc():
            body = [ord(content.house), content.unit, _code(_LIGHTING1, content.command), strength << 4]
            return _frame(LIGHTING1, _ARC, sequence, bytes(body))
        case Ac():
            tail = [content.unit + 1, _code(_LIGHTING2, content.command), content.level, strength << 4]
            return _frame(LIGHTING2, _AC, sequence, content.house.to_bytes(4, "big") + bytes(tail))
        case X10Security():
            tail = [content.status.value, strength << 4 | _battery(content.battery_low)]
            return _frame(SECURITY1, _X10_SECURITY, sequence, content.id.to_bytes(3, "big") + bytes(tail))
        case Oregon():
            return _frame(TEMP_HUM, _TH1, sequence, _climate(content, strength))
        case _:
            raise ValueError(f"an RFXtrx has no report for {content}")


def ordered(frame: bytes) -> Content:
    """The content of a frame that the host wants to be sent; it has the length of its type."""
    kind = (frame[1], frame[2])
    if kind == (LIGHTING2, _AC) and frame[9] in _LIGHTING2:
        house = int.from_bytes(frame[4:8], "big") & 0x3FFFFFF
        return Ac(house, (frame[8] - 1) % 16, _LIGHTING2[frame[9]], frame[10] & 0x0F)
    if kind == (LIGHTING1, _ARC) and frame[6] in _LIGHTING1:
        return Arc(chr(frame[4]), frame[5], _LIGHTING1[frame[6]])
    if kind == (RFY, _RFY) and frame[8] in _BLINDS:
        return Rts(int.from_bytes(frame[4:7], "big"), frame[7], _BLINDS[frame[8]])
    return Foreign("rfxtrx", frame)


def check_report(frame: bytes) -> None:
    """Raise ValueError unless this could be a report of an RFXtrx; the message says why."""
    if len(frame) < 5 or frame[0] != len(frame) - 1:
        raise ValueError("the first byte of an RFXtrx frame is the number of those behind it, at least four")
    if frame[1] < LIGHTING1 and frame[1] != UNDECODED:
        raise ValueError(f"type {frame[1]:02X} is no report; types from 10 on are, and 03")


def _frame(kind: int, subtype: int, sequence: int, body: bytes) -> bytes:
    return bytes([len(body) + 3, kind, subtype, sequence]) + body


def _renewed(frame: bytes, sequence: int, strength: int) -> bytes:
    """The frame with the counter and, if it is complete enough to have one, the signal strength of this receiver."""
    bare = frame[1] == UNDECODED or frame[0] != LENGTHS.get(frame[1], frame[0])
    last = frame[-1] if bare else strength << 4 | frame[-1] & 0x0F
    return frame[:3] + bytes([sequence]) + frame[4:-1] + bytes([last])


def _code(codes: dict[int, SwitchCommand], command: SwitchCommand) -> int:
    return next(code for code, known in codes.items() if known is command)


def _battery(low: bool) -> int:
    return 0x0 if low else 0x9


def _climate(content: Oregon, strength: int) -> bytes:
    tenths = round(abs(content.temperature) * 10)
    sign = 0x80 if content.temperature < 0 and tenths else 0
    comfort = 2 if content.humidity < 40 else 3 if content.humidity > 70 else 1
    tail = [sign | tenths >> 8, tenths & 0xFF, content.humidity, comfort, strength << 4 | _battery(content.battery_low)]
    return content.id.to_bytes(2, "big") + bytes(tail)
