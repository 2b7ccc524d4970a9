"""What happens in a simulated cluster, in the order in which it happens; a checker reads it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

import anyio


@dataclass(frozen=True, slots=True)
class Fault:
    """The script does something to the cluster."""

    what: str


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """Something happens to one process of a node.

    ``what``: started, killed, paused, resumed, ended, refused (its name is taken), crashed, exited (hard).
    """

    what: str
    process: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim has landed at the server; ``incarnation`` and ``node`` are what it says, ``process`` is who wrote it."""

    job: str
    process: str
    node: str
    incarnation: str
    revision: int


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A claim has been deleted at the server."""

    job: str
    process: str


@dataclass(frozen=True, slots=True)
class StateLanded:
    """A state has landed at the server; fields as in the state. ``deleted``: it has been deleted there."""

    job: str
    process: str
    token: int = 0
    runs: int = 0
    node: str | None = None
    end: str = ""
    uid: str = ""
    served: float = 0.0
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """A presence entry has changed at the server; an empty incarnation: it is gone."""

    node: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class JobStored:
    """The operator has stored a job (``kind``, ``target``, ``uid`` as stored), or deleted it (an empty kind)."""

    job: str
    kind: str = ""
    target: float | None = 0.0
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Began:
    """The code of a run has begun; ``token`` is that of the state which was written for it."""

    job: str
    process: str
    run: int
    token: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The code of a run has ended."""

    job: str
    process: str
    run: int
    how: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A hardware write comes to a stage: ``called`` by the code, ``out`` (the bytes are on the wire), ``over``."""

    stage: str
    job: str
    process: str
    run: int
    number: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The store has acknowledged that a value was set."""

    path: str
    value: int


Event: TypeAlias = (
    Fault
    | ProcessEvent
    | Claimed
    | Unclaimed
    | StateLanded
    | Present
    | JobStored
    | Began
    | Ended
    | Operation
    | Acknowledged
)


@dataclass(slots=True)
class Log:
    """All events with the virtual time of each, in s."""

    entries: list[tuple[float, Event]] = field(default_factory=list)
    closed: bool = False

    def add(self, event: Event) -> None:
        if not self.closed:
            self.entries.append((anyio.current_time(), event))

    def fingerprint(self) -> str:
        """Equal for equal logs."""
        digest = blake2b(digest_size=16)
        for entry in self.entries:
            digest.update(repr(entry).encode())
        return digest.hexdigest()

    def about(self, *words: str, last: int = 80) -> str:
        """The last entries that mention one of the words, and all faults between them; one a line."""
        lines = [f"{time:9.3f} {event}" for time, event in self.entries]
        chosen = [line for line in lines if "Fault(" in line or any(word in line for word in words)]
        return "\n".join(chosen[-last:])
