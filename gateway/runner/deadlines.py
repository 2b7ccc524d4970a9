"""Deadlines of idle jobs: a heap, so that a job that waits costs one entry in it."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.runner.job import Job


class Deadlines:
    """Jobs by the moment when they are to be looked at again; the moment is the job's ``deadline``.

    A job whose deadline has changed or gone since leaves an entry behind that counts no more.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._stale_limit = 100

    def add(self, job: Job, deadline: float) -> None:
        """Set a job's deadline, on the lease clock."""
        job.deadline = deadline
        heapq.heappush(self._heap, (deadline, next(self._numbers), job))
        if len(self._heap) > self._stale_limit:
            self._heap = [entry for entry in self._heap if entry[0] == entry[2].deadline]
            heapq.heapify(self._heap)
            self._stale_limit = 2 * len(self._heap) + 100

    def passed(self, now: float) -> Iterator[Job]:
        """Take out the jobs whose deadline has come."""
        while self._heap and self._heap[0][0] <= now:
            deadline, _, job = heapq.heappop(self._heap)
            if job.deadline == deadline:
                yield job

    def next(self) -> float | None:
        """The earliest entry, or None."""
        return self._heap[0][0] if self._heap else None
