"""What must hold at every moment of a simulation, checked on its log; whatever faults there were.

Theory of operation
-------------------
1. A process holds a job from the landing of its claim to that of another process's. A hardware write goes out, and is
   over, while its process holds the job, and its run is the newest of the job.
2. What no software can exclude is one operation that was begun before its process was paused: it is counted instead.
3. Tokens of a job's states rise, in the order in which they land; so a past holder writes nothing after the new one.
4. Within one process a job never runs twice at the same time; nor elsewhere, but for a run that outlives its lease.
5. A job that runs once, and is done for its target, does not begin again; the numbers of runs rise.
6. What was acknowledged is there at the end. No process crashes, none has to exit hard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulated.events import (
    Acknowledged,
    Began,
    Claimed,
    Ended,
    JobStored,
    Operation,
    ProcessEvent,
    StateLanded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulated.events import Log


@dataclass(slots=True)
class Findings:
    """What a log shows.

    Attributes:
        violations: of what must hold, each with its moment.
        excused: hardware writes by a past holder that were begun before it was paused.
        operations: hardware writes.
        takeovers: claims taken from another process's hands.
    """

    violations: list[str] = field(default_factory=list)
    excused: int = 0
    operations: int = 0
    takeovers: int = 0


@dataclass(slots=True)
class _Job:
    holder: str = ""
    run: int = 0  # the newest that has begun
    claims: int = 0  # how often the holder has changed
    token: int = 0
    runs: int = 0
    uid: str = ""
    kind: str = ""
    target: float | None = None
    done_for: float | None = None  # the target that a run has finished for
    running: dict[int, str] = field(default_factory=dict)  # the process by run


@dataclass(slots=True)
class _InFlight:
    claims: int  # of the job, when it went out
    pauses: int  # of the process, when it was called


class Checker:
    """Reads a log once."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._time = 0.0
        self._jobs: dict[str, _Job] = {}
        self._pauses: dict[str, int] = {}
        self._in_flight: dict[tuple[int, int], _InFlight] = {}
        self._acknowledged: dict[str, int] = {}

    def read(self, log: Log, stored: Callable[[str], object]) -> Findings:
        """Check a log; ``stored(path)`` is what the server holds in the end."""
        readers: dict[type, Callable[..., None]] = {
            ProcessEvent: self._process, Claimed: self._claimed, StateLanded: self._state, Began: self._began,
            Ended: self._ended, Operation: self._operation, JobStored: self._job_stored,
            Acknowledged: self._acknowledge,
        }  # fmt: skip
        for self._time, event in log.entries:
            if (reader := readers.get(type(event))) is not None:
                reader(event)
        for path, value in self._acknowledged.items():
            if (found := stored(path)) != value:
                self._complain(f"{path}: {value} was acknowledged, and it is {found}")
        return self.findings

    def _complain(self, what: str) -> None:
        self.findings.violations.append(f"{self._time:.3f} {what}")

    def _job(self, name: str) -> _Job:
        return self._jobs.setdefault(name, _Job())

    def _process(self, event: ProcessEvent) -> None:
        if event.what == "paused":
            self._pauses[event.process] = self._pauses.get(event.process, 0) + 1
        elif event.what in ("crashed", "exited"):
            self._complain(f"{event.process} {event.what}: {event.why}")
        elif event.what in ("killed", "ended"):
            for job in self._jobs.values():
                job.running = {run: process for run, process in job.running.items() if process != event.process}

    def _claimed(self, event: Claimed) -> None:
        job = self._job(event.job)
        if job.holder != event.process:
            self.findings.takeovers += bool(job.holder)
            job.holder = event.process
            job.claims += 1

    def _state(self, event: StateLanded) -> None:
        if event.deleted:
            return
        job = self._job(event.job)
        if event.token < job.token:
            self._complain(f"{event.job}: {event.process} wrote a state with token {event.token} after {job.token}")
        if event.uid == job.uid and event.runs < job.runs:
            self._complain(f"{event.job}: {event.process} wrote a state of run {event.runs} after that of {job.runs}")
        job.token, job.runs, job.uid = max(job.token, event.token), event.runs, event.uid
        if event.end == "finished" and event.node is None:
            job.done_for = event.served

    def _job_stored(self, event: JobStored) -> None:
        job = self._job(event.job)
        job.kind, job.target = event.kind, event.target

    def _began(self, event: Began) -> None:
        job = self._job(event.job)
        if event.process in job.running.values():
            self._complain(f"{event.job}: it runs twice in {event.process}")
        if job.kind == "once" and job.target is not None and job.done_for == job.target:
            self._complain(f"{event.job}: it was done for {job.done_for}, and {event.process} runs it again")
        job.running[event.run] = event.process
        if event.process == job.holder:
            job.run = event.run

    def _ended(self, event: Ended) -> None:
        self._job(event.job).running.pop(event.run, None)

    def _operation(self, event: Operation) -> None:
        key, pauses = (event.run, event.number), self._pauses.get(event.process, 0)
        job = self._job(event.job)
        if event.stage == "called":
            self._in_flight[key] = _InFlight(job.claims, pauses)
            return
        flight = self._in_flight[key]
        if event.stage == "out":
            self.findings.operations += 1
            flight.claims = job.claims
        past = job.holder != event.process or job.run != event.run or flight.claims != job.claims
        if not past:
            return
        if pauses > flight.pauses:
            self.findings.excused += 1
            return
        self._complain(f"{event.job}: run {event.run} of {event.process} wrote to the hardware ({event.stage}), "
                       f"but run {job.run} of {job.holder} has it")  # fmt: skip

    def _acknowledge(self, event: Acknowledged) -> None:
        self._acknowledged[event.path] = event.value
