"""Lines of RFLink: from contents to the fields it reports, and from the host's orders to contents.

Source: RFLink Protocol Reference. A report is `20;COUNTER;NAME;ID=...;LABEL=data;`, an order `10;NAME;ID;UNIT;ACTION;`.
"""

from __future__ import annotations

import re
from typing import Final

from hwsim.radio.signal import Ac, Arc, BlindCommand, Content, Foreign, Oregon, Rts, SwitchCommand

_REPORT = re.compile(r"20;[0-9A-Fa-f]{2};([^;=]+;(?:[A-Z0-9]+=[^;]*;)+)")

_SWITCH = {
    SwitchCommand.ON: "ON",
    SwitchCommand.OFF: "OFF",
    SwitchCommand.GROUP_ON: "ALLON",
    SwitchCommand.GROUP_OFF: "ALLOFF",
}
_ACTIONS = {word: command for command, word in _SWITCH.items()}
_BLIND = {
    BlindCommand.UP: "UP",
    BlindCommand.DOWN: "DOWN",
    BlindCommand.STOP: "STOP",
    BlindCommand.PROGRAM: "PAIR",
}
_BLIND_ACTIONS = {
    **{word: command for command, word in _BLIND.items()},
    "ON": BlindCommand.DOWN,
    "OFF": BlindCommand.UP,
}

_OTHERS: Final = frozenset(
    "ab400d blyss byron chuango conrad deltronic elro eurodomest ev1527 fa20rf fa500 homeconfort homeeasy "
    "impuls kambrook mertik milightv1 powerfix selectplus unitec x10".split()
) | {"ikea koppla"}
"""The other names that an order may have."""


def fields(content: Content) -> str | None:
    """What stands behind the counter of a report, with its last semicolon; None: RFLink can't decode it."""
    match content:
        case Ac(command=SwitchCommand.LEVEL):
            return f"NewKaku;ID={content.house:08x};SWITCH={content.unit:x};CMD=SET_LEVEL={content.level};"
        case Ac():
            return f"NewKaku;ID={content.house:08x};SWITCH={content.unit:x};CMD={_SWITCH[content.command]};"
        case Arc():
            return f"Kaku;ID={ord(content.house):02x};SWITCH={content.unit};CMD={_SWITCH[content.command]};"
        case Oregon():
            battery = "LOW" if content.battery_low else "OK"
            climate = f"TEMP={_temperature(content.temperature)};HUM={content.humidity};BAT={battery};"
            return f"Oregon TempHygro;ID={content.id:04x};{climate}"
        case Rts():
            return f"RTS;ID={content.id:06x};SWITCH={content.unit:02x};CMD={_BLIND[content.command]};"
        case Foreign(kind="rflink"):
            match = _REPORT.fullmatch(content.frame.decode())
            return match[1] if match else None
        case _:
            return None


def ordered(line: str) -> Content | None:
    """The content that `10;NAME;...;` orders to be sent; None: no such command.

    Names and actions may be written in small letters, as the rflink command does.
    """
    name, *rest = line.removeprefix("10;").rstrip(";").split(";")
    try:
        match name.lower(), [part.strip() for part in rest]:
            case "newkaku", [code, unit, action]:
                return _newkaku(int(code, 16) & 0x3FFFFFF, int(unit, 16), action.upper())
            case "kaku", [code, unit, action]:
                return Arc(_letter(int(code, 16)), int(unit), _ACTIONS[action.upper()])
            case "rts", [code, unit, action]:
                return Rts(int(code, 16) & 0xFFFFFF, int(unit, 16), _BLIND_ACTIONS[action.upper()])
    except (ValueError, KeyError):
        return None
    if rest and (name.lower() in _OTHERS or name.lower() == "rts"):
        return Foreign("rflink", line.encode())
    return None


def check_report(line: bytes) -> None:
    """Raise ValueError unless this could be a report of RFLink; the message says why."""
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("a line of RFLink has ASCII characters only") from None
    if not _REPORT.fullmatch(text):
        raise ValueError("write a line as in 20;06;Kaku;ID=41;SWITCH=1;CMD=ON;")


def _newkaku(house: int, unit: int, action: str) -> Ac:
    if not 0 <= unit <= 15:
        raise ValueError(unit)
    if action in _ACTIONS:
        return Ac(house, unit, _ACTIONS[action])
    level = int(action)
    if not 0 <= level <= 15:
        raise ValueError(level)
    return Ac(house, unit, SwitchCommand.LEVEL, level)


def _letter(code: int) -> str:
    """The house of a code wheel: its letter in ASCII, or counted from 0 as R1 to R20 did."""
    letter = chr(code) if code >= ord("A") else chr(code + ord("A"))
    if not "A" <= letter <= "P":
        raise ValueError(code)
    return letter


def _temperature(value: float) -> str:
    """Tenths of a degree in hexadecimal, the high bit for the sign."""
    tenths = round(abs(value) * 10)
    return f"{tenths | (0x8000 if value < 0 and tenths else 0):04x}"
