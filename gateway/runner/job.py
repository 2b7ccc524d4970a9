"""One job as its runner holds it in memory: entry, state, run, and why it waits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio

from gateway.code.threads import OneThread
from gateway.errors import BusgateError, ClaimLost
from gateway.runner.execution import Execution, Outcome
from gateway.runner.schedule import FAILURES, POISON_DEATHS, Decision, ended, schedule, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.abc import Permit
    from gateway.code.procedures import Procedure
    from gateway.path import Path
    from gateway.runner.entries import End, RunnerEntry, StateEntry
    from gateway.runner.scheduler import Scheduler


_NOWHERE: Final[frozenset[Path]] = frozenset()


class Hold(NamedTuple):
    """Why a job that is due does not start: ``kind`` is ``code``, ``bus`` or ``thread``; ``reason`` is in words."""

    kind: str
    reason: str


class Job:
    """One job.

    Attributes:
        entry: None while what is stored can't be read; then ``reason`` says why.
        state: the truth about its runs.
        execution: its run, if one is going on.
        deadline: on the lease clock, when it is to be looked at again.
        hold: why it doesn't start although it is due.
        reason: why it waits, or what it does.
        permit: the right of its run to write, where that can be lost; None: it can't.
        working: whether its run has said that it is set up.
        removed: it was deleted while it ran; ``successor`` is what was stored at its path since.
    """

    __slots__ = (
        "_context", "_recorded_at", "_runner", "_saving", "_stopped_at",
        "deadline", "entry", "execution", "hold", "path", "permit", "reason", "removed", "state", "successor",
        "threads", "working",
    )  # fmt: skip

    def __init__(self, runner: Scheduler, path: Path, state: StateEntry) -> None:
        context = runner.context
        self.path = path
        self.entry: RunnerEntry | None = None
        self.state = state
        self.execution: Execution | None = None
        self.deadline: float | None = None
        self.hold: Hold | None = None
        self.reason = ""
        self.permit: Permit | None = None
        self.working = False
        self.removed = False
        self.successor: Any = None
        self.threads = OneThread(self._thread_ended)
        self._runner = runner
        self._context = context
        self._saving: anyio.Lock | None = None  # made when needed: a job that waits should weigh little
        self._recorded_at = _NOWHERE
        self._stopped_at = self._since(state.stopped)

    @property
    def place(self) -> Path:
        """Where its state and its errors stand, below the locations of those."""
        return self._runner.place.states + self.path

    def decide(self) -> Decision:
        """When it starts next. The time since its last end is counted on the monotonic clock."""
        assert self.entry is not None
        now = self._context.clock.now()
        stopped = now - (self._context.clock.lease_now() - self._stopped_at)
        return schedule(self.entry, self.state.replace(stopped=stopped), now)

    def prepare(self, procedure: Procedure) -> Execution:
        """Get ready for a run."""
        assert self.entry is not None
        self.hold, self.deadline, self.reason, self.working = None, None, "it runs", False
        self.execution = Execution(
            self._context, self, str(self.place), self.entry, procedure, self.threads, permit=self.permit
        )
        return self.execution

    async def begin(self, incarnation: str, token: int) -> None:
        """Write that the run starts.

        Raises:
            BusgateError: the state can't be written.
        """
        assert self.execution is not None
        node, now = self._context.name, self._context.clock.now()
        self.state = started(self.execution.entry, self.state, now, node=node, incarnation=incarnation, token=token)
        async with self._saved():
            await self._runner.save(self)

    async def finish(self, outcome: Outcome) -> None:
        """Write how the run ended, and its error if there was one."""
        assert self.execution is not None
        entry = self.entry or self.execution.entry
        if not self._runner.holds(self):
            outcome = Outcome("lost")
        if outcome.end in FAILURES and not outcome.recorded:
            await self._context.errors.record(
                "run", self.place, outcome.message, traceback=outcome.traceback, data={"end": outcome.end}
            )
        if outcome.end == "finished":
            await self._resolve()
        self._stopped_at = self._context.clock.lease_now()
        self.state = ended(entry, self.state, self._context.clock.now(), outcome.end, outcome.result)
        await self._save()
        self.execution = None

    def see(self, state: StateEntry) -> None:
        """Take over a state that is stored; waits after an end not heard of before count from now on."""
        if state.stopped != self.state.stopped:
            self._stopped_at = self._since(state.stopped)
        self.state = state

    def _since(self, stopped: float) -> float:
        """A moment of the wall clock, on the lease clock; now if it is still to come."""
        return self._context.clock.lease_now() - max(0.0, self._context.clock.now() - stopped)

    async def recover(self, end: End = "node died") -> None:
        """Take note that whoever ran it runs it no more."""
        assert self.entry is not None
        gone = "its node died" if end == "node died" else "its claim was lost"
        where = self.state.incarnation or self.state.node
        self._context.log.warning("%s was running when %s (%s)", self.place, gone, where)
        self._stopped_at = self._context.clock.lease_now()
        self.state = ended(self.entry, self.state, self._context.clock.now(), end)
        if self.state.deaths >= POISON_DEATHS:
            message = f"its node died within 5 s of the start {self.state.deaths} times in a row"
            await self._context.errors.record("run", self.place, message, data={"end": "node died"})
        await self._save()

    async def note_hold(self, hold: Hold) -> None:
        """Write why it does not start."""
        if self.hold is hold and self.state.reason != hold.reason:
            self.state = self.state.replace(reason=hold.reason)
            await self._save()

    async def ping(self) -> None:
        self.state = self.state.replace(pinged=self._context.clock.now())
        await self._save()

    async def setup_done(self) -> None:
        self.working = True
        self.state = self.state.replace(pinged=self._context.clock.now(), backoff=0)
        await self._resolve()
        await self._save()

    async def record(self, message: str, place: Path | None, traceback: str, data: Any) -> None:
        if place is not None:
            self._recorded_at |= {place}
        await self._context.errors.record("run", place or self.place, message, traceback=traceback, data=data)

    async def report(self, problem: str) -> None:
        """What is stored is no job."""
        self.reason = problem
        await self._context.errors.record("run", self.place, problem)

    def stop(self, end: End) -> None:
        """End its run, if there is one."""
        if self.execution is not None:
            self.execution.cancel(end)

    def _thread_ended(self) -> None:
        self._runner.touch(self)

    @asynccontextmanager
    async def _saved(self) -> AsyncIterator[None]:
        """One write of the state after the other."""
        lock = self._saving = self._saving or anyio.Lock()
        async with lock:
            yield
        if not lock.locked():
            self._saving = None

    async def _resolve(self) -> None:
        for place in {self.place, *self._recorded_at}:
            await self._context.errors.resolve("run", place)
        self._recorded_at = _NOWHERE

    async def resolve_report(self) -> None:
        """What is stored is a job again."""
        await self._context.errors.resolve("run", self.place)

    async def _save(self) -> None:
        async with self._saved():
            try:
                await self._runner.save(self)
            except ClaimLost as error:
                self._context.log.info("the state of %s is no more written here: %s", self.place, error)
            except BusgateError as error:
                self._context.log.error("the state of %s can't be written: %s", self.place, error)  # noqa: TRY400
