"""``_self`` of async code: what it can ask of its runner."""

from __future__ import annotations

import inspect
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import anyio

from gateway.errors import ErrorRecorded, NotFound
from gateway.path import Path
from gateway.runner.error_log import trace
from gateway.runner.messages import ChangeMsg, RunnerMessage, TelegramMsg, TimerMsg, TopicMsg
from gateway.values import Change, NotGiven, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gateway.abc import BusHandle
    from gateway.radio import Radio
    from gateway.runner.execution import Execution

Where: TypeAlias = "Path | str | list[Any] | tuple[Any, ...]"
Entered = TypeVar("Entered")


class Cancelled:
    """What ``cancel()`` returns: it has happened; awaiting it lets others see that."""

    def __await__(self) -> Generator[Any, Any, None]:
        return anyio.lowlevel.checkpoint().__await__()


class Cancellable:
    """Something that the runner does for the code until the run ends, or until it is cancelled."""

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()

    def cancel(self) -> Cancelled:
        """End it, at once; may be awaited."""
        self._scope.cancel()
        return Cancelled()


class Watcher(Cancellable):
    """A watch that puts each change into the event queue."""

    def __init__(self, run: Execution, cls: Callable[[Any], RunnerMessage], *, fetch: bool) -> None:
        super().__init__()
        self._run = run
        self._cls = cls
        self._undelivered = fetch

    async def follow(self, started: Callable[[], None], path: Path, min_depth: int, max_depth: int) -> None:
        queue, fetch = self._run.queue, self._undelivered
        if fetch:
            queue.watch_added()
        try:
            with self._scope:
                async with self._run.context.store.watch(
                    path, fetch=fetch, min_depth=min_depth, max_depth=max_depth
                ) as events:
                    started()
                    async for event in events:
                        if isinstance(event, Change):
                            await queue.put(self._cls(event))
                        elif isinstance(event, Ready) and self._undelivered:
                            self._undelivered = False
                            queue.watch_delivered()
        finally:
            if fetch:
                queue.watch_ended(delivered=not self._undelivered)


class Monitor(Cancellable):
    """A subscription that puts each value sent to a topic into the event queue."""

    async def follow(
        self, started: Callable[[], None], run: Execution, topic: Path, cls: Callable[[Any], RunnerMessage]
    ) -> None:
        with self._scope:
            async with run.context.store.subscribe(topic) as messages:
                started()
                async for message in messages:
                    await run.queue.put(cls(message))


class Listener(Cancellable):
    """Puts each telegram of a bus into the event queue, once."""

    async def follow(
        self, started: Callable[[], None], run: Execution, radio: Radio, bus: str, cls: Callable[[Any], RunnerMessage]
    ) -> None:
        with self._scope:
            async with radio.listen(bus, run.name) as telegrams:
                started()
                async for entry, heard in telegrams:
                    message = cls(heard)
                    message.settle = partial(telegrams.took, entry)
                    await run.queue.put_patiently(message)


class Timer(Cancellable):
    """Puts a message into the event queue when its time has passed."""

    def __init__(self, run: Execution, cls: Callable[[Any], RunnerMessage]) -> None:
        super().__init__()
        self._run = run
        self._cls = cls

    async def run(self, delay: float) -> None:
        """Start it anew: the message comes in ``delay`` seconds, and not at the time set before."""
        self._scope.cancel()
        self._scope = anyio.CancelScope()
        self._run.start_soon(self._wait, self._scope, delay)
        await anyio.lowlevel.checkpoint()

    async def _wait(self, scope: anyio.CancelScope, delay: float) -> None:
        with scope:
            await self._run.context.clock.sleep(delay)
            await self._run.queue.put(self._cls(self))


class Spawned(Cancellable):
    """A task of the code's own."""

    async def follow(self, proc: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        with self._scope:
            result = proc(*args, **keywords)
            if inspect.isawaitable(result):
                await result


class CallAdmin:
    """What the code of one run can ask of its runner. Wherever a path is, its text, a list or a tuple does too.

    Everything that is started here ends with the run. An error in it is an error of the run.
    """

    def __init__(self, run: Execution) -> None:
        self._run = run
        self._store = run.context.store

    async def watch(
        self,
        path: Where,
        cls: Callable[[Any], RunnerMessage] = ChangeMsg,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = 0,
    ) -> Watcher:
        """Get a message for the value at a path, and for each change of it.

        Args:
            cls: class of the messages.
            fetch: whether what is there already comes too; ``ReadyMsg`` says when all of it has come.
            min_depth, max_depth: number of elements below the path; -1: no limit.
        """
        watcher = Watcher(self._run, cls, fetch=fetch)
        await self._run.start(watcher.follow, Path.build(path), min_depth, max_depth)
        return watcher

    async def monitor(self, topic: Where, cls: Callable[[Any], RunnerMessage] = TopicMsg) -> Monitor:
        """Get a message for each value that is sent to a topic, or below it, from now on."""
        monitor = Monitor()
        await self._run.start(monitor.follow, self._run, Path.build(topic), cls)
        return monitor

    async def listen(self, bus: str | None = None, cls: Callable[[Any], RunnerMessage] = TelegramMsg) -> Listener:
        """Get a message for each telegram that any node of the store hears on a bus: each telegram once.

        Telegrams wait, for 30 s at most, when the code is slow; ``queue`` and ``overflow`` don't concern them.

        Args:
            bus: default: the job's ``bus``.

        Raises:
            NotFound: no bus is named, or this runner has no radio.
        """
        listener = Listener()
        await self._run.start(listener.follow, self._run, self._run.radio(), self._which(bus), cls)
        return listener

    async def timer(self, delay: float, cls: Callable[[Any], RunnerMessage] = TimerMsg) -> Timer:
        """Get a message in ``delay`` seconds; ``await timer.run(delay)`` starts it anew."""
        timer = Timer(self._run, cls)
        await timer.run(delay)
        return timer

    async def spawn(self, proc: Callable[..., Any], /, *args: Any, **keywords: Any) -> Spawned:
        """Start ``proc(*args, **keywords)`` as a task of this run."""
        spawned = Spawned()
        self._run.start_soon(spawned.follow, proc, args, keywords)
        await anyio.lowlevel.checkpoint()
        return spawned

    async def send(self, topic: Where, value: Any = None) -> None:
        """Send a value to whoever monitors the topic now.

        Raises:
            ClaimLost: another node may run the job by now; so for everything here that writes.
        """
        self._run.check_permit()
        await self._store.publish(Path.build(topic), value)

    async def set(
        self,
        path: Where,
        value: Any,
        revision: int | None = None,
        offline: bool = False,
    ) -> int | None:
        """Write an entry; return its revision.

        Args:
            revision: the entry must have this one; 0: it must be absent.
            offline: while the store is out of reach, keep the value and write it later. Returns None.

        Raises:
            Conflict, CodecError, LimitExceeded, Denied, Detached, Uncertain: as ``Store.set``.
        """
        self._run.check_permit()
        if not offline:
            return await self._store.set(Path.build(path), value, revision=revision)
        if revision is not None:
            raise ValueError("a write that may wait (offline) can't ask for a revision")
        await self._run.context.journal.set(Path.build(path), value)
        return None

    async def get(self, path: Where) -> Any:
        """The value of an entry; KeyError when it is absent."""
        entry = await self._store.get(Path.build(path))
        if entry.value is NotGiven:
            raise KeyError(str(entry.path))
        return entry.value

    async def delete(self, path: Where) -> None:
        """Delete an entry, if it is there."""
        self._run.check_permit()
        await self._store.delete(Path.build(path))

    async def setup_done(self) -> None:
        """Tell that the job works: its failures are forgotten, its error record is resolved."""
        await self._run.setup_done()

    async def error(self, path: Where | None = None, **data: Any) -> NoReturn:
        """Record an error and end the run with it.

        Args:
            path: place of the record below the subsystem ``run``; default: this job's.
            data: kept in the record; ``message`` and ``exc`` (an exception) become its message and traceback.

        Raises:
            ErrorRecorded: always.
        """
        error = data.pop("exc", None)
        message = str(data.pop("message", "") or error or "the code reports an error")
        place = None if path is None else Path.build(path)
        await self._run.record(message, place, trace(error) if isinstance(error, BaseException) else "", data or None)
        raise ErrorRecorded(message)

    async def open_context(
        self, context: AbstractAsyncContextManager[Entered] | AbstractContextManager[Entered]
    ) -> Entered:
        """Enter a context manager that is left when the run ends; return what it gives. Not for spawned tasks."""
        if isinstance(context, AbstractAsyncContextManager):
            return await self._run.stack.enter_async_context(context)
        return self._run.stack.enter_context(context)

    def cancel(self) -> Cancelled:
        """End this run; it counts neither as a success nor as a failure. May be awaited."""
        self._run.cancel("cancelled")
        return Cancelled()

    def bus(self, name: str | None = None) -> BusHandle:
        """A bus, for as long as this run lasts.

        Args:
            name: default: the job's ``bus``.

        Raises:
            NotFound: no bus is named. A bus of which this node has no interface takes commands for other nodes' radios;
                whatever else is asked of it raises ``NotFound`` then.
        """
        return self._run.bus(self._which(name))

    def _which(self, bus: str | None) -> str:
        bus = bus or self._run.entry.bus
        if bus is None:
            raise NotFound("which bus? The job has none, so name one")
        return bus
