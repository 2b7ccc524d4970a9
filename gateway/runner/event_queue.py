"""The event queue of one run: ``_info``.

Theory of operation
-------------------
1. State messages have a lane of their own, where only the latest waits. It goes first.
2. At most ``size`` other messages wait. What one more means is the job's ``overflow``:
   ``stall``: it is not taken, ``None`` becomes the last message, and ``stalled`` is set. ``coalesce``: only the last
   message of each key waits, at the place of the first; when all places are taken by different keys, the sender
   waits. ``block``: the sender waits.
3. ``ReadyMsg(n)`` comes after everything that the n watches had found. When the code asks for its first message
   without having made such a watch, it gets ``ReadyMsg(0)``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, Self

import anyio

from gateway.runner.messages import ReadyMsg

if TYPE_CHECKING:
    from gateway.runner.messages import GroupState, RunnerMessage


class EventQueue:
    """An async iterator over the messages of a run; ends after ``None``."""

    def __init__(self, size: int, overflow: Literal["stall", "coalesce", "block"]) -> None:
        self.stalled = anyio.Event()
        self._size = size
        self._overflow = overflow
        self._state: GroupState | None = None
        self._waiting: deque[RunnerMessage] = deque()
        self._changed: anyio.Event | None = None  # made by who waits: mostly nobody does
        self._asked = False
        self._in_hand: RunnerMessage | None = None
        self._watches = 0
        self._undelivered = 0
        self._ended = False

    def put_state(self, message: GroupState) -> None:
        """Take a state message in place of the one that waits."""
        self._state = message
        self._wake()

    async def put(self, message: RunnerMessage) -> None:
        """Take a message; waits while there is no room, where the job's ``overflow`` says so."""
        while not self._take(message):
            await self._change()

    async def put_patiently(self, message: RunnerMessage) -> None:
        """Take a message; waits while there is no room, whatever ``overflow`` says: its source keeps what waits."""
        while len(self._waiting) >= self._size and not self.stalled.is_set():
            await self._change()
        await self.put(message)

    def watch_added(self) -> None:
        """One more watch is going to fetch what is there."""
        self._watches += 1
        self._undelivered += 1

    def watch_delivered(self) -> None:
        """A watch has delivered all that was there."""
        self._undelivered -= 1
        self._tell_ready()

    def watch_ended(self, *, delivered: bool) -> None:
        """A watch is gone; if the others waited for it alone, they are ready."""
        self._watches -= 1
        if not delivered:
            self._undelivered -= 1
            if self._watches:
                self._tell_ready()

    def _tell_ready(self) -> None:
        if not self._undelivered and not self.stalled.is_set():
            self._waiting.append(ReadyMsg(self._watches))  # even when there is no room: it comes once for each watch
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunnerMessage | None:
        """The next message, or ``None`` when too many had to wait.

        Cancelling it loses no message.
        """
        await self.settle()
        if not self._asked:
            self._asked = True
            if not self._watches:
                self._waiting.appendleft(ReadyMsg(0))
        if not self._empty:
            await anyio.lowlevel.checkpoint()
        while (found := self._next()) is False:
            if self._ended:
                raise StopAsyncIteration
            await self._change()
        if found is not None and found.settle is not None:
            self._in_hand = found
        return found

    async def settle(self) -> None:
        """The code is done with the message that it got last."""
        if (message := self._in_hand) is not None:
            self._in_hand = None
            if message.settle is not None:
                await message.settle()

    @property
    def _empty(self) -> bool:
        return self._state is None and not self._waiting and not self.stalled.is_set()

    def _next(self) -> RunnerMessage | Literal[False] | None:
        if self._state is not None:
            message, self._state = self._state, None
            return message
        if self._waiting:
            first = self._waiting.popleft()
            self._wake()
            return first
        if self.stalled.is_set() and not self._ended:
            self._ended = True
            return None
        return False

    def _take(self, message: RunnerMessage) -> bool:
        """Whether the message needs to wait no longer; with ``stall`` it may be refused for good."""
        if self.stalled.is_set():
            return True
        if self._overflow == "coalesce" and self._replace(message):
            return True
        if len(self._waiting) < self._size:
            self._waiting.append(message)
        elif self._overflow == "stall":
            self.stalled.set()
        else:
            return False
        self._wake()
        return True

    def _replace(self, message: RunnerMessage) -> bool:
        for index, waiting in enumerate(self._waiting):
            if waiting.key == message.key:
                self._waiting[index] = message
                return True
        return False

    async def _change(self) -> None:
        changed = self._changed = self._changed or anyio.Event()
        await changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
