"""Any-node runners with a mistake in each, to show that a simulation finds it. Only here is anything patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.cluster.claims import Claims
from gateway.errors import Detached, Uncertain
from gateway.runner import AnyRunner
from gateway.runner.fenced_states import FencedStates

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cluster.claim_view import Claim
    from gateway.cluster.fence import Fence
    from gateway.cluster.members import Members
    from gateway.cluster.presence import Presence, Registration
    from gateway.path import Path
    from gateway.runner import NodeContext, StateEntry
    from gateway.runner.job import Job


class UncomparedStates(FencedStates):
    """Writes states without looking at what is there: no compare-and-set, no token, no lease."""

    async def write(self, path: Path, state: StateEntry, fence: Fence, patient: Callable[[], bool]) -> None:
        value = state.replace(token=fence.token).to_map()
        while True:
            try:
                revision = await self._store.set(self._base + path, value)
            except (Detached, Uncertain):
                await self._store.clock.sleep(0.2)
            else:
                self._note(path, state, revision)
                return


class NoTokenCompare(AnyRunner):
    """A past holder overwrites the state of the new one."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        self.states = UncomparedStates(context.store, context.locations.states_of(self.place), context.log)


class NoLeaseCheck(AnyRunner):
    """Its runs go on when the lease has ended, and write to the hardware, until it hears that others have the job."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        self._guard._end_runs = lambda registration: None  # type: ignore[method-assign]

    async def _begin(self, job: Job) -> None:
        take = self.claims.take

        async def unchecked(path: Path) -> Fence | None:
            fence = await take(path)
            if fence is not None:
                fence.check = lambda seconds: None  # type: ignore[method-assign]
            return fence

        self.claims.take = unchecked  # type: ignore[method-assign,assignment]
        try:
            await super()._begin(job)
        finally:
            self.claims.take = take  # type: ignore[method-assign]


class ForgetfulClaims(Claims):
    """Knows only those claims as its own whose taking was acknowledged."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._acknowledged: set[int] = set()

    async def _put(self, job: Path, registration: Registration, revision: int) -> int:
        token = await super()._put(job, registration, revision)
        self._acknowledged.add(token)
        return token

    def mine(self, claim: Claim | None) -> bool:
        seen = next((one for one in self._view.claims.values() if one.claim is claim), None)
        return super().mine(claim) and (seen is None or seen.revision in self._acknowledged)


class OrphansStay(AnyRunner):
    """A claim whose reply was lost is not adopted, and stays while its node lives."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        base = context.locations.claims / self.place.group
        self.claims = ForgetfulClaims(context.store, base, presence, self.view, context.log)
