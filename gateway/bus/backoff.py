"""How long to wait before the next attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


class Backoff:
    """Waits that double from ``least`` to ``most`` seconds, each drawn from the upper half of its range.

    The jitter keeps many interfaces that went down together (a hub was unplugged) from coming back in step.
    """

    def __init__(self, random: random.Random, least: float = 0.2, most: float = 5.0) -> None:
        self._random = random
        self._least = least
        self._most = most
        self._attempt = 0

    def next(self) -> float:
        """Seconds to wait now."""
        self._attempt = min(self._attempt + 1, 32)
        ceiling = min(self._most, self._least * 2**self._attempt)
        return self._random.uniform(max(self._least, ceiling / 2), ceiling)

    def reset(self) -> None:
        """Begin again at ``least``: the last attempt has succeeded for good."""
        self._attempt = 0
