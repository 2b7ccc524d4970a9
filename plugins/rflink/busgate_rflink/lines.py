"""The lines of an RFLink gateway: what they are, and what its own answers say.

Source: RFLink Protocol Reference. A line is ``20;COUNTER;...;``, the counter in hexadecimal.
"""

from __future__ import annotations

import re
from typing import Final

#: A line longer than this is none; those of RFDEBUG have up to 300 pulses of five characters.
MOST: Final = 2048
#: The gateway itself keeps no longer ones (RFLink: INPUT_COMMAND_SIZE).
MOST_COMMAND: Final = 60

PING: Final = "PING"
VERSION: Final = "VERSION"
STATUS: Final = "STATUS"
OK: Final = "OK"
UNKNOWN: Final = "CMD UNKNOWN"
PONG: Final = "PONG"

#: The command that switches a module, by the name of our option.
SWITCHES: Final = {
    "rf433": "setRF433",
    "nodonrf": "setNodoNRF",
    "milight": "setMilight",
    "livingcolors": "setLIVINGCOLORS",
    "ansluta": "setANSLUTA",
    "gpio": "setGPIO",
    "ble": "setBLE",
    "mysensors": "setMySensors",
}

_BEGINNING: Final = re.compile(rb"20;(?=[0-9A-Fa-f]{2};)")
_LINE: Final = re.compile(r"20;[0-9A-Fa-f]{2};(.+)")
_REPORT: Final = re.compile(r"20;[0-9A-Fa-f]{2};([^;=]{2,40});((?:[A-Za-z0-9_]{1,20}=[^;]{0,80};)+)")
#: What looks like a report, but comes from the gateway itself.
_OWN: Final = ("STATUS", "DEBUG")
_SETTING: Final = re.compile(r"(?:set)?([A-Za-z0-9]+?)=(ON|OFF)", re.IGNORECASE)


def whole(line: bytes) -> bytes:
    """A line without what was left before it: noise, or the beginning of a line that was never finished.

    A field has a ``=``, so that what begins a line is never within one.
    """
    *_, start = [0, *(match.start() for match in _BEGINNING.finditer(line))]
    return line[start:]


def body(text: str) -> str | None:
    """What comes after the counter, without the last semicolon; None when it is no line of a gateway."""
    match = _LINE.fullmatch(text)
    return match[1].rstrip(";") if match else None


def report(text: str) -> tuple[str, list[str]] | None:
    """Protocol and fields, such as ``ID=0000c6c2``, of what was heard on the air; None when that is something else."""
    match = _REPORT.fullmatch(text)
    if match is None or match[1].upper() in _OWN:
        return None
    fields = match[2].split(";")[:-1]
    return (match[1], fields) if any(field.upper().startswith("ID=") for field in fields) else None


def is_banner(said: str) -> bool:
    """Whether the gateway says that it has just started."""
    return "RFLink" in said and "Gateway" in said


def is_version(said: str) -> bool:
    return said.startswith("VER=") or is_banner(said)


def version(said: str) -> str:
    """``1.1 R48`` out of ``VER=1.1;REV=48;BUILD=07`` or of the banner; as it is, when it has another form."""
    fields = dict(field.partition("=")[::2] for field in said.split(";"))
    if "VER" in fields:
        return f"{fields['VER']} R{fields.get('REV', '?')}"
    match = re.search(r"V([0-9.]+) - R([0-9.]+)", said)
    return f"{match[1]} R{match[2]}" if match else said


def settings(said: str) -> dict[str, bool]:
    """Which modules are on, by the names of our option."""
    found: dict[str, bool] = {}
    for name, state in _SETTING.findall(said):
        word = name.lower()
        found[{"milightnrf": "milight"}.get(word, word)] = state.upper() == "ON"
    return found
