"""What goes through the air, apart from how a stick words it: one signal, and each kind of stick has its own frame.

Airtimes follow from the pulse lengths of each code; they are of one copy, without the pause behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import ClassVar


class Band(StrEnum):
    """Signals in different bands never meet."""

    MHZ_433 = "433.92 MHz"
    MHZ_868 = "868.3 MHz"


@dataclass(frozen=True)
class Pace:
    """How a telegram is sent: copies of `airtime` seconds with `pause` seconds between them."""

    airtime: float
    pause: float
    copies: int

    def copies_in(self, seconds: float) -> int:
        """Copies that go out while a button is held for so long; never less than usual."""
        return max(self.copies, math.ceil((seconds + self.pause) / (self.airtime + self.pause)))


@dataclass(frozen=True)
class Content:
    """The meaning of a telegram; subclasses are the codes."""

    band: ClassVar[Band] = Band.MHZ_433
    pace: ClassVar[Pace]


class SwitchCommand(Enum):
    """What a switch is told."""

    OFF = "off"
    ON = "on"
    LEVEL = "level"
    GROUP_OFF = "group_off"
    GROUP_ON = "group_on"


@dataclass(frozen=True)
class Ac(Content):
    """The self-learning code of KlikAanKlikUit, NEXA, Chacon, HomeEasy UK: 26 bits of house, 4 bits of unit.

    32 bits of 2 ms with start and stop marks; transmitters send at least five copies.
    """

    pace = Pace(airtime=0.067, pause=0.010, copies=5)

    house: int
    unit: int
    """0 to 15; sticks and remotes count from 1 on their labels."""
    command: SwitchCommand
    level: int = 0
    """0 to 15, with `LEVEL`."""


@dataclass(frozen=True)
class Arc(Content):
    """The code wheels of older KlikAanKlikUit, Intertechno, NEXA: house A to P, unit 1 to 16. Twelve trits of 3 ms."""

    pace = Pace(airtime=0.036, pause=0.012, copies=5)

    house: str
    unit: int
    command: SwitchCommand


@dataclass(frozen=True)
class Oregon(Content):
    """A thermo-hygrometer of Oregon Scientific, protocol 2.1: 1024 Hz Manchester, each message sent twice."""

    pace = Pace(airtime=0.170, pause=0.011, copies=2)

    id: int
    """Rolling code in the high byte, channel in the low one."""
    temperature: float
    """degC."""
    humidity: int
    """Percent."""
    battery_low: bool = False


class SecurityStatus(Enum):
    """States of an X10 door or window contact, as the RFXtrx SDK numbers them."""

    NORMAL = 0x00
    ALARM = 0x02


@dataclass(frozen=True)
class X10Security(Content):
    """A door or window contact in the style of X10 Security: 40 bits after a start mark, five copies."""

    pace = Pace(airtime=0.067, pause=0.040, copies=5)

    id: int
    """24 bits."""
    status: SecurityStatus
    battery_low: bool = False


class BlindCommand(Enum):
    """What a blind is told."""

    STOP = "stop"
    UP = "up"
    DOWN = "down"
    PROGRAM = "program"


@dataclass(frozen=True)
class Rts(Content):
    """Somfy RTS: 56 bits of 1.3 ms after hardware and software sync; at least four copies."""

    pace = Pace(airtime=0.110, pause=0.030, copies=4)

    id: int
    """24 bits."""
    unit: int
    command: BlindCommand


BROADCAST = 0xFFFFFFFF


@dataclass(frozen=True)
class Erp1(Content):
    """An EnOcean telegram in Radio Protocol 1: three subtelegrams within 40 ms (EnOcean Serial Protocol 3)."""

    band = Band.MHZ_868
    pace = Pace(airtime=0.0012, pause=0.012, copies=3)

    rorg: int
    data: bytes
    """The user data alone; the sender and the status come apart."""
    sender: int
    status: int = 0x00
    destination: int = BROADCAST


@dataclass(frozen=True)
class Foreign(Content):
    """A telegram of a 433 MHz code that the simulator does not know inside; only sticks of `kind` can word it."""

    pace = Pace(airtime=0.060, pause=0.010, copies=4)

    kind: str
    frame: bytes
    """As such a stick words it; receivers put their own counter and signal strength in."""


@dataclass(frozen=True)
class Heard:
    """A copy of a telegram as a receiver got it."""

    content: Content
    rssi: float
    """dBm."""
    copy: int
    """0 for the first that the sender made."""
    transmission: int
    """Number of the transmission in the log of the air."""
