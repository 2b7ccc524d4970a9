"""Open-drain pins of the switch families, with the latches that remember a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_EDGE_STEP = 0.05
_MOST_STEPS = 256


class Pins:
    """A row of pins; bit n of every mask is pin n.

    A pin is low when the world pulls it low or its own transistor does. `latched` remembers each pin that
    has changed since the last `clear`. Between two looks at a curve the pins are sampled each 50 ms, at
    most 256 times, so a long gap may hide a short pulse of a curve; `set` on the device hides nothing.
    """

    def __init__(self, count: int, levels_at: Callable[[float], int], now: Callable[[], float]) -> None:
        self.count = count
        self.all = (1 << count) - 1
        self._levels_at = levels_at
        self._now = now
        self.reset()

    def reset(self) -> None:
        """Power-on: all transistors off, no activity."""
        self.released = self.all
        """The output latches: 1 leaves the pin alone, 0 pulls it low."""
        self.latched = 0
        self._seen_at = self._now()
        self._seen = self._levels_at(self._seen_at) & self.released

    def observe(self) -> int:
        """The levels now; changes since the last look are latched."""
        now = self._now()
        steps = min(_MOST_STEPS, max(1, int((now - self._seen_at) / _EDGE_STEP)))
        for step in range(1, steps + 1):
            levels = self._levels_at(self._seen_at + (now - self._seen_at) * step / steps) & self.released
            self.latched |= levels ^ self._seen
            self._seen = levels
        self._seen_at = now
        return self._seen

    def drive(self, released: int) -> None:
        """Set the output latches."""
        self.observe()
        self.released = released & self.all
        self.observe()

    def clear(self) -> None:
        """Forget the activity so far."""
        self.observe()
        self.latched = 0
