"""What every runner does: start the jobs of its place when they are due, and keep their states.

Theory of operation
-------------------
1. All jobs are in memory. The agenda says which one is to be looked at; the loop then asks ``schedule`` and starts it,
   holds it with a reason, or puts it back with a deadline.
2. A wait that follows from the end of a run is counted on the lease clock, so a jump of the wall clock does nothing to
   it. Waits for a target follow the wall clock.
3. A run is a task: write the state, execute, write the state. What happens meanwhile to its job, its code or its
   bus ends it at most; the loop decides anew when it has ended.
4. ``run`` ends by cancellation or ``stop``. Either way runs are cancelled as ``node stopped`` and their states are
   written: everything here is shielded from the cancellation and has 10 s. What doesn't end in time is named and the
   process exits hard.
5. What differs between kinds of runners is in the methods without an underscore: whose jobs (``place``), what the group
   is like (``group``, ``watch_group``), how changes come (``follow``), how states are kept (``save``, ``forget``,
   ``examine``), who may start (``decide``, ``start``, ``blocked``, ``take``, ``holds``, ``verdict``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import BusgateError, ClaimLost, CodeError, NotFound, RecordError
from gateway.runner.agenda import Agenda
from gateway.runner.entries import RunnerEntry, StateEntry, effect_of_change
from gateway.runner.execution import GRACE, Outcome
from gateway.runner.job import Hold, Job
from gateway.runner.messages import group_message
from gateway.runner.schedule import EARLY, POISON_DEATHS
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.cluster.group_state import Group, StateName
    from gateway.locations import Place
    from gateway.path import Path
    from gateway.runner.context import NodeContext
    from gateway.runner.schedule import Decision

#: A job starts if it is due within so many seconds: a float of Unix time has no finer grain that matters.
GRAIN: Final = 0.001


class Scheduler(ABC):
    """The base of all runners; ``await runner.run()`` runs the jobs of a place until it is cancelled or stopped."""

    def __init__(self, context: NodeContext, place: Place) -> None:
        self.context = context
        self.place = place
        self.agenda = Agenda(context.clock)
        self._jobs: dict[Path, Job] = {}
        self._stopping = anyio.Event()
        self._running = 0
        self._suspect_until = 0.0
        self._idle = anyio.Event()
        self._group: Group | None = None
        self._previous: StateName | None = None
        self._tasks: TaskGroup

    @property
    def jobs(self) -> Mapping[Path, Job]:
        """The jobs by their paths, as they are now."""
        return self._jobs

    @abstractmethod
    async def follow(self, *, task_status: TaskStatus[None]) -> None:
        """Call ``job_changed`` for each job and each change of one; ``started``: all that is there is known."""

    @abstractmethod
    def known_state(self, path: Path) -> StateEntry:
        """The stored state of a job that has come up; a fresh one when there is none."""

    @abstractmethod
    async def examine(self, job: Job) -> None:
        """Look at a job that has changed, before it is decided about."""

    @abstractmethod
    async def save(self, job: Job) -> None:
        """Write a job's state.

        Raises:
            ClaimLost: another node may have the job by now.
            BusgateError: it can't be written.
        """

    @abstractmethod
    async def forget(self, path: Path) -> None:
        """Delete the state of a job that is gone."""

    @abstractmethod
    def group(self) -> Group:
        """What the group is like now."""

    @abstractmethod
    async def watch_group(self) -> None:
        """Call ``tell_group_state`` whenever the group may have changed."""

    def signature(self, job: Job) -> tuple[str, int]:
        """What marks the state of the run that begins: this node's incarnation, and the fencing token."""
        return self.context.incarnation, 0

    def holds(self, job: Job) -> bool:
        """Whether how a run ended may still be written here."""
        return True

    def verdict(self, job: Job, outcome: Outcome) -> Outcome:
        """How a run has ended, where it isn't for the code alone to say."""
        return outcome

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run jobs; ``started`` is reported when all jobs are known."""
        async with anyio.create_task_group() as outside:
            outside.start_soon(self._stop_when_cancelled)
            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as self._tasks:
                    await self._work(task_status)
                    self._tasks.cancel_scope.cancel()
            outside.cancel_scope.cancel()

    def stop(self) -> None:
        """End ``run``, gracefully, within 10 s."""
        self._stopping.set()
        self.agenda.wake()

    def start_soon(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Start a task that ends with the runner; what it raises ends the runner."""
        self._tasks.start_soon(function, *args)

    def touch(self, job: Job) -> None:
        """Look at a job again."""
        self.agenda.touch(job)

    def tell_group_state(self) -> None:
        """Send the group's state to all runs, if it, the members or their wanted number have changed."""
        group = self.group()
        if group == self._group:
            return
        if self._group is not None and self._group.state != group.state:
            self._previous = self._group.state
        self._group = group
        for job in self._jobs.values():
            if job.execution is not None:
                job.execution.queue.put_state(group_message(group, self._previous))

    async def _stop_when_cancelled(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.stop()

    async def _work(self, task_status: TaskStatus[None]) -> None:
        with self.context.code.listener(self._code_changed):
            await self._tasks.start(self.follow)
            self.start_services(self._tasks)
            task_status.started()
            while not self._stopping.is_set():
                for job in self.agenda.due():
                    self.agenda.clear(job)
                    self.decide(job)
                await self.agenda.wait()
            await self.stop_runs()

    def start_services(self, tasks: TaskGroup) -> None:
        """Start what goes on beside the runs, now that all jobs are known."""
        tasks.start_soon(self._watch_buses)
        tasks.start_soon(self.watch_group)

    async def _watch_buses(self) -> None:
        while True:
            self.buses_changed()  # first of all: one may have come up since it was looked at
            await self.context.buses.changed()

    def buses_changed(self) -> None:
        """An interface of this node has come up or gone down, or may have."""
        for job in self._jobs.values():
            if job.hold is not None and job.hold.kind == "bus":
                self.touch(job)

    def _code_changed(self, path: Path) -> None:
        for job in self._jobs.values():
            if job.entry is not None and job.entry.code == path:
                job.stop("changed")
                self.touch(job)

    async def job_changed(self, path: Path, value: Any) -> None:
        """A job has come, has changed or, with ``NotGiven``, is gone."""
        job = self._jobs.get(path)
        if job is not None and job.removed:
            job.successor = value
        elif value is NotGiven:
            if job is not None:
                await self._remove(job)
        elif job is None:
            await self._add(path, value)
        else:
            await self._change(job, value)

    async def _add(self, path: Path, value: Any) -> None:
        self._jobs[path] = job = Job(self, path, self.known_state(path))
        await self._change(job, value)

    async def _change(self, job: Job, value: Any) -> None:
        old = job.entry
        try:
            job.entry = RunnerEntry.from_map(value)
        except RecordError as error:
            job.entry = None
            job.stop("changed")
            self.touch(job)
            await job.report(f"what is stored is no job: {error}")
            return
        if old is None:
            await job.resolve_report()
        elif (effect := effect_of_change(old, job.entry)) != "none":
            job.stop("changed" if effect == "restart" else "cancelled")
        await self.examine(job)
        self.touch(job)

    async def _remove(self, job: Job) -> None:
        if job.execution is not None:
            job.removed = True
            job.successor = NotGiven
            job.stop("cancelled")
            return
        del self._jobs[job.path]
        job.entry = None
        await self.context.errors.resolve("run", job.place)
        await self.forget(job.path)

    def decide(self, job: Job) -> None:
        """Start a job, hold it, or put it on the agenda."""
        if job.execution is not None or job.entry is None:
            return
        if self.due(job, job.decide()):
            self.start(job)

    def due(self, job: Job, decision: Decision) -> bool:
        """Whether a job starts now; if not, it is put on the agenda for when it will."""
        assert job.entry is not None
        job.reason = decision.reason
        if decision.due is None:
            job.hold = None
            return False
        if (wait := decision.due - self.context.clock.now()) <= GRAIN:
            return True
        job.hold = None
        self.agenda.at(job, wait, absolute=decision.due == job.entry.target)
        return False

    def start(self, job: Job) -> None:
        """Run a job that is due, unless something keeps it."""
        assert job.entry is not None
        if (hold := self.blocked(job)) is not None:
            self.hold(job, hold)
            return
        if (wait := self.probation(job)) > 0:
            self.agenda.at(job, wait)
            return
        if job.state.deaths >= POISON_DEATHS:
            self._suspect_until = self.context.clock.lease_now() + EARLY
        job.prepare(self.context.code.find(job.entry.code))
        self._running += 1
        self._tasks.start_soon(self._host, job)

    def probation(self, job: Job) -> float:
        """Seconds that a job has to wait because another one that may kill the node has just started.

        Jobs whose node died early start one by one: then it shows which of them it was.
        """
        wait = self._suspect_until - self.context.clock.lease_now() if job.state.deaths >= POISON_DEATHS else 0.0
        if wait > 0:
            job.reason = "another job that may kill the node has just started"
        return wait

    def hold(self, job: Job, hold: Hold) -> None:
        """Let a job that is due wait, and write why."""
        job.reason = hold.reason
        if job.hold is None or job.hold.kind != hold.kind:
            job.hold = hold
            self._tasks.start_soon(job.note_hold, hold)

    def blocked(self, job: Job) -> Hold | None:
        """What keeps a job that is due from starting here."""
        assert job.entry is not None
        try:
            self.context.code.find(job.entry.code)
        except (NotFound, CodeError) as error:
            return Hold("code", f"its code can't run: {error}")
        bus = job.entry.bus
        if bus is not None and not self.context.buses.is_up(bus):
            return Hold("bus", f"bus {bus} is not up here: {self.context.buses.explain(bus)}")
        if job.threads.busy:
            return Hold("thread", "a worker thread of its last run goes on")
        return None

    async def _host(self, job: Job) -> None:
        """One run, from the first write of its state to the last."""
        execution = job.execution
        assert execution is not None
        self.tell_group_state()
        assert self._group is not None
        execution.queue.put_state(group_message(self._group, self._previous))
        try:
            await job.begin(*self.signature(job))
        except ClaimLost as error:
            outcome = Outcome("lost", message=str(error))
        except BusgateError as error:
            outcome = Outcome("error", message=f"its state can't be written: {error}")
        else:
            outcome = self.verdict(job, await execution.run())
        await job.finish(outcome)
        self.ended(job)
        self._running -= 1
        if not self._running:
            self._idle.set()
        if job.removed:
            await self._replace(job)
        else:
            self.touch(job)

    def ended(self, job: Job) -> None:  # noqa: B027 - most runners have nothing to do
        """A run has ended, and its state is written, or can't be."""

    async def _replace(self, job: Job) -> None:
        """A job that was deleted while it ran has ended."""
        await self._remove(job)
        if job.successor is not NotGiven:
            await self._add(job.path, job.successor)

    async def stop_runs(self) -> None:
        """End all runs in order; what doesn't end in time takes the process with it."""
        for job in self._jobs.values():
            job.stop("node stopped")
        with anyio.move_on_after(GRACE):
            while self._running:
                self._idle = anyio.Event()
                await self._idle.wait()
        if self._running:
            left = ", ".join(str(job.place) for job in self._jobs.values() if job.execution is not None)
            self.context.exit_hard(f"these jobs do not end: {left}")
        with anyio.move_on_after(GRACE / 10):
            await self.context.errors.flush()
            await self.context.journal.flush()
