"""What every runner does: start the jobs of its place when they are due, and keep their states.

Theory of operation
-------------------
1. All jobs are in memory. ``touch`` marks one as to be looked at; the loop then asks ``schedule`` and starts it, holds
   it with a reason, or puts its deadline on a heap. An idle job is an entry there, not a task.
2. Deadlines are on the lease clock. A wait that follows from the end of a run is counted there too, so a jump of the
   wall clock does nothing to it. Waits for a target follow the wall clock: while there are any, the loop looks each
   second whether it has jumped.
3. A run is a task: write the state, execute, write the state. What happens meanwhile to its job, its code or its
   bus ends it at most; the loop decides anew when it has ended.
4. ``run`` ends by cancellation or ``stop``. Either way runs are cancelled as ``node stopped`` and their states are
   written: everything here is shielded from the cancellation and has 10 s. What doesn't end in time is named and the
   process exits hard.
5. What differs between kinds of runners: whose jobs (``place``), how states are written (``save``), who may start
   (``take``, ``blocked``), what the group is like (``group``, ``watch_group``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import BusgateError, CodeError, NotFound, RecordError
from gateway.runner.deadlines import Deadlines
from gateway.runner.entries import RunnerEntry, StateEntry, effect_of_change
from gateway.runner.execution import GRACE, Outcome
from gateway.runner.job import Hold, Job
from gateway.runner.messages import group_message
from gateway.values import Change, NotGiven, Ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.cluster.group_state import Group, StateName
    from gateway.locations import Place
    from gateway.path import Path
    from gateway.runner.context import NodeContext

#: Longest sleep of the loop, in seconds: a suspended machine's deadlines pass unseen by the sleep.
LONGEST: Final = 60.0
#: Seconds between looks at the wall clock while a job waits for a target.
LOOK: Final = 1.0
#: A wall clock that is off by more than this, in seconds, has jumped.
JUMP: Final = 0.5
#: A job starts if it is due within so many seconds: a float of Unix time has no finer grain that matters.
GRAIN: Final = 0.001


class Scheduler(ABC):
    """The base of all runners; ``await runner.run()`` runs the jobs of a place until it is cancelled or stopped."""

    def __init__(self, context: NodeContext, place: Place) -> None:
        self.context = context
        self.place = place
        self._jobs: dict[Path, Job] = {}
        self._states: dict[Path, StateEntry] = {}
        self._deadlines = Deadlines()
        self._touched: dict[Job, None] = {}
        self._wake = anyio.Event()
        self._stopping = anyio.Event()
        self._running = 0
        self._idle = anyio.Event()
        self._offset = 0.0
        self._group: Group | None = None
        self._previous: StateName | None = None
        self._tasks: TaskGroup

    @property
    def jobs(self) -> Mapping[Path, Job]:
        """The jobs by their paths, as they are now."""
        return self._jobs

    async def save(self, job: Job) -> None:
        """Write a job's state."""
        await self.context.journal.set(self.context.locations.states_of(self.place) + job.path, job.state.to_map())

    async def forget(self, path: Path) -> None:
        """Delete the state of a job that is gone."""
        await self.context.journal.delete(self.context.locations.states_of(self.place) + path)

    async def take(self, job: Job) -> int:
        """Get the right to run a job; return the fencing token of the run."""
        return 0

    @abstractmethod
    def group(self) -> Group:
        """What the group is like now."""

    async def watch_group(self) -> None:
        """Call ``tell_group_state`` whenever the group may have changed; a group of one changes with the link."""
        link = self.context.store.link
        while True:
            link = await self.context.store.wait_link(link)
            self.tell_group_state()

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
        self._wake.set()

    def touch(self, job: Job) -> None:
        """Look at a job again."""
        self._touched[job] = None
        self._wake.set()

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
        await self._load_states()
        with self.context.code.listener(self._code_changed):
            await self._tasks.start(self._watch_jobs)
            self._tasks.start_soon(self._watch_buses)
            self._tasks.start_soon(self.watch_group)
            task_status.started()
            await self._loop()
            await self._stop_runs()

    async def _load_states(self) -> None:
        base = self.context.locations.states_of(self.place)
        async for entry in self.context.store.tree(base, min_depth=1):
            path = entry.path.after(base)
            try:
                self._states[path] = StateEntry.from_map(entry.value)
            except RecordError as error:
                self.context.log.error("a new state is begun at %s: %s", entry.path, error)  # noqa: TRY400
                self._states[path] = StateEntry()

    async def _watch_jobs(self, *, task_status: TaskStatus[None]) -> None:
        base = self.context.locations.jobs_of(self.place)
        async with self.context.store.watch(base, min_depth=1) as events:
            async for event in events:
                if isinstance(event, Change):
                    await self._job_changed(event.path.after(base), event.value)
                elif isinstance(event, Ready):
                    await self._forget_orphans()
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED

    async def _forget_orphans(self) -> None:
        for path in self._states:
            await self.forget(path)
        self._states.clear()

    async def _watch_buses(self) -> None:
        while True:
            await self.context.buses.changed()
            for job in self._jobs.values():
                if job.hold is not None and job.hold.kind == "bus":
                    self.touch(job)

    def _code_changed(self, path: Path) -> None:
        for job in self._jobs.values():
            if job.entry is not None and job.entry.code == path:
                job.stop("changed")
                self.touch(job)

    async def _job_changed(self, path: Path, value: Any) -> None:
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
        self._jobs[path] = job = Job(self, path, self._states.pop(path, StateEntry()))
        await self._change(job, value)

    async def _change(self, job: Job, value: Any) -> None:
        old = job.entry
        try:
            job.entry = RunnerEntry.from_map(value)
        except RecordError as error:
            job.entry = None
            job.stop("changed")
            await job.report(f"what is stored is no job: {error}")
            return
        if old is None:
            await job.resolve_report()
        elif (effect := effect_of_change(old, job.entry)) != "none":
            job.stop("changed" if effect == "restart" else "cancelled")
        if job.state.node is not None and job.execution is None:
            await job.recover()
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

    async def _loop(self) -> None:
        clock = self.context.clock
        self._offset = clock.now() - clock.lease_now()
        while not self._stopping.is_set():
            self._wake = anyio.Event()
            self._look_at_clock()
            while self._touched:
                job = next(iter(self._touched))
                del self._touched[job]
                self._decide(job)
            async with anyio.create_task_group() as pause:
                pause.start_soon(self._sleep, self._wake)
                await self._wake.wait()
                pause.cancel_scope.cancel()

    async def _sleep(self, wake: anyio.Event) -> None:
        pause = LOOK if any(job.absolute for job in self._jobs.values()) else LONGEST
        if (deadline := self._deadlines.next()) is not None:
            pause = min(pause, deadline - self.context.clock.lease_now())
        await self.context.clock.sleep(pause)
        wake.set()

    def _look_at_clock(self) -> None:
        """Touch what has become due, and what waits for a target if the wall clock has jumped."""
        now = self.context.clock.lease_now()
        self._touched |= dict.fromkeys(self._deadlines.passed(now))
        offset = self.context.clock.now() - now
        if abs(offset - self._offset) > JUMP:
            self._offset = offset
            self._touched |= dict.fromkeys(job for job in self._jobs.values() if job.absolute)

    def _decide(self, job: Job) -> None:
        job.deadline, job.absolute = None, False
        if job.execution is not None or job.entry is None:
            return
        due, job.reason = job.decide()
        if due is None:
            job.hold = None
            return
        wait = due - self.context.clock.now()
        if wait <= GRAIN:
            self._start(job)
            return
        job.hold, job.absolute = None, due == job.entry.target
        self._deadlines.add(job, self.context.clock.lease_now() + wait)

    def _start(self, job: Job) -> None:
        assert job.entry is not None
        if (hold := self.blocked(job)) is not None:
            job.reason = hold.reason
            if job.hold is None or job.hold.kind != hold.kind:
                job.hold = hold
                self._tasks.start_soon(job.note_hold, hold)
            return
        job.prepare(self.context.code.find(job.entry.code))
        self._running += 1
        self._tasks.start_soon(self._host, job)

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
            await job.begin(await self.take(job))
        except BusgateError as error:
            outcome = Outcome("error", message=f"its state can't be written: {error}")
        else:
            outcome = await execution.run()
        await job.finish(outcome)
        self._running -= 1
        if not self._running:
            self._idle.set()
        if job.removed:
            await self._replace(job)
        else:
            self.touch(job)

    async def _replace(self, job: Job) -> None:
        """A job that was deleted while it ran has ended."""
        await self._remove(job)
        if job.successor is not NotGiven:
            await self._add(job.path, job.successor)

    async def _stop_runs(self) -> None:
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
