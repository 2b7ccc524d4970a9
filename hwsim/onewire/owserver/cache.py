"""What owserver remembers of the bus: values, listings, and which channel a device is on.

Times are those of owserver's `--help=cache`: volatile 15 s, stable 300 s, directory 60 s, presence 120 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


@dataclass
class Timeouts:
    """How long to believe what was read, in seconds; clients can change them below /settings/timeout."""

    volatile: float = 15.0
    stable: float = 300.0
    directory: float = 60.0
    presence: float = 120.0


@dataclass
class _Entry:
    value: Any
    stored: float
    expires: float


class Cache:
    """Values that expire."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: dict[Hashable, _Entry] = {}
        self.hits = 0
        self.tries = 0

    def put(self, key: Hashable, value: Any, lifetime: float) -> None:
        """Remember a value for so many seconds."""
        if lifetime > 0:
            now = self._now()
            self._entries[key] = _Entry(value, now, now + lifetime)

    def get(self, key: Hashable) -> Any:
        """What is remembered; None when nothing is."""
        entry = self._alive(key)
        self.tries += 1
        self.hits += entry is not None
        return None if entry is None else entry.value

    def peek(self, key: Hashable) -> Any:
        """As `get`, but not counted."""
        entry = self._alive(key)
        return None if entry is None else entry.value

    def count_hits(self, number: int) -> None:
        """Count what was found by `peek` after all."""
        self.tries += number
        self.hits += number

    def age(self, key: Hashable) -> float | None:
        """Seconds since this was stored; None when it is not remembered."""
        entry = self._alive(key)
        return None if entry is None else self._now() - entry.stored

    def drop(self, key: Hashable) -> None:
        """Forget one value."""
        self._entries.pop(key, None)

    def drop_where(self, matches: Callable[[Hashable], bool]) -> None:
        """Forget all values whose key matches."""
        for key in [key for key in self._entries if matches(key)]:
            del self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _alive(self, key: Hashable) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is not None and entry.expires <= self._now():
            del self._entries[key]
            return None
        return entry
