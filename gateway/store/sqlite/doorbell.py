"""Carries calls from a thread into the event loop, with one wake-up for all that wait."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable


class Doorbell:
    """A pair of sockets: threads ring, the loop answers."""

    def __init__(self) -> None:
        self._outside, self._inside = socket.socketpair()
        self._outside.setblocking(False)
        self._inside.setblocking(False)
        self._calls: deque[Callable[[], None]] = deque()

    def ring(self, call: Callable[[], None]) -> None:
        """Have a function called in the event loop. Callable from any thread; never blocks."""
        self._calls.append(call)
        with suppress(BlockingIOError, OSError):  # full: it rings already; closed: nobody listens any more
            self._outside.send(b"\0")

    async def answer(self) -> None:
        """Run what the threads ask for, for ever."""
        while True:
            await anyio.wait_readable(self._inside)
            with suppress(BlockingIOError):
                self._inside.recv(4096)
            while self._calls:
                self._calls.popleft()()

    def close(self) -> None:
        self._outside.close()
        self._inside.close()
