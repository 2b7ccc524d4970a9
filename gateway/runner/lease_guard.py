"""Ends the runs of an any-node runner before the lease that they live by does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.clock import pause
from gateway.runner.scheduler import GRAIN

if TYPE_CHECKING:
    from gateway.cluster.fence import Fence
    from gateway.cluster.presence import Presence, Registration
    from gateway.runner.any_node import AnyRunner
    from gateway.runner.job import Job

#: Seconds between looks whether a lease that was about to end has been renewed.
LOOK: Final = 0.1


class LeaseGuard:
    """Watches the lease of the node's presence."""

    def __init__(self, runner: AnyRunner, presence: Presence) -> None:
        self._runner = runner
        self._presence = presence
        self._clock = runner.context.clock
        self._margin = runner.context.store.lease_margin

    async def run(self) -> None:
        """Watch, for ever."""
        claims = self._runner.claims
        while True:
            while (registration := claims.usable()) is None:
                await pause(self._clock, LOOK, self._presence.changed)
            for job in self._runner.jobs.values():
                self._runner.touch(job)
            while claims.usable() is registration:
                left = registration.lease.expires - self._clock.lease_now() - self._margin
                await pause(self._clock, max(left, GRAIN), self._presence.changed)
            self._end_runs(registration)

    def _end_runs(self, registration: Registration) -> None:
        runner = self._runner
        runner.claims.abandon()
        for path, fence in list(runner.fences.items()):
            job = runner.jobs.get(path)
            if fence.registration is registration and not (job is not None and runner.outlives(job)):
                runner.lose(path, "the lease of its node was about to end")

    async def get_new_claim(self, job: Job, fence: Fence) -> None:
        """For a run that has outlived its lease."""
        await self._runner.claims.replace(job.path, fence)
        if fence.lost:
            job.stop("lost")
