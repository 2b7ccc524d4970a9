"""How a server misbehaves towards its clients: rules that faults add and take away.

The server asks for the treatment of each request; rules in force change it, in the order they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.onewire.rom import RomId


class ClosePoint(StrEnum):
    """Where in its answer a server hangs up."""

    BEFORE = "before"
    HEADER = "header"
    PAYLOAD = "payload"


@dataclass
class Treatment:
    """What happens to one request."""

    keepalives: int = 0
    """Signs of life before the answer, at once."""
    answered: bool = True
    alive: bool = True
    """Signs of life go on while the client waits."""
    close: ClosePoint | None = None
    reset: bool = False
    """Closing breaks the connection (RST) instead of ending it."""
    persistence: bool = True
    shortest: int | None = None
    """Values of reads are cut to so many bytes."""


@dataclass(eq=False)
class Rule:
    """One change to the treatment of requests; `left` counts down, None: for ever."""

    change: Callable[[Treatment], None]
    left: int | None = None


@dataclass
class Disturbance:
    """The misbehaviour of one server now."""

    rules: list[Rule] = field(default_factory=list)
    device_errors: dict[RomId, int] = field(default_factory=dict)
    """Return value for all reads and writes of a device."""
    shuffles: int = 0
    """How many faults want listings in another order each time."""
    _stops: int = 0
    _going_on: anyio.Event | None = None

    def treat(self) -> Treatment:
        """The treatment of the request that has just come."""
        treatment = Treatment()
        for rule in list(self.rules):
            if rule.left is None or rule.left > 0:
                rule.change(treatment)
            if rule.left is not None:
                rule.left -= 1
                if rule.left <= 0:
                    self.rules.remove(rule)
        return treatment

    def stop(self) -> None:
        """Do nothing any more, like a process that is stopped; connections stay open."""
        self._stops += 1
        self._going_on = self._going_on or anyio.Event()

    def go_on(self) -> None:
        """Take back one `stop`; after the last one, go on where it was."""
        self._stops -= 1
        if self._stops == 0 and self._going_on is not None:
            self._going_on.set()
            self._going_on = None

    async def while_stopped(self) -> None:
        """Return when the server runs, at once if it does."""
        while self._going_on is not None:
            await self._going_on.wait()
