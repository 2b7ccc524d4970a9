"""Removes what jobs that are gone have left behind in an any-node runner's group: their states and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.errors import BusgateError

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
        if path not in runner.jobs:
            try:
                await runner.states.delete(path)
            except BusgateError:
                await runner.context.clock.sleep(RETRY)
        if path not in runner.jobs and runner.view.revision(path) and not runner.claims.busy(path):
            await runner.claims.release(path)
        self._swept.discard(path)
        if not runner.claims.busy(path):
            runner.touch_at(path)
