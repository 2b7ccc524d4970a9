"""Listening: the telegrams of one bus on their way to one consumer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.radio.memory import Entry
    from gateway.radio.receptions import Reception


@dataclass(frozen=True, slots=True)
class Heard:
    """A telegram that a consumer gets.

    Attributes:
        reception: the first that was known.
        heard: signal strength in dBm by ``NODE/INTERFACE``; grows as further receivers tell of it.
        time: when it was heard, in Unix seconds.
        age: seconds since then.
        replayed: whether an earlier run of the consumer may have had it in hand, or it was missed at first.
    """

    reception: Reception
    heard: Mapping[str, float | None]
    time: float
    age: float
    replayed: bool


class Listening:
    """An async iterator; a cancelled ``anext`` loses nothing. Call :meth:`took` when a telegram is dealt with.

    It gives way when no telegram waits: until then no more can come.

    Args:
        took: tells everybody.
    """

    def __init__(self, bus: str, consumer: str, took: Callable[[str, str, Entry], Awaitable[None]]) -> None:
        self.consumer = consumer
        self._bus = bus
        self._took = took
        self._waiting: deque[tuple[Entry, Heard]] = deque()
        self._given: dict[int, Entry] = {}  # not taken yet: they must not be given twice
        self._arrived = anyio.Event()

    def give(self, entry: Entry, heard: Heard) -> None:
        """Let the consumer have a telegram, unless it has it already."""
        if id(entry) not in self._given:
            self._given[id(entry)] = entry
            self._waiting.append((entry, heard))
            self._arrived.set()

    async def took(self, entry: Entry) -> None:
        """The consumer has dealt with a telegram; returns when everybody was told."""
        await self._took(self._bus, self.consumer, entry)
        self._given.pop(id(entry), None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Entry, Heard]:
        while True:
            while self._waiting:
                entry, heard = self._waiting.popleft()
                if not entry.settled(self.consumer):
                    return entry, heard
                self._given.pop(id(entry), None)
            self._arrived = anyio.Event()
            await self._arrived.wait()
