"""Agenda: which jobs a runner is to look at, and when it has to wake up for it.

Theory of operation
-------------------
1. ``touch`` marks a job; ``at`` puts it on a heap of deadlines. An idle job is an entry there, not a task.
2. Deadlines are on the lease clock, so a jump of the wall clock does nothing to them. Jobs that wait for a target
   follow the wall clock: while there are any, it is looked at each second whether it has jumped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from gateway.clock import pause
from gateway.runner.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.clock import Clock
    from gateway.runner.job import Job

#: Longest sleep, in seconds: a suspended machine's deadlines pass unseen by the sleep.
LONGEST: Final = 60.0
#: Seconds between looks at the wall clock while a job waits for a target.
LOOK: Final = 1.0
#: A wall clock that is off by more than this, in seconds, has jumped.
JUMP: Final = 0.5


class Agenda:
    """The jobs to be looked at, each once however often it was touched."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadlines = Deadlines()
        self._touched: dict[Job, None] = {}
        self._absolute: set[Job] = set()
        self._wake = anyio.Event()
        self._offset = clock.now() - clock.lease_now()

    def touch(self, job: Job) -> None:
        """Look at a job as soon as possible."""
        self._touched[job] = None
        self._wake.set()

    def wake(self) -> None:
        """End :meth:`wait`."""
        self._wake.set()

    def at(self, job: Job, wait: float, *, absolute: bool = False) -> None:
        """Look at a job in so many seconds; ``absolute``: sooner or later if the wall clock is set meanwhile."""
        self._deadlines.add(job, self._clock.lease_now() + wait)
        if absolute:
            self._absolute.add(job)

    def clear(self, job: Job) -> None:
        """Forget when a job was to be looked at."""
        job.deadline = None
        self._absolute.discard(job)

    def due(self) -> Iterator[Job]:
        """Take out the jobs that are to be looked at now, those included that are touched meanwhile."""
        self._wake = anyio.Event()
        now = self._clock.lease_now()
        self._touched |= dict.fromkeys(self._deadlines.passed(now))
        offset = self._clock.now() - now
        if abs(offset - self._offset) > JUMP:
            self._offset = offset
            self._touched |= dict.fromkeys(self._absolute)
        while self._touched:
            job = next(iter(self._touched))
            del self._touched[job]
            yield job

    async def wait(self) -> None:
        """Wait until a job is to be looked at, or ``wake`` is called."""
        longest = LOOK if self._absolute else LONGEST
        if (deadline := self._deadlines.next()) is not None:
            longest = min(longest, deadline - self._clock.lease_now())
        await pause(self._clock, longest, self._wake)
