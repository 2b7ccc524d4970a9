"""The any-node runner: each job runs on one node of a group, under a claim; when that node fails, another takes over.

Theory of operation
-------------------
1. Presence, claims, states and jobs come through one watch, in one revision order. What it shows may be old: then a
   compare-and-set fails. It is never out of order, so a job that has ended is not begun again by somebody who has
   heard of the release of its claim but not of its end.
2. A run begins so: take or renew the claim by compare-and-set; the revision is the token. Wait until the watch shows
   that claim: by then it has shown everything that earlier holders wrote before. Look again whether the job is due.
   Record the end of a run whose node died. Write the state. Execute.
3. Between runs the claim stays. It is released when the job will not start again by itself, when its bus goes down
   here (code that fails for that has been handed over, not failed), when the job is handed over, and when the node
   stops; by compare-and-set, like everything else.
4. A claim of this incarnation that no run belongs to (a reply was lost) is one of those: it is renewed or released.
5. ``Store.lease_margin`` before the lease ends, runs are ended as ``lost``: before any other node can take over. A run
   that is to outlive its lease (``on_detach: keep``) goes on without the right to write, and gets a new claim if nobody
   else has taken the job meanwhile.
6. Who takes a job that nobody has is worked out alike by all (:mod:`gateway.cluster.placement`). If that node doesn't
   within ``RANK_WAIT``, the next in rank does.
7. A run that ignores its cancellation keeps its claim if it may; no other run of the job begins here before it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gateway.cluster.candidacy import Candidacy
from gateway.cluster.claim_view import ClaimView
from gateway.cluster.claims import Claims
from gateway.cluster.members import runner_name
from gateway.cluster.placement import rendezvous
from gateway.cluster.presence import provably_dead
from gateway.locations import Place
from gateway.runner.any_feed import AnyFeed
from gateway.runner.execution import GRACE
from gateway.runner.fenced_states import FencedStates
from gateway.runner.group_runner import GroupRunner
from gateway.runner.job import Hold
from gateway.runner.lease_guard import LeaseGuard
from gateway.runner.outcome import Outcome
from gateway.runner.rebalance import Rebalance
from gateway.runner.schedule import Decision
from gateway.runner.sweep import Sweep

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from gateway.cluster.fence import Fence
    from gateway.cluster.members import Members
    from gateway.cluster.presence import Presence
    from gateway.path import Path
    from gateway.runner.context import NodeContext
    from gateway.runner.entries import StateEntry
    from gateway.runner.job import Job
    from gateway.values import Change


class AnyRunner(GroupRunner):
    """Runs the jobs of ``any.GROUP`` that this node has claimed.

    Attributes:
        fences: of the runs here, and of those that are about to begin.

    Args:
        presence: of this node; it must tell that the node runs this runner (``runners``) and its interfaces.
    """

    def __init__(self, context: NodeContext, members: Members, presence: Presence, group: str = "default") -> None:
        super().__init__(context, Place("any", group), members)
        self.me = context.name
        self.runner = runner_name("any", group)
        self.view = ClaimView()
        self.candidacy = Candidacy(context.name)
        store, where = context.store, context.locations
        self.claims = Claims(store, where.claims / group, presence, self.view, context.log)
        self.states = FencedStates(store, where.states_of(self.place), context.log)
        self._presence = presence
        self.fences: dict[Path, Fence] = {}
        self._ours: set[str] = set()  # incarnations of this node that this process has been
        self._dead: set[str] = set()  # incarnations whose processes are proven dead
        self._moving: set[Path] = set()
        self._guard = LeaseGuard(self, presence)
        self._sweep = Sweep(self)
        self.rebalance = Rebalance(self)

    async def follow(self, *, task_status: TaskStatus[None]) -> None:
        await AnyFeed(self).run(task_status)

    def start_services(self, tasks: TaskGroup) -> None:
        super().start_services(tasks)
        tasks.start_soon(self._guard.run)
        tasks.start_soon(self.rebalance.run)

    def known_state(self, path: Path) -> StateEntry:
        return self.states.of(path)

    async def examine(self, job: Job) -> None:
        """Whoever holds its claim will."""

    async def save(self, job: Job) -> None:
        fence = self.fences[job.path]
        await self.states.write(job.path, job.state, fence, lambda: self.outlives(job))

    async def forget(self, path: Path) -> None:
        self.candidacy.unwanted(path)
        self._sweep.look(path)

    def signature(self, job: Job) -> tuple[str, int]:
        fence = self.fences[job.path]
        return fence.registration.incarnation, fence.token

    def holds(self, job: Job) -> bool:
        fence = self.fences[job.path]
        return not fence.lost and (fence.left > 0 or self.outlives(job))

    def verdict(self, job: Job, outcome: Outcome) -> Outcome:
        bus = job.entry.bus if job.entry is not None else None
        if not outcome.bus_down or bus is None or self.context.buses.is_up(bus):
            return outcome
        self.context.log.info("%s goes where its bus is up: %s", job.place, outcome.message)
        return Outcome("handed over")

    def ended(self, job: Job) -> None:
        del self.fences[job.path]
        job.permit = None
        job.see(self.states.of(job.path))

    def outlives(self, job: Job) -> bool:
        """Whether its run goes on when the lease has ended."""
        entry = job.execution.entry if job.execution is not None else job.entry
        return entry is not None and entry.on_detach == "keep" and not self._stopping.is_set()

    def touch_at(self, path: Path) -> None:
        """Look at what there is at a path: a job, or what one has left behind."""
        if (job := self._jobs.get(path)) is not None:
            self.touch(job)
        else:
            self._sweep.look(path)

    def touch_all(self) -> None:
        """Look at everything: the view has been put in order, or the group has changed."""
        for job in self._jobs.values():
            self.touch(job)
        for path in sorted({*self.view.claims, *self.states}.difference(self._jobs)):
            self._sweep.look(path)

    def buses_changed(self) -> None:
        for job in self._jobs.values():
            if job.entry is not None and job.entry.bus is not None:
                self.touch(job)

    def decide(self, job: Job) -> None:
        if job.execution is not None:
            self._oversee(job, self.fences.get(job.path))
            return
        if not self.view.ordered or self.claims.busy(job.path):
            return
        holder = self.view.holder(job.path)
        if self.claims.mine(holder):
            self._go_on(job)
        elif holder is not None:
            job.hold, job.reason = None, f"{holder.node} holds it"
            self._moving.discard(job.path)
            self.candidacy.held(job.path, holder.node, _weight(job))
        elif job.entry is not None:
            self._compete(job)

    def _oversee(self, job: Job, fence: Fence | None) -> None:
        """Look after a job that runs here."""
        if fence is None or job.entry is None:
            return
        bus = job.entry.bus
        if bus is not None and not self.context.buses.is_up(bus) and self.others_with(bus):
            job.stop("handed over")
        elif fence.registration is not self._presence.registration and self.outlives(job):
            self.start_soon(self._guard.get_new_claim, job, fence)

    def others_with(self, bus: str | None) -> list[str]:
        """The other nodes of the group that have a bus up; None: all others."""
        return [node for node in self.view.eligible(self.runner, bus) if node != self.me]

    def _go_on(self, job: Job) -> None:
        """Decide about a job whose claim is ours and that doesn't run."""
        path = job.path
        self.candidacy.held(path, self.me, _weight(job))
        bus = None if job.entry is None else job.entry.bus
        away = path in self._moving or (bus is not None and not self.context.buses.is_up(bus))
        decision = Decision(None, "what is stored is no job") if job.entry is None else self._decision(job)
        if away or decision.due is None:
            self._moving.discard(path)
            job.hold, job.reason = None, decision.reason
            self.start_soon(self._release, path)
        elif self.due(job, decision):
            self.start(job)

    def _compete(self, job: Job) -> None:
        """Decide about a job that nobody holds."""
        assert job.entry is not None
        decision = self._decision(job)
        bus = job.entry.bus
        if not self.due(job, decision):
            self.candidacy.unwanted(job.path)
            if decision.due is None and self.view.revision(job.path):
                self._clear(job.path)
            return
        order = rendezvous(job.path, self.view.eligible(self.runner, bus))
        if not order:
            self.candidacy.unwanted(job.path)
            none = "this node has not been announced yet" if bus is None else f"no node of the group has bus {bus} up"
            self.hold(job, Hold("bus", none))
            return
        now = self.context.clock.lease_now()
        node = self.candidacy.expected(job.path, order, _weight(job), now)
        if self.me not in order:
            self.hold(job, Hold("bus", f"bus {bus} is not up here; {node} is expected to take it"))
        elif (wait := self.candidacy.turn(job.path, order, doubtful=self._doubtful(job.path)) - now) > 0:
            job.hold, job.reason = None, f"{node} is expected to take it"
            self.agenda.at(job, wait)
        else:
            self.start(job)

    def _doubtful(self, path: Path) -> bool:
        """Whether a job was left by another node that may live, cut off or because the store has lost its lease."""
        claim = self.view.left_by(path)
        if claim is None or claim.node == self.me or claim.incarnation in self._dead:
            return False
        if provably_dead(claim.to_map()):
            self._dead.add(claim.incarnation)
            return False
        return True

    def _clear(self, path: Path) -> None:
        """Delete the claim of a node that has died, of a job that will not start again by itself."""
        if rendezvous(path, self.view.eligible(self.runner, None))[:1] == [self.me]:
            self._tasks.start_soon(self._release, path)

    def _decision(self, job: Job) -> Decision:
        assert job.entry is not None
        if job.state.of(job.entry).node is not None:
            return Decision(self.context.clock.now(), "its node is gone; that is to be recorded")
        return job.decide()

    def hold(self, job: Job, hold: Hold) -> None:
        """Let a job wait. The reason isn't stored: nobody holds the job, so whoever shows it works out why."""
        job.hold, job.reason = hold, hold.reason

    def start(self, job: Job) -> None:
        if (hold := self.blocked(job)) is not None:
            self.hold(job, hold)
        elif (wait := self.probation(job)) > 0:
            self.agenda.at(job, wait)
        elif self.claims.usable() is not None and not self._stopping.is_set():
            self.claims.begin(job.path)
            self.start_soon(self._begin, job)

    async def _begin(self, job: Job) -> None:
        """Get the claim of a job, and run it if it is still due then."""
        fence = await self.claims.take(job.path)
        if fence is not None and self._jobs.get(job.path) is job and job.entry is not None:
            self.fences[job.path] = job.permit = fence
            self._ours.add(fence.registration.incarnation)
            job.see(self.states.of(job.path))
            await self._record_end(job)
            if self._may_run(job, fence):
                super().start(job)
            if job.execution is None:
                self.ended(job)
        self.claims.done(job.path)
        self.touch_at(job.path)

    async def _record_end(self, job: Job) -> None:
        """Write how the last run ended if whoever ran it couldn't; now that the job is ours."""
        assert job.entry is not None
        if job.state.end == "handed over":
            self.rebalance.arrived(job.path)
        if job.state.of(job.entry).node is not None:
            await job.recover("lost" if job.state.incarnation in self._ours else "node died")

    def _may_run(self, job: Job, fence: Fence) -> bool:
        """Whether a job is still due, and still ours."""
        safe = not fence.lost and fence.left > self.context.store.lease_margin and not self._stopping.is_set()
        return safe and job.entry is not None and not job.removed and self.due(job, job.decide())

    def claim_changed(self, path: Path, change: Change) -> None:
        """The feed tells of a claim."""
        seen = self.view.claim_changed(path, change)
        if seen.claim is not None:
            self.candidacy.claimed(seen.claim.node, self.context.clock.lease_now())
        self.claims.changed(path)
        fence = self.fences.get(path)
        if fence is not None and seen.revision > fence.token and not self.claims.mine(seen.claim):
            self.lose(path, "another node has taken the claim, or it was deleted")
        self.touch_at(path)

    def state_changed(self, path: Path, change: Change) -> None:
        """The feed tells of a state."""
        self.states.changed(path, change)
        job = self._jobs.get(path)
        if job is None:
            self._sweep.look(path)
        elif path not in self.fences:
            job.see(self.states.of(path))
            self.touch(job)

    def group_changed(self) -> None:
        """A node has come or gone, or a bus of one: what nobody holds may go elsewhere, what runs too."""
        for job in self._jobs.values():
            if job.execution is not None or self.view.holder(job.path) is None:
                self.touch(job)

    def move(self, path: Path) -> None:
        """Hand over a job that this node holds."""
        job = self._jobs[path]
        self._moving.add(path)
        job.stop("handed over")
        self.touch(job)

    async def _release(self, path: Path) -> None:
        await self.claims.release(path)
        self.touch_at(path)

    def lose(self, path: Path, why: str) -> None:
        """The run of a job here may write nothing any more; it ends."""
        self.fences[path].lose(why)
        if (job := self._jobs.get(path)) is not None:
            job.stop("lost")

    async def stop_runs(self) -> None:
        self.claims.abandon()
        await super().stop_runs()
        with anyio.move_on_after(GRACE / 10):
            async with anyio.create_task_group() as tasks:
                for path in self.view.jobs_of(self.me):
                    if self.claims.mine(self.view.holder(path)):
                        tasks.start_soon(self.claims.release, path)


def _weight(job: Job) -> float:
    return 1.0 if job.entry is None else job.entry.weight
