"""Removes what jobs that are gone have left behind in an any-node runner's group: their states and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.errors import BusgateError
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from gateway.path import Path
    from gateway.runner.any_node import AnyRunner

#: Seconds between tries while the store doesn't answer.
RETRY: Final = 0.2


class Sweep:
    """Every node sweeps: by compare-and-set, so that whoever comes second does nothing."""

    def __init__(self, runner: AnyRunner) -> None:
        self._runner = runner
        self._swept: set[Path] = set()

    def look(self, path: Path) -> None:
        """Remove the state and the claim of a job that is gone, unless another node holds it and will."""
        runner = self._runner
        holder = runner.view.holder(path)
        if not runner.view.ordered or path in self._swept or (holder is not None and not runner.claims.mine(holder)):
            return
        if runner.view.revision(path) or runner.states.revision(path):
            self._swept.add(path)
            runner.start_soon(self._remove, path)
        else:
            runner.view.forget(path)

    async def _remove(self, path: Path) -> None:
        runner = self._runner
        try:
            if path not in runner.jobs and await self._gone(path):
                await runner.states.delete(path)
                if runner.view.revision(path) and not runner.claims.busy(path):
                    await runner.claims.release(path)
            else:
                await runner.context.clock.sleep(RETRY)
        except BusgateError:
            await runner.context.clock.sleep(RETRY)
        self._swept.discard(path)
        if not runner.claims.busy(path):
            runner.touch_at(path)

    async def _gone(self, path: Path) -> bool:
        """Whether there is no such job. The view may have to tell of it yet: it has changed after its state has."""
        runner = self._runner
        known = max(runner.view.revision(path), runner.states.revision(path))
        jobs = runner.context.locations.jobs_of(runner.place)
        async with runner.context.store.watch(jobs + path, max_depth=0) as events:
            async for event in events:
                if isinstance(event, Ready):
                    return event.revision >= known
                if isinstance(event, Change) and not event.deleted:
                    return False
        return False
