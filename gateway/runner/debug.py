"""One run of a job in the foreground, which tells everything and leaves nothing behind but what the code itself does.

The run is that of any runner (:mod:`gateway.runner.execution`). It writes no state and no error record and takes no
claim; what it would have written, it tells.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.cluster.group_state import Group, group_state
from gateway.code.modules import ModuleRoot
from gateway.code.root import CodeRoot
from gateway.code.threads import OneThread
from gateway.runner.context import NodeContext
from gateway.runner.error_log import ErrorLog
from gateway.runner.messages import group_message
from gateway.runner.observed import ObservedExecution, ObservedStore
from gateway.runner.outbox import Journal
from gateway.runner.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gateway.abc import Buses, Store
    from gateway.cluster.group_state import StateName
    from gateway.cluster.members import Members
    from gateway.locations import Locations, Place, Subsystem
    from gateway.path import Path
    from gateway.runner.entries import RunnerEntry
    from gateway.runner.execution import Outcome
    from gateway.runner.observed import Tell
    from gateway.values import RegisteredProcedure

#: Whose log lines are told: of the code, and of what may interfere with it.
LOGGERS: Final = ("busgate.run", "busgate.journal", "busgate.watchdog")


class Unrecorded(ErrorLog):
    """Error records of code that can't be loaded; whoever uses the code hears of it anyway."""

    async def record(
        self, subsystem: Subsystem, place: Path, message: str, *, traceback: str = "", data: Any = None
    ) -> None:
        """Write nothing."""

    async def resolve(self, subsystem: Subsystem, place: Path) -> None:
        """Write nothing."""


async def debug_context(
    store: Store,
    tell: Tell,
    *,
    name: str,
    buses: Buses,
    cfg: Mapping[str, Any],
    locations: Locations,
    registered: Iterable[RegisteredProcedure],
) -> NodeContext:
    """What a runner gets from its node, with a store that tells; loads the modules and procedures of an open store."""
    errors = Unrecorded(store, locations, name)
    modules = await ModuleRoot.as_handler(store, locations=locations, errors=errors)
    code = await CodeRoot.as_handler(store, locations=locations, registered=registered, errors=errors, modules=modules)
    observed = ObservedStore(store, tell)
    return NodeContext(
        name=name,
        incarnation="",
        store=observed,
        clock=store.clock,
        random=store.random,
        cfg=cfg,
        locations=locations,
        modules=modules,
        code=code,
        buses=buses,
        errors=errors,
        journal=Journal(observed),
    )


class DebugRun:
    """One run of a job, here and now; it is the run's host, and tells what a runner would write.

    Args:
        entry: the job, as it is to be run.
        members: who else is in the group; running. None: a group of one.

    Raises:
        NotFound, CodeError: its code can't run.
    """

    def __init__(
        self,
        context: NodeContext,
        place: Place,
        path: Path,
        entry: RunnerEntry,
        tell: Tell,
        members: Members | None = None,
    ) -> None:
        self._context = context
        self._place = place
        self._tell = tell
        self._members = members
        self._group: Group | None = None
        self._previous: StateName | None = None
        procedure = context.code.find(entry.code)
        self.execution = ObservedExecution(
            context, self, str(place.states + path), entry, procedure, OneThread(lambda: None)
        )
        self.execution.observe(tell)

    async def run(self) -> Outcome:
        """Run it to its end; ``cancel`` ends it as a runner would."""
        clock = self._context.clock
        began = clock.lease_now()
        async with anyio.create_task_group() as tasks:
            await tasks.start(Watchdog().run)
            self._tell_group()
            tasks.start_soon(self._follow_group)
            with _told_log(self._tell):
                outcome = await self.execution.run()
            tasks.cancel_scope.cancel()
        fields = {
            "end": outcome.end,
            "result": outcome.result,
            "message": outcome.message,
            "traceback": outcome.traceback,
        }
        lasted = {"seconds": round(clock.lease_now() - began, 3), "untaken": self.execution.queue.waiting}
        self._tell("end", fields | lasted)
        return outcome

    def cancel(self) -> None:
        """End the run, as an operator does."""
        self.execution.cancel("cancelled")

    async def ping(self) -> None:
        """A sign of life; the terminal shows more."""

    async def setup_done(self) -> None:
        self._tell("setup_done", {})

    async def record(self, message: str, place: Path | None, traceback: str, data: Any) -> None:
        told = {} if place is None else {"path": place}
        self._tell("error", told | {"message": message, "data": data, "traceback": traceback})

    def _look_at_group(self) -> Group:
        if self._members is not None:
            return self._members.group(self._place.kind, self._place.group)
        cut_off = self._context.store.link.state == "detached"
        return Group(group_state(1, 1, cut_off=cut_off), (self._context.name,), 1)

    def _tell_group(self) -> None:
        group, old = self._look_at_group(), self._group
        if group == old:
            return
        if old is not None and old.state != group.state:
            self._previous = old.state
        self._group = group
        self.execution.queue.put_state(group_message(group, self._previous))

    async def _follow_group(self) -> None:
        if self._members is not None:
            with self._members.listener(self._place.kind, self._place.group, self._tell_group):
                await anyio.sleep_forever()
        link = self._context.store.link
        while True:
            link = await self._context.store.wait_link(link)
            self._tell_group()


class _Teller(logging.Handler):
    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._tell("log", {"level": record.levelname.lower(), "message": record.getMessage(), "traceback": trace})


@contextmanager
def _told_log(tell: Tell) -> Iterator[None]:
    """Tell what the code logs, down to debug."""
    handler = _Teller(tell)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
