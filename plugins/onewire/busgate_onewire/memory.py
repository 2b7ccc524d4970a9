"""One connection to an owserver over a byte stream of the event loop: for tests, in which a thread can't wait.

Theory of operation
-------------------
1. In virtual time nothing may wait in the kernel. So ``memory:NAME`` is opened by the test's own ``open_line``, and the
   owserver protocol is spoken here; real servers are left to pyownet (:mod:`busgate_onewire.owserver`).
2. It behaves as pyownet's connections do: made on demand, one request at a time, the same silence ends it, and the same
   failures are tried once more on a new connection.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import anyio

from busgate_onewire.burst import AnswerReader, FrameError, encode
from busgate_onewire.owserver import LARGEST_VALUE, WRITE_TIME, Answer, Loss, Outcome, may_repeat
from gateway.errors import ClaimLost, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.abc import ByteStream

    from busgate_onewire.owserver import Request
    from gateway.abc import DriverContext

#: Seconds without a byte after which pyownet gives up (pyownet 0.10, ``_OwnetConnection``: the socket's timeout).
SILENCE: Final = 2.0
#: Bits in a second, since a line is asked for its speed: as good as none.
_FAST: Final = 1_000_000_000


class StreamConnection:
    """As :class:`busgate_onewire.owserver.Connection`, on the event loop."""

    def __init__(self, url: str, context: DriverContext) -> None:
        self._url = url
        self._context = context
        self._stack = AsyncExitStack()
        self._stream: ByteStream | None = None
        self._answers = AnswerReader(reads=False)
        self.opened = 0

    @property
    def alive(self) -> bool:
        """Whether it is made, as far as is known."""
        return self._stream is not None

    async def run(self, requests: Sequence[Request], slice_: float, *, burst: bool) -> Outcome:
        """Make requests one after the other; after ``slice_`` seconds no further one is begun."""
        del burst  # which saves nothing here
        outcome = Outcome()
        now = self._context.clock.lease_now
        end = now() + slice_
        for request in requests:
            if outcome.answers and now() >= end:
                break
            try:
                found = await self._ask(request)
            except ClaimLost as refusal:
                outcome.refused = refusal
                break
            if isinstance(found, Loss):
                outcome.lost, outcome.unsent = found.reason, found.unsent
                break
            outcome.answers.append(found)
        return outcome

    async def abandon(self) -> None:
        """Hang up on a request that was cancelled: its answer may still come."""
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up; the next request connects again. Cancellation doesn't hinder it."""
        self._stream = None
        stack, self._stack = self._stack, AsyncExitStack()
        with anyio.CancelScope(shield=True):
            await stack.aclose()

    async def _ask(self, request: Request) -> Answer | Loss:
        reused = self.alive
        found = await self._once(request)
        if not isinstance(found, Loss):
            return found
        await self.aclose()
        if not may_repeat(request, found, reused=reused):
            return found
        try:
            second = await self._once(request)
        except ClaimLost:
            return found
        if isinstance(second, Loss):
            await self.aclose()
        return second

    async def _once(self, request: Request) -> Answer | Loss:
        try:
            stream = self._stream or await self._connect()
        except InterfaceDown as down:
            return Loss(f"can't connect: {down}", unsent=True)
        if request.kind == "write":
            request.permit.check(WRITE_TIME)
        size = {"read": LARGEST_VALUE, "write": len(request.data)}.get(request.kind, 0)
        received = False
        try:
            await stream.send(encode(request.kind, request.path, size, request.data))
            end = self._context.clock.lease_now() + request.timeout
            while True:
                with anyio.move_on_after(SILENCE) as patience:
                    data = await stream.receive()
                if patience.cancelled_caught:
                    return Loss("no answer")
                received = True
                for ret, found in self._answers.feed(data):
                    return await self._answered(ret, found)
                if self._context.clock.lease_now() >= end:
                    return Loss(f"no answer within {request.timeout:g} s, only keepalives")
        except anyio.BrokenResourceError:
            return Loss("the connection was closed instead of an answer", closed=True, early=not received)
        except FrameError as error:
            return Loss(f"what answers there doesn't speak owserver's protocol: {error}")

    async def _connect(self) -> ByteStream:
        stream = await self._stack.enter_async_context(self._context.open_line(self._url, baudrate=_FAST))
        self._stream, self._answers = stream, AnswerReader(reads=False)
        self.opened += 1
        return stream

    async def _answered(self, ret: int, data: bytes) -> Answer:
        answer = Answer(max(0, -ret), data, self._context.clock.lease_now())
        if not self._answers.persistent:
            await self.aclose()
        return answer
