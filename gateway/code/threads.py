"""Runs stored code in worker threads that never keep the process from ending.

Theory of operation
-------------------
1. A thread can't be stopped from outside. When the caller is cancelled, the thread is left behind; it keeps its place
   in the limiter until it ends, so that a job never has two threads at work.
2. anyio's worker threads on asyncio are not daemons: Python would wait for one that hangs when the process ends. So
   there a daemon thread of our own runs the function. It is claimed for anyio as anyio claims its own, so that
   ``anyio.from_thread.run`` and ``check_cancelled`` work in it. On trio, anyio's worker threads are daemons already.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio._core._eventloop import claim_worker_thread, threadlocals
from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class Limiter(Protocol):
    """What bounds the number of threads; ``anyio.CapacityLimiter`` is one."""

    async def acquire_on_behalf_of(self, borrower: object) -> None: ...

    def release_on_behalf_of(self, borrower: object) -> None: ...


class OneThread:
    """The limiter of one job: one thread at a time, and a call when it has ended.

    Args:
        on_free: called in the event loop.
    """

    __slots__ = ("_borrower", "_freed", "_on_free")

    def __init__(self, on_free: Callable[[], None]) -> None:
        self._borrower: object = None
        self._on_free = on_free
        self._freed: anyio.Event | None = None  # made when somebody waits: most jobs never do

    @property
    def busy(self) -> bool:
        return self._borrower is not None

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await anyio.lowlevel.checkpoint()
        while self.busy:
            self._freed = self._freed or anyio.Event()
            await self._freed.wait()
        self._borrower = borrower

    def release_on_behalf_of(self, borrower: object) -> None:
        if self._borrower is borrower:
            self._borrower = None
            if self._freed is not None:
                self._freed.set()
                self._freed = None
            self._on_free()


async def run_in_thread(function: Callable[[], Result], limiter: Limiter) -> Result:
    """Call a function in a worker thread; a cancelled call returns at once and leaves the thread behind.

    Raises: what the function raises.
    """
    if current_token().backend_class.__module__.endswith("._trio"):
        return await anyio.to_thread.run_sync(
            function, abandon_on_cancel=True, limiter=cast("anyio.CapacityLimiter", limiter)
        )
    call = _Call(function, limiter)
    await limiter.acquire_on_behalf_of(call)
    scope = anyio.CancelScope()
    try:
        with scope:
            call.start(scope)
            await call.done.wait()
    except anyio.get_cancelled_exc_class():
        scope.cancel()  # what the thread asks of the event loop from now on is cancelled too
        raise
    if call.error is not None:
        raise call.error
    return cast("Result", call.result)


class _Call:
    """One function on its way through a daemon thread."""

    def __init__(self, function: Callable[[], Any], limiter: Limiter) -> None:
        self.done = anyio.Event()
        self.result: Any = None
        self.error: BaseException | None = None
        self._function = function
        self._limiter = limiter
        self._token = current_token()

    def start(self, scope: anyio.CancelScope) -> None:
        context = contextvars.copy_context()
        threading.Thread(target=self._run, args=(context, scope), name="busgate job", daemon=True).start()

    def _run(self, context: contextvars.Context, scope: anyio.CancelScope) -> None:
        with claim_worker_thread(self._token.backend_class, self._token.native_token):
            threadlocals.current_cancel_scope = scope
            try:
                self.result = context.run(self._function)
            except BaseException as error:  # noqa: BLE001 - it is raised to the caller
                self.error = error
            finally:
                del threadlocals.current_cancel_scope
        try:
            anyio.from_thread.run_sync(self._finish, token=self._token)
        except RuntimeError:  # the event loop has ended; nobody waits any more
            return

    def _finish(self) -> None:
        self._limiter.release_on_behalf_of(self)
        self.done.set()
