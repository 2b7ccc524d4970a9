"""What owserver's return codes mean: the text that clients show for them.

Codes from the owserver 3.2p4 directory /settings/return_codes. Code 1 keeps owserver's wording, since it is
what people see, and search for, when a sensor is missing.
"""

from __future__ import annotations

from typing import Final

COUNT: Final = 211
_TEXTS: Final = {
    0: "Good result",
    1: "Startup - command line parameters invalid",
    2: "legacy - No such entity",
    5: "legacy - IO error",
    13: "legacy - Access error",
    16: "legacy - Busy",
    19: "legacy - No such device",
    20: "legacy - Not a directory",
    21: "legacy - Is a directory",
    22: "legacy - Invalid transaction",
    26: "Path - too long",
    27: "Path - bad syntax",
    28: "Device - bad CRC8 in name",
    29: "Device - unknown name or alias",
    32: "Device - unknown property",
    33: "Device - property is no array",
    35: "Device - property is an array",
    38: "Device - index out of range",
    41: "Device - not found",
    42: "legacy - No message",
    44: "Bus - short circuit",
    45: "Bus - no such bus",
    47: "Bus - does not respond",
    51: "Bus - communication error",
    52: "Bus - timeout",
    57: "Read - too large",
    58: "Read - communication error",
    63: "Write - wrong format",
    65: "Write - not writable",
    66: "Write - read-only mode",
    68: "Directory - path too long",
    69: "Directory - not a directory",
    70: "Presence - not a device",
    73: "Owserver protocol - timeout",
    74: "legacy - Bad message",
    76: "Owserver protocol - packet size",
    90: "legacy - Message size",
    95: "legacy - Not supported",
}


def return_text(code: int) -> str:
    """The text of one code."""
    return _TEXTS.get(code, f"Unassigned error {code}")
