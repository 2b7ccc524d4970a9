"""Runners and presences with a mistake in each, to show that a simulation finds it. Only here is anything patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from gateway.cluster.claim_view import ClaimView
from gateway.cluster.claims import Claims
from gateway.cluster.presence import Presence, Registration
from gateway.errors import Detached, Uncertain
from gateway.runner import AnyRunner
from gateway.runner.fenced_states import FencedStates

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Lease
    from gateway.cluster.claim_view import Claim
    from gateway.cluster.fence import Fence
    from gateway.cluster.members import Members
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


class Recreated(Presence):
    """Writes its entry again when it has vanished, under the incarnation that it had: its old claims seem valid again.

    By itself that does no harm: what runs lived by the old registration, and has to get a new claim by compare-and-set.
    """

    async def _register(self, lease: Lease) -> None:
        if not self.incarnation:
            await super()._register(lease)
            return
        await self._remove_dead()
        async with self._writing:
            self._revision = await self._store.set(self._path, self._record(), revision=0, lease=lease)
            self._set(self._registered(lease))

    def _registered(self, lease: Lease) -> Registration:
        return Registration(self.incarnation, self._revision, lease)


class Continued(Recreated):
    """Goes on with its registration then: it was alive all the time, it thinks, so its runs live by the new lease."""

    _first: Registration | None = None

    def _set(self, registration: Registration | None) -> None:
        self._first = self._first or registration
        super()._set(registration)

    def _registered(self, lease: Lease) -> Registration:
        assert self._first is not None
        object.__setattr__(self._first, "lease", lease)
        return self._first


class UnprovenView(ClaimView):
    """Takes an incarnation that it doesn't see for a dead one, without a proof by revision."""

    def void(self, claim: Claim) -> bool:
        member = self.members.get(claim.node)
        return member is None or member.incarnation != claim.incarnation


class HastyView(ClaimView):
    """Finds itself in order between ``Resync`` and ``Ready``."""

    @property
    def ordered(self) -> bool:
        return True

    @ordered.setter
    def ordered(self, ordered: bool) -> None:
        """It never is in disorder, it thinks."""


class HastyUnprovenView(HastyView, UnprovenView):
    """Takes for dead, in whatever order it hears, whom it doesn't see."""


class ViewedOtherwise(AnyRunner):
    """Decides by a view of another kind."""

    make_view: ClassVar[type[ClaimView]]

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        self.view = self.make_view()
        base = context.locations.claims / self.place.group
        self.claims = Claims(context.store, base, presence, self.view, context.log)


class Unproven(ViewedOtherwise):
    """Waits for ``Ready``, but asks for no proof."""

    make_view = UnprovenView


class Hasty(ViewedOtherwise):
    """Asks for a proof, but doesn't wait for ``Ready``."""

    make_view = HastyView


class HastyUnproven(ViewedOtherwise):
    """Neither waits for ``Ready`` nor asks for a proof."""

    make_view = HastyUnprovenView


class OneAtATime(AnyRunner):
    """Without a mistake: it takes one claim after the other, so a few jobs are much."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        self.claims._slots = anyio.Semaphore(1)


class NewestRevision(OneAtATime):
    """Takes a claim at the revision that it has when the request is sent, not at that at which it was found free."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        put, view = self.claims._put, self.view

        async def put_at_newest(job: Path, registration: Registration, revision: int) -> int:
            return await put(job, registration, view.revision(job))

        self.claims._put = put_at_newest  # type: ignore[method-assign]


class Unrestrained(AnyRunner):
    """Takes at once what others have lost, be it by the store's doing."""

    def __init__(self, context: NodeContext, members: Members, presence: Presence) -> None:
        super().__init__(context, members, presence)
        self.candidacy.hold_back = lambda until: None  # type: ignore[method-assign]
