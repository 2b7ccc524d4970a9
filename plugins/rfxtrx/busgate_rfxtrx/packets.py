"""The packets of RFXCOM's serial protocol: which are plausible, those that control the stick, and its answers.

Sources: RFXtrx.h of the RFXtrx SDK of RFXCOM, and ``lowlevel.py`` of pyRFXtrx 0.34. A packet is the number of bytes
that follow, type, subtype, sequence number, and what the type says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from RFXtrx import lowlevel

if TYPE_CHECKING:
    from collections.abc import Collection

#: Of the byte that begins a packet.
LEAST_LENGTH: Final = 0x04
MOST_LENGTH: Final = 0x28

INTERFACE_CONTROL: Final = 0x00
INTERFACE_MESSAGE: Final = 0x01
TRANSMITTER_MESSAGE: Final = 0x02
#: Types of packets that come from the air or go there.
FIRST_DEVICE: Final = 0x10
LAST_DEVICE: Final = 0x7F
#: The stick has heard something that it doesn't understand.
UNDECODED: Final = 0x03

#: Commands to the stick.
RESET: Final = 0x00
GET_STATUS: Final = 0x02
SET_MODE: Final = 0x03
START_RECEIVER: Final = 0x07

#: Subtype of an interface message: the stick doesn't know that command.
WRONG_COMMAND: Final = 0xFF
#: Subtype of a transmitter message: what follows says how the transmission went.
TRANSMITTED: Final = 0x01

#: Least lengths; a shorter packet is none. Lengths grow with the firmware, so that there is no greatest.
_LENGTHS: Final = {
    INTERFACE_MESSAGE: 0x0D, TRANSMITTER_MESSAGE: 0x04, UNDECODED: 0x04,
    0x10: 0x07, 0x11: 0x0B, 0x12: 0x08, 0x13: 0x09, 0x14: 0x0A, 0x15: 0x0B, 0x16: 0x07, 0x19: 0x09, 0x1A: 0x08,
    0x1E: 0x09, 0x20: 0x08, 0x31: 0x0C, 0x4E: 0x0A, 0x4F: 0x0A, 0x50: 0x08, 0x51: 0x08, 0x52: 0x0A, 0x53: 0x09,
    0x54: 0x0D, 0x55: 0x0B, 0x56: 0x10, 0x57: 0x09, 0x59: 0x0D, 0x5A: 0x11, 0x5B: 0x13, 0x5C: 0x0F, 0x60: 0x11,
    0x71: 0x0A,
}  # fmt: skip

#: The receiving modes, by the byte of the mode message and the bit in it.
MODES: Final = {
    mode: (byte, bit) for byte, modes in enumerate(lowlevel.Status.RECMODES) for bit, mode in enumerate(modes)
}

#: The budget against which a transmission counts, by the first words of the stick's frequency.
_BANDS: Final = {
    "310MHz": "310",
    "315MHz": "315",
    "433.92MHz": "433",
    "868.00MHz": "868.0",
    "868.30MHz": "868.0",
    "868.35MHz": "868.0",
    "868.40MHz": "868.0",
    "868.95MHz": "868.7",
}


def plausible(packet: bytes) -> bool:
    """Whether a packet may have come from a stick. One of a type that is not known may be of a newer firmware."""
    kind = packet[1]
    return packet[0] >= _LENGTHS.get(kind, LEAST_LENGTH if FIRST_DEVICE <= kind <= LAST_DEVICE else MOST_LENGTH + 1)


def control(command: int, sequence: int, rest: bytes = b"") -> bytes:
    """A command to the stick itself."""
    return bytes([0x0D, INTERFACE_CONTROL, 0x00, sequence, command]) + rest.ljust(9, b"\0")


@dataclass(frozen=True, slots=True)
class Status:
    """What a stick says of itself."""

    frequency: str
    firmware: int
    modes: tuple[str, ...]
    head: bytes  # transceiver type and output power, which setting the modes has to repeat

    @property
    def band(self) -> str:
        """Against which budget its transmissions count."""
        return _BANDS.get(self.frequency.split()[0], self.frequency)


def read_status(packet: bytes) -> Status:
    """Read the answer to GET_STATUS or SET_MODE; it is an ``INTERFACE_MESSAGE``, 14 or 21 bytes long."""
    known = lowlevel.Status()
    known.load_receive(bytearray(packet))
    return Status(known.type_string, known.firmware_version, tuple(known.devices), bytes([packet[5], packet[13]]))


def set_mode(status: Status, modes: Collection[str]) -> bytes:
    """What follows SET_MODE so that the stick hears these receiving modes and no others."""
    bits = bytearray(4)
    for mode in modes:
        byte, bit = MODES[mode]
        bits[byte] |= 1 << bit
    return status.head + bytes(bits)
