"""What went over the line of a simulated bus: numbers for tests to look at."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

#: How many of the last answers are remembered.
RECENT: Final = 20
#: How many of the last writes are remembered.
WRITES: Final = 10_000


class Write(NamedTuple):
    """A WRITE that a server has taken on."""

    at: float
    """Seconds after the start of the house."""
    path: str
    data: bytes


class Exchange(NamedTuple):
    """A request and the answer to it, or the last of several answers."""

    at: float
    """Seconds after the start of the house, of the answer."""
    kind: str
    path: str
    ret: int
    data: bytes


@dataclass
class Traffic:
    """Counters of one bus since the house began to run."""

    connections: int = 0
    """Connections that were ever accepted."""
    open_connections: int = 0
    persistent: int = 0
    """Open connections that were granted persistence."""
    requests: Counter[str] = field(default_factory=Counter)
    """By message type, as in `READ`; `UNKNOWN` for all others."""
    writes: deque[Write] = field(default_factory=lambda: deque(maxlen=WRITES))
    """The last writes, in the order in which the server began with them, whatever became of them."""
    errors: Counter[int] = field(default_factory=Counter)
    """Answers with a negative return value, by that value."""
    recent: deque[Exchange] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The last answers."""
    keepalives: int = 0
    """Signs of life sent while a client waited."""
    conversions: int = 0
    """Temperature conversions that devices were told to make."""
    transactions: int = 0
    """Talks on the wires."""
    broken_frames: int = 0
    """Connections closed because of what the client sent."""
