"""Moves jobs from this node to others, one at a time, when the loads of the group are out of balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cluster.placement import Movable, surplus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.path import Path
    from gateway.runner.any_node import AnyRunner
    from gateway.runner.job import Job

#: Seconds between looks at the loads.
LOOK: Final = 0.5
#: Seconds that a job stays at least where it was moved to.
STAY: Final = 60.0
#: Seconds that a job which was handed over has to be taken before the next one moves.
TAKEN: Final = 1.0


class Rebalance:
    """For one any-node runner. Only jobs between runs move, and those whose run has said that it is set up."""

    def __init__(self, runner: AnyRunner) -> None:
        self._runner = runner
        self._clock = runner.context.clock
        self._arrived: dict[Path, float] = {}

    def arrived(self, job: Path) -> None:
        """A job that was moved has come here."""
        self._arrived[job] = self._clock.lease_now()

    async def run(self) -> None:
        """Look at the loads, for ever."""
        while True:
            await self._clock.sleep(LOOK)
            while (path := self._surplus()) is not None:
                self._runner.move(path)
                await self._gone(path)

    def _surplus(self) -> Path | None:
        runner = self._runner
        nodes = runner.view.eligible(runner.runner, None)
        if not runner.view.ordered or runner.me not in nodes or len(nodes) == 1:
            return None
        return surplus(runner.me, runner.candidacy.loads.of(nodes), self._movable())

    def _movable(self) -> Iterator[Movable]:
        runner = self._runner
        for path in runner.view.jobs_of(runner.me):
            job = runner.jobs.get(path)
            if job is not None and job.entry is not None and self._may_move(job):
                yield Movable(path, job.entry.weight, runner.others_with(job.entry.bus))

    def _may_move(self, job: Job) -> bool:
        runner, path = self._runner, job.path
        if not runner.claims.mine(runner.view.holder(path)) or runner.claims.busy(path):
            return False
        if (since := self._arrived.get(path)) is not None:
            if self._clock.lease_now() < since + STAY:
                return False
            del self._arrived[path]
        return job.execution is None or job.working

    async def _gone(self, path: Path) -> None:
        """Wait until another node has the job, for a while."""
        runner, end = self._runner, self._clock.lease_now() + TAKEN
        while self._clock.lease_now() < end:
            holder = runner.view.holder(path)
            if holder is not None and not runner.claims.mine(holder):
                return
            await self._clock.sleep(LOOK / 10)
