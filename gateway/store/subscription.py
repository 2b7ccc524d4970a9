"""A subscriber's side of published messages: a bounded queue that knows what was lost."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import anyio
import anyio.lowlevel

from gateway.errors import Detached

if TYPE_CHECKING:
    from gateway.path import Path
    from gateway.values import Message


class Subscription:
    """The async iterator that ``Store.subscribe`` gives. A cancelled ``anext`` loses nothing.

    Senders number their messages by topic: a gap in the numbers tells what was lost on the way.
    """

    def __init__(self, queue: int) -> None:
        self._limit = queue
        self._queue: deque[Message] = deque()
        self._expected: dict[tuple[str, Path], int] = {}
        self._dropped: dict[tuple[str, Path], int] = {}
        self._arrived = anyio.Event()
        self._closed = False

    def receive(self, message: Message) -> None:
        """Queue a message as it came from its sender; the oldest one goes if there are too many."""
        source = message.sender, message.topic
        missed = message.number - self._expected.get(source, message.number)
        self._expected[source] = message.number + 1
        self._queue.append(replace(message, missed=missed) if missed else message)
        if len(self._queue) > self._limit:
            lost = self._queue.popleft()
            source = lost.sender, lost.topic
            self._dropped[source] = self._dropped.get(source, 0) + 1 + lost.missed
        self._arrived.set()

    def end(self) -> None:
        """Have whoever waits raise ``Detached``: the store is closed."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._queue:
            await anyio.lowlevel.checkpoint()
        while not self._queue or self._closed:
            if self._closed:
                raise Detached("the subscription is closed")
            self._arrived = anyio.Event()
            await self._arrived.wait()
        message = self._queue.popleft()
        dropped = self._dropped.pop((message.sender, message.topic), 0) if self._dropped else 0
        return replace(message, missed=message.missed + dropped) if dropped else message
