"""A permit for tests: it can be withdrawn, and remembers when it was asked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from gateway.abc import Permit
from gateway.errors import ClaimLost


@dataclass(frozen=True, slots=True)
class Asking:
    """One check: the declared write time and the moment of ``time.monotonic()``, both in seconds, and the thread."""

    seconds: float
    at: float
    thread: int


class WatchedPermit(Permit):
    """Grants until it is withdrawn.

    Args:
        grants: withdrawn by itself after so many checks.
    """

    def __init__(self, grants: float = float("inf")) -> None:
        self.asked: list[Asking] = []
        self.refusal = ClaimLost("the permit was withdrawn")
        self._grants = grants

    def withdraw(self) -> None:
        """Refuse from now on."""
        self._grants = 0

    def check(self, seconds: float) -> None:
        """Remember it; raises ``refusal``, always the same."""
        self.asked.append(Asking(seconds, time.monotonic(), threading.get_ident()))
        if len(self.asked) > self._grants:
            raise self.refusal
