"""Ears: how a driver lets several listeners hear its telegrams."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.values import Telegram

#: Telegrams that wait for one listener; with one more the oldest is lost to it.
WAITING: Final = 1000


class Ears:
    """Hands each telegram to whoever listens now.

    A driver calls :meth:`tell` for each telegram, returns :meth:`listen` from its interface's ``listen``, and calls
    :meth:`end` when the hardware is lost.
    """

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._error: Exception | None = None
        self.missed = 0  # by listeners that were too slow

    def tell(self, telegram: Telegram) -> None:
        """Give a telegram to all listeners; never waits."""
        for listener in self._listeners:
            self.missed += listener.take(telegram)

    def end(self, error: Exception) -> None:
        """There will be no more: each listener gets what waits for it, and then the error."""
        self._error = error
        for listener in self._listeners:
            listener.end(error)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Telegram]]:
        """For ``Interface.listen``."""
        listener = _Listener()
        if self._error is not None:
            listener.end(self._error)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


class _Listener:
    """The telegrams that one listener has not heard yet. A cancelled ``anext`` loses none.

    It gives way when none waits: until then no more can come, and who got many at once must not lag behind.
    """

    def __init__(self) -> None:
        self._waiting: deque[Telegram] = deque()
        self._error: Exception | None = None
        self._changed = anyio.Event()

    def take(self, telegram: Telegram) -> int:
        """Return how many were lost for it: 0 or 1."""
        lost = 0
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            lost = 1
        self._waiting.append(telegram)
        self._changed.set()
        return lost

    def end(self, error: Exception) -> None:
        self._error = error
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Telegram:
        while not self._waiting:
            if self._error is not None:
                raise self._error
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._waiting.popleft()
