"""Clocks: when something happened on another node, on this node's lease clock.

Theory of operation
-------------------
1. A message names its sender's time of sending. It arrives by this node's clock after that by the difference of the
   two clocks plus the time on the way. The least of that over the last minute is the difference, but for the shortest
   way: so an event is placed as exactly as the quickest message travelled, however late its own message was.
2. Clocks drift apart by less than 0.1 ms within a second (100 ppm), so a minute is short enough to forget.
"""

from __future__ import annotations

from collections import deque
from typing import Final

#: Seconds for which the difference of a message counts.
SPAN: Final = 60.0
#: Messages of one sender that are remembered at most: only those that could still become the least.
KEPT: Final = 1000


class Clocks:
    """The clocks of all senders, by their ids."""

    def __init__(self) -> None:
        self._differences: dict[str, deque[tuple[float, float]]] = {}

    def __bool__(self) -> bool:
        """Whether anybody was heard of."""
        return bool(self._differences)

    def note(self, sender: str, sent: float, arrived: float) -> None:
        """Take in a message: when it was sent, by its sender's clock, and when it arrived, by ours."""
        found = self._differences.setdefault(sender, deque(maxlen=KEPT))
        difference = arrived - sent
        while found and found[-1][1] >= difference:  # an older one that is no less will never be the least again
            found.pop()
        found.append((arrived, difference))
        while found[0][0] < arrived - SPAN:
            found.popleft()

    def ours(self, sender: str, time: float) -> float:
        """A moment of the sender's clock, by ours; the sender must have been noted."""
        return time + self._differences[sender][0][1]

    def theirs(self, sender: str, time: float) -> float:
        """A moment of ours, by the sender's clock, or somewhat earlier: never later. KeyError: it is not known."""
        return time - self._differences[sender][0][1]

    def forget(self, before: float) -> None:
        """Forget senders that were not heard of since then."""
        for sender in [sender for sender, found in self._differences.items() if found[-1][0] < before]:
            del self._differences[sender]
