"""Which nodes could hear, from when to when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.demo.judge import Life

if TYPE_CHECKING:
    from collections.abc import Callable


class Receivers:
    """Keeps the lives of the nodes as receivers.

    Args:
        now: tells the time in seconds, by the same clock as the log of the air.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ended: list[Life] = []
        self._living: dict[str, tuple[Any, Life]] = {}
        self._gone: dict[str, Any] = {}

    @property
    def lives(self) -> list[Life]:
        """All of them; one that goes on has no end."""
        return self._ended + [life for _, life in self._living.values()]

    def hears(self, node: str) -> bool:
        """Whether a node can hear now, as far as is known."""
        return node in self._living

    def see(self, node: str, mark: Any) -> None:
        """A node can hear, by all accounts; another mark means another life, and None that it can't."""
        if mark is not None and mark == self._gone.get(node):
            return  # an old account
        if mark is None or (node in self._living and self._living[node][0] != mark):
            self.end(node)
        if mark is not None and node not in self._living:
            self._living[node] = mark, Life(node, self._now())

    def end(self, node: str) -> None:
        """A node hears no more from now on, whatever old accounts say."""
        if node in self._living:
            self._gone[node], life = self._living.pop(node)
            self._ended.append(replace(life, until=self._now()))
