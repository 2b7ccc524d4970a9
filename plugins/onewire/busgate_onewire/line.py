"""A connection as the event loop uses it: requests go in, answers come out, a thread does the waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from busgate_onewire.memory import StreamConnection
from busgate_onewire.options import MEMORY, Options
from busgate_onewire.owserver import Connection
from gateway.errors import InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from busgate_onewire.owserver import Answer, Outcome, Request
    from gateway.abc import DriverContext

#: Seconds after which a long list of requests lets others have the line.
SLICE: Final = 0.25
#: Seconds that one request may take beyond its timeout: two connects and the granularity of the keepalives.
MARGIN: Final = 6.0


class ThreadConnection:
    """A connection through pyownet, in a worker thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._limiter = anyio.CapacityLimiter(1)  # its own: a thread that is left behind keeps its token
        self.opened = 0

    @property
    def alive(self) -> bool:
        return self._connection.alive

    async def run(self, requests: Sequence[Request], slice_: float, *, burst: bool) -> Outcome:
        """Make requests; a call that is cancelled leaves its thread behind, and `abandon` must follow."""
        work = self._connection.run_burst if burst else self._connection.run
        try:
            return await anyio.to_thread.run_sync(work, requests, slice_, abandon_on_cancel=True, limiter=self._limiter)
        finally:
            self.opened += self._connection.opened
            self._connection.opened = 0

    async def abandon(self) -> None:
        """End what the thread is doing; the connection can't be used after that."""
        self._connection.interrupt()

    async def aclose(self) -> None:
        self._connection.close()


class Line:
    """One connection and those who use it, one at a time, in the order in which they come.

    A call that is cancelled leaves its connection behind, with the answer that may still come; the next call has a new
    one. A thread that was left ends at once, because its socket is shut down.
    """

    def __init__(self, options: Options, context: DriverContext) -> None:
        self._options = options
        self._context = context
        self._lock = anyio.Lock()
        self._connection: ThreadConnection | StreamConnection | None = None
        self._opened = 0

    @property
    def alive(self) -> bool:
        """Whether it has a connection, or is using one."""
        return self._lock.locked() or (self._connection is not None and self._connection.alive)

    @property
    def reconnects(self) -> int:
        """How often the connection had to be made again."""
        return max(0, self._opened - 1)

    async def ask(self, requests: Sequence[Request], *, burst: bool = False) -> list[Answer]:
        """Make requests one after the other; between two of them others may have the line.

        Args:
            burst: they are reads that need no bus: don't wait for an answer before sending the next.

        Raises:
            InterfaceDown: the server can't be reached or doesn't answer.
            ClaimLost: the permit of a write refused it; nothing of it was sent.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            async with self._lock:
                outcome = await self._hop(requests[len(answers) :], burst=burst)
            answers += outcome.answers
            if outcome.refused:
                raise outcome.refused
            if outcome.lost:
                raise InterfaceDown(
                    f"owserver at {self._options.place}: {outcome.lost}", unsent=outcome.unsent and not answers
                )
        return answers

    async def _hop(self, requests: Sequence[Request], *, burst: bool) -> Outcome:
        connection, self._connection = self._connection or self._new(), None
        patience = SLICE + 2 * max(request.timeout for request in requests) + MARGIN
        outcome = None
        try:
            with anyio.move_on_after(patience):
                outcome = await connection.run(requests, SLICE, burst=burst and len(requests) > 1)
        finally:
            self._opened += connection.opened
            connection.opened = 0
            if outcome is None:
                await connection.abandon()
            else:
                self._connection = connection
        if outcome is None:
            raise InterfaceDown(f"owserver at {self._options.place}: no answer within {patience:g} s")
        return outcome

    def _new(self) -> ThreadConnection | StreamConnection:
        if self._options.url.startswith(MEMORY):
            return StreamConnection(self._options.url, self._context)
        return ThreadConnection(Connection(self._options.address, self._context.clock.lease_now))

    async def aclose(self) -> None:
        """Hang up; the line can be used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
