"""One run of stored code, contained: whatever the code does, this ends with an outcome.

Theory of operation
-------------------
1. The code runs in a task of its own within the run's task group; so do its watches, timers and spawned tasks. The
   first of them that fails ends the run. Nothing that stored code raises leaves this module: ``SystemExit``, groups
   and exceptions of its own making count as errors here, and only here. ``KeyboardInterrupt`` propagates.
2. A run is cancelled only if the runner cancelled it. Code that raises a cancellation by itself has failed; so has
   code that is cancelled by a scope or task group of its own that it left open (an async generator does that easily).
3. What ended the run is decided once, by what came first: the code's end, an error, or ``cancel``. An error while
   the code is being cancelled goes to the log.
4. When the run ends, its bus handles are revoked first; then its tasks are cancelled and waited for. Code in a worker
   thread is left behind when it is cancelled (see :mod:`gateway.code.threads`).
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from gateway.code.threads import OneThread, run_in_thread
from gateway.code.variables import AttributeMap, merged
from gateway.errors import ErrorRecorded, HandleRevoked, NotFound
from gateway.runner import messages
from gateway.runner.call_admin import CallAdmin
from gateway.runner.error_log import trace
from gateway.runner.event_queue import EventQueue
from gateway.runner.outcome import Outcome as Outcome
from gateway.runner.outcome import failure, is_cancellation, unstorable
from gateway.runner.watchdog import MARK
from gateway.values import NotGiven

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.abc import BusHandle, Permit
    from gateway.code.procedures import Procedure
    from gateway.path import Path
    from gateway.radio import Radio
    from gateway.runner.context import NodeContext
    from gateway.runner.entries import End, RunnerEntry

#: Seconds that code gets after ``None`` came as its last message, and after it was cancelled.
GRACE: Final = 10.0
#: Seconds from the start to the first sign of life, and from one to the next.
FIRST_PING: Final = 5.0
PING: Final = 60.0

_CLASSES: Final = MappingProxyType(
    {
        name: getattr(messages, name)
        for name in (
            "RunnerMessage", "GroupState", "CompleteState", "PartialState", "DetachedState", "BrokenState",
            "ReadyMsg", "TimerMsg", "ChangeMsg", "TopicMsg", "TelegramMsg",
        )
    }
    | {"ErrorRecorded": ErrorRecorded, "NotGiven": NotGiven}
)  # fmt: skip


class Host(Protocol):
    """Who keeps the state of the job."""

    async def ping(self) -> None:
        """The run lives."""

    async def setup_done(self) -> None:
        """The run works."""

    async def record(self, message: str, place: Path | None, traceback: str, data: Any) -> None:
        """Record an error of the run; the place defaults to the job's."""


class Execution:
    """One run of a job.

    Args:
        name: of the job, for messages.
        threads: where code for a worker thread runs.
        permit: the run's right to write, where it can be lost.
    """

    def __init__(
        self,
        context: NodeContext,
        host: Host,
        name: str,
        entry: RunnerEntry,
        procedure: Procedure,
        threads: OneThread,
        *,
        permit: Permit | None = None,
    ) -> None:
        self.context = context
        self.entry = entry
        self.procedure = procedure
        self.queue = EventQueue(entry.queue, entry.overflow)
        self.stack = AsyncExitStack()
        self.setup_done = host.setup_done
        self.record = host.record
        self._host = host
        self._permit = permit
        self._name = name
        self._threads = threads
        self._scope = anyio.CancelScope()
        self._cancelled = anyio.Event()
        self._outcome: Outcome | None = None
        self._handles: list[BusHandle] = []
        self._tasks: TaskGroup

    @property
    def log(self) -> logging.Logger:
        return self.context.log.getChild(self._name)

    def cancel(self, end: End) -> None:
        """End the run, for the reason that ``end`` names."""
        self._decide(Outcome(end, message=self._why(end)))
        self._revoke()
        self._cancelled.set()
        self._scope.cancel()

    async def run(self) -> Outcome:
        """Run the code to its end; never raises what the code raises."""
        async with anyio.create_task_group() as helpers:
            helpers.start_soon(self._complain)
            with self._scope:
                await self._run_tasks()
            helpers.cancel_scope.cancel()
        return self._outcome or Outcome("cancelled")

    @property
    def name(self) -> str:
        """Of the job."""
        return self._name

    def radio(self) -> Radio:
        """The radio of this node.

        Raises:
            NotFound: it has none.
        """
        if self.context.radio is None:
            raise NotFound("this runner has no radio: telegrams are heard in a node (`busgate up`)")
        return self.context.radio

    def check_permit(self) -> None:
        """Raise ``ClaimLost`` if this run may write nothing any more; one that outlives its lease may, on purpose."""
        if self._permit is not None and self.entry.on_detach == "stop":
            self._permit.check(0.0)

    async def _run_tasks(self) -> None:
        try:
            async with anyio.create_task_group() as self._tasks:
                self._start_limits()
                self._tasks.start_soon(self._main)
        except* RuntimeError as group:  # the event loop finds a scope that is still open where a task ends
            self.log.warning("it left a cancel scope or task group open: %s", trace(group))
            self._decide(failure(group))

    def bus(self, name: str) -> BusHandle:
        """A bus handle that is revoked when the run ends; none is given afterwards."""
        if self._outcome is not None:
            raise HandleRevoked(f"bus {name}: the run has ended")
        handle = self.context.buses.handle(name, self._permit)
        self._handles.append(handle)
        return handle

    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        """Start a task of this run; an error in it is an error of the run."""
        self._tasks.start_soon(self._contained, function, args)

    async def start(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        """Start ``function(started, *args)`` and wait until it has called ``started``.

        Raises: what the function raises before.
        """

        async def task(*, task_status: TaskStatus[None]) -> None:
            begun = False

            def started() -> None:
                nonlocal begun
                begun = True
                task_status.started()

            try:
                await function(started, *args)
            except BaseException as error:
                if not begun:
                    raise
                await self._fail(error)

        await self._tasks.start(task)

    async def _main(self) -> None:
        await self._contained(self._code, ())
        self._revoke()
        self._tasks.cancel_scope.cancel()

    async def _code(self) -> None:
        result = None  # stays when a context manager of the code suppresses its exception
        async with self.stack:
            result = await self._call()
            await self.queue.settle()
        if complaint := unstorable(result):
            self._decide(Outcome("error", message=f"the result can't be stored: {complaint}"))
        else:
            self._decide(Outcome("finished", result=result))

    async def _call(self) -> Any:
        await anyio.lowlevel.checkpoint()
        call = self.procedure.bind(self._variables())
        if self.procedure.is_async is False:
            return await _threaded(call, self._threads)
        return await call() if self.procedure.is_async else call()

    def _variables(self) -> dict[str, Any]:
        data = deepcopy(merged(self.procedure.default, self.entry.data))
        if self.entry.bus is not None and "bus" not in self.entry.data:
            data["bus"] = self.entry.bus
        given = self.context.code.basic_variables(self.procedure)
        given |= {"_cfg": AttributeMap(self.context.cfg), "_cls": AttributeMap(_CLASSES), "_log": self.log}
        if self.procedure.is_async:
            given |= {"_info": self.queue, "_self": CallAdmin(self)}
        return data | given | {MARK: f"job {self._name}"}

    def _start_limits(self) -> None:
        self._tasks.start_soon(self._ping)
        self._tasks.start_soon(self._stall)
        if self.entry.timeout:
            self._tasks.start_soon(self._timeout)
        if self.entry.ok_after:
            self._tasks.start_soon(self._ok_after)

    async def _ping(self) -> None:
        pause = FIRST_PING
        while True:
            await self.context.clock.sleep(pause)
            await self._host.ping()
            pause = PING

    async def _stall(self) -> None:
        await self.queue.stalled.wait()
        await self.context.clock.sleep(GRACE)
        self.cancel("stalled")

    async def _timeout(self) -> None:
        await self.context.clock.sleep(self.entry.timeout)
        self.cancel("timeout")

    async def _ok_after(self) -> None:
        await self.context.clock.sleep(self.entry.ok_after)
        await self.setup_done()

    async def _complain(self) -> None:
        """Say so when the code ignores that it is cancelled."""
        await self._cancelled.wait()
        await self.context.clock.sleep(GRACE)
        message = f"it does not end: cancelled {GRACE:g} s ago, the code goes on"
        self.log.error("%s", message)
        await self.record(message, None, "", None)

    async def _contained(self, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        try:
            await function(*args)
        except BaseException as error:  # noqa: BLE001 - see _fail
            await self._fail(error)

    async def _fail(self, error: BaseException) -> None:
        """Take an exception of stored code as the run's error; let pass what is the runner's own."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        if self._outcome is None:
            self._decide(failure(error))
        elif not is_cancellation(error):
            self.log.error("while it was ending (%s): %s", self._outcome.end, trace(error))
        self._revoke()
        self._tasks.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint()

    def _decide(self, outcome: Outcome) -> None:
        if self._outcome is None:
            self._outcome = outcome

    def _revoke(self) -> None:
        while self._handles:
            self._handles.pop().revoke()

    def _why(self, end: End) -> str:
        if end == "timeout":
            return f"the run took longer than its timeout, {self.entry.timeout:g} s"
        if end == "stalled":
            waited = f"more than {self.entry.queue} messages had to wait"
            return f"{waited}, and the code did not end within {GRACE:g} s after it got None"
        return ""


async def _threaded(call: Callable[[], Any], threads: OneThread) -> Any:
    try:
        return await run_in_thread(call, threads)
    except KeyboardInterrupt as error:  # signals go to the main thread, so this is the code's own
        raise BaseExceptionGroup("in a worker thread", [error]) from None
