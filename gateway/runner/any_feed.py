"""What an any-node runner hears: presence, claims, states and jobs of its group, in one revision order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.cluster.presence import provably_dead
from gateway.errors import Detached, Uncertain
from gateway.values import Change, NotGiven, Ready, Resync

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from gateway.path import Path
    from gateway.runner.any_node import AnyRunner
    from gateway.values import WatchEvent

#: Seconds until a watch that could not begin, or broke for good, is tried again.
RETRY: Final = 1.0
#: Seconds after a node has vanished until its jobs are taken: by then it shows whether many have.
SETTLE: Final = 0.05


class AnyFeed:
    """Takes what one watch tells to where it belongs."""

    def __init__(self, runner: AnyRunner) -> None:
        where, place = runner.context.locations, runner.place
        self._runner = runner
        self._presence = where.presence
        self._claims = where.claims / place.group
        self._states = where.states_of(place)
        self._jobs = where.jobs_of(place)
        self._started = False
        self._fresh: set[Path] | None = None  # what a new snapshot has shown so far

    async def run(self, task_status: TaskStatus[None]) -> None:
        """Follow the store; ``started``: everything that is there is known."""
        store = self._runner.context.store
        while True:
            self._runner.view.ordered = False
            self._fresh = set()
            try:
                places = (self._presence, self._claims, self._states, self._jobs)
                async with store.watch(*places, min_depth=1) as events:
                    async for event in events:
                        await self._take(event)
                        if isinstance(event, Ready):
                            task_status.started()
                            task_status = anyio.TASK_STATUS_IGNORED
            except (Detached, Uncertain):
                await store.clock.sleep(RETRY)

    async def _take(self, event: WatchEvent) -> None:
        if isinstance(event, Resync):
            self._runner.view.ordered = False
        elif isinstance(event, Ready):
            await self._ready(event.revision)
        else:
            await self._changed(event)

    async def _ready(self, revision: int) -> None:
        """Everything up to a revision is known: what a new snapshot hasn't shown is gone."""
        if self._fresh is not None:
            for path in sorted(self._known().difference(self._fresh)):
                await self._changed(Change(path, NotGiven, revision))
            self._fresh = None
        self._runner.view.ready(revision)
        if not self._started:
            self._started = True
            self._hold_back(self._runner.context.store.lease_ttl)  # it has not seen how many vanished
        self._runner.claims.ordered()
        self._runner.candidacy.regroup()
        self._runner.touch_all()

    def _known(self) -> set[Path]:
        runner = self._runner
        presence = {self._presence / node for node, member in runner.view.members.items() if member.incarnation}
        claims = {self._claims + job for job, seen in runner.view.claims.items() if seen.present}
        return (
            presence
            | claims
            | {self._states + job for job in runner.states}
            | {self._jobs + job for job in runner.jobs}
        )

    async def _changed(self, change: Change) -> None:
        path = change.path
        if self._fresh is not None and not change.deleted:
            self._fresh.add(path)
        if path.below(self._claims):
            self._runner.claim_changed(path.after(self._claims), change)
        elif path.below(self._states):
            self._runner.state_changed(path.after(self._states), change)
        elif path.below(self._jobs):
            await self._runner.job_changed(path.after(self._jobs), change.value)
        elif len(path.after(self._presence)) == 1:
            self._presence_changed(change)

    def _hold_back(self, seconds: float) -> None:
        """Leave to others what they held, in case that it was rather the store than they."""
        self._runner.candidacy.hold_back(self._runner.context.clock.lease_now() + seconds)

    def _presence_changed(self, change: Change) -> None:
        runner, view = self._runner, self._runner.view
        node: Any = change.path[-1]
        before, after = view.presence_changed(change)
        if before.incarnation and before.incarnation != after.incarnation:
            now = runner.context.clock.lease_now()
            known = provably_dead(before.record)
            others = node != runner.me and runner.runner in before.runners and not known
            many = others and view.mass_loss(now, node, runner.runner)
            if not known or node == runner.me:
                self._hold_back(runner.context.store.lease_ttl if many or node == runner.me else SETTLE)
            for job in view.jobs_of(node):
                runner.touch_at(job)
        if (before.incarnation, before.runners, before.buses) != (after.incarnation, after.runners, after.buses):
            runner.candidacy.regroup()
            runner.group_changed()
