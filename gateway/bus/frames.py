"""A line and a framer together: frames as they come in."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream

    from gateway.bus.framing import Framer
    from gateway.clock import Clock


#: Frames that may be dealt with until other tasks have their turn, when many have come at once.
TOGETHER: Final = 16


class Frames:
    """Iterates over the frames of a line for ever; meant for the one task of a driver that receives.

    What the line raises comes out of it, ``InterfaceDown`` that is. A cancelled ``anext`` loses nothing.
    """

    def __init__(self, line: ByteReceiveStream, framer: Framer, clock: Clock) -> None:
        self.framer = framer
        self._line = line
        self._clock = clock
        self._found: deque[bytes] = deque()
        self._count = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._found:
            deadline = self.framer.deadline
            data = b""
            with anyio.move_on_after(None if deadline is None else max(0.0, deadline - self._clock.lease_now())):
                data = await self._line.receive()
            self._found += self.framer.feed(data, self._clock.lease_now())
            self._count = 0
        self._count += 1
        if self._count % TOGETHER == 0:
            await anyio.lowlevel.checkpoint()
        return self._found.popleft()
