"""What the program inside a stick does: bytes and telegrams in, effects out. No I/O, no waiting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hwsim.radio.signal import Band, Content, Heard, Pace


class Outcome(Enum):
    """What became of a telegram that the host wanted to send."""

    SENT = "sent"
    DELAYED = "sent after waiting in vain for a quiet moment"
    REFUSED = "not sent"


@dataclass(frozen=True)
class Answer:
    """Bytes to the host, one frame or line, after so many seconds."""

    data: bytes
    after: float = 0.0


@dataclass(frozen=True)
class Transmit:
    """A telegram to send; `order` is handed back to `sent`."""

    content: Content
    pace: Pace
    copies: int
    order: bytes = b""


@dataclass(frozen=True)
class Reboot:
    """Begin anew, as after power-up, after so many seconds, and say why."""

    cause: int = 0
    after: float = 0.0


Effect = Answer | Transmit | Reboot


class Firmware(ABC):
    """One kind of stick. Every method takes the house time in seconds and returns what happens then."""

    kind: ClassVar[str]
    band: ClassVar[Band]
    baud: ClassVar[int]
    patience: ClassVar[float] = 0.0
    """Seconds it waits for a quiet moment before it sends all the same."""
    acknowledges_early: ClassVar[bool] = False
    """It acknowledges when it has taken a telegram, not when it has sent it."""

    def __init__(self) -> None:
        self.broken_frames = 0
        """Frames from the host that were thrown away."""

    @abstractmethod
    def power_up(self, cause: int, now: float) -> list[Effect]:
        """Begin with what the stick keeps in its EEPROM; `cause` is that of `Reboot`, 0 for the mains."""

    def opened(self, now: float) -> list[Effect]:
        """A host has opened the port."""
        return []

    @abstractmethod
    def from_host(self, data: bytes, now: float) -> list[Effect]:
        """Take bytes in any portions."""

    @abstractmethod
    def listening(self, now: float) -> bool:
        """Whether it hears the air now."""

    @abstractmethod
    def heard(self, heard: Heard, now: float) -> list[Effect]:
        """Take a copy of a telegram, which it may report."""

    @abstractmethod
    def sent(self, order: bytes, outcome: Outcome) -> list[Answer]:
        """Acknowledge a telegram of the host."""
