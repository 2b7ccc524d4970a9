"""What single-node and all-node runners share: this node alone writes the states of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gateway.errors import RecordError
from gateway.runner.entries import FRESH, StateEntry
from gateway.runner.scheduler import Scheduler
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from gateway.locations import Place
    from gateway.path import Path
    from gateway.runner.context import NodeContext
    from gateway.runner.job import Job


class SoleRunner(Scheduler):
    """A runner of states that nobody else writes.

    What it has in memory is the truth: it goes on while the store is out of reach, and writes when the store is back.
    When it starts and finds that a job was running, that process has died.
    """

    def __init__(self, context: NodeContext, place: Place) -> None:
        super().__init__(context, place)
        self._found: dict[Path, StateEntry] = {}  # at the start, for jobs that have not come up yet
        self._jobs_at = context.locations.jobs_of(place)
        self._states_at = context.locations.states_of(place)

    async def follow(self, *, task_status: TaskStatus[None]) -> None:
        await self._load_states()
        async with self.context.store.watch(self._jobs_at, min_depth=1) as events:
            async for event in events:
                if isinstance(event, Change):
                    await self.job_changed(event.path.after(self._jobs_at), event.value)
                elif isinstance(event, Ready):
                    await self._forget_orphans()
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED

    async def _load_states(self) -> None:
        async for entry in self.context.store.tree(self._states_at, min_depth=1):
            path = entry.path.after(self._states_at)
            try:
                self._found[path] = StateEntry.from_map(entry.value)
            except RecordError as error:
                self.context.log.error("a new state is begun at %s: %s", entry.path, error)  # noqa: TRY400
                self._found[path] = FRESH

    async def _forget_orphans(self) -> None:
        for path in self._found:
            await self.forget(path)
        self._found.clear()

    def known_state(self, path: Path) -> StateEntry:
        return self._found.pop(path, FRESH)

    async def examine(self, job: Job) -> None:
        if job.state.node is not None and job.execution is None:
            await job.recover()

    async def save(self, job: Job) -> None:
        await self.context.journal.set(self._states_at + job.path, job.state.to_map())

    async def forget(self, path: Path) -> None:
        await self.context.journal.delete(self._states_at + path)
