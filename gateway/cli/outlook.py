"""What becomes of jobs: who has them, when they start next and what keeps them, worked out from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from gateway.cluster.claim_view import ClaimView
from gateway.cluster.members import runner_name, runners_of
from gateway.code.procedures import ProcedureEntry, from_entry
from gateway.errors import CodeError, RecordError
from gateway.runner.schedule import ended, schedule
from gateway.values import Change, NotGiven, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from gateway.abc import Store
    from gateway.locations import Locations, Place
    from gateway.path import Path
    from gateway.runner.entries import RunnerEntry, StateEntry


class Outlook:
    """One look at the nodes that live and at the claims of a group; made by :meth:`read`.

    Attributes:
        presence: the presence records by node.
        view: who holds which job of an any-node runner.
    """

    def __init__(
        self, store: Store, locations: Locations, place: Place, plugins: Callable[[], Container[Path]]
    ) -> None:
        self.presence: dict[str, Any] = {}
        self.view = ClaimView()
        self._store = store
        self._place = place
        self._procedures = locations.procedures
        self._plugins = plugins
        self._runner = runner_name(place.kind, place.group)

    @classmethod
    async def read(
        cls, store: Store, locations: Locations, place: Place, plugins: Callable[[], Container[Path]]
    ) -> Self:
        """Look now.

        Args:
            plugins: gives the procedures that plugins bring here.
        """
        outlook, claims = cls(store, locations, place, plugins), locations.claims / place.group
        async with store.watch(locations.presence, claims, min_depth=1) as events:
            async for event in events:
                if isinstance(event, Ready):
                    outlook.view.ready(event.revision)
                    break
                if isinstance(event, Change) and event.path.below(claims):
                    outlook.view.claim_changed(event.path.after(claims), event)
                elif isinstance(event, Change):
                    outlook.view.presence_changed(event)
                    outlook.presence[str(event.path[-1])] = event.value
        return outlook

    def members(self) -> list[str]:
        """The nodes that run this runner, sorted."""
        found = (node for node, record in self.presence.items() if self._runner in runners_of(record))
        return sorted(node for node in found if self._place.kind != "at" or node == self._place.node)

    def holder(self, path: Path) -> str | None:
        """The node that holds a job of an any-node runner."""
        claim = self.view.holder(path)
        return None if claim is None else claim.node

    def claims(self) -> dict[str, int]:
        """How many jobs each member holds."""
        return {node: sum(self.holder(job) == node for job in self.view.jobs_of(node)) for node in self.members()}

    def seen(self, path: Path, job: RunnerEntry, state: StateEntry) -> StateEntry:
        """A state as it is now: who has lost its claim runs an any-node job no more, whatever it wrote last."""
        if self._place.kind != "any" or state.node in (None, self.holder(path)):
            return state
        return ended(job, state, self._store.clock.now(), "node died")

    async def explained(self, path: Path, job: RunnerEntry, state: StateEntry, node: str | None) -> StateEntry:
        """A state with reason and next start as they are now: those of a job that nobody runs are not kept.

        Args:
            node: the one that the state is of; None: any.
        """
        state = self.seen(path, job, state)
        if state.node is not None:
            return state
        now = self._store.clock.now()
        due, reason = schedule(job, state, now)
        if due is not None and due <= now:
            any_node = self._place.kind == "any"
            hindrance = await self._held_up(path, job) if any_node else self._at_node(job, node)
            reason = hindrance or state.reason or reason
        return state.replace(computed=due or 0.0, reason=reason)

    def _at_node(self, job: RunnerEntry, node: str | None) -> str:
        """Why a node doesn't start what is due, as far as its presence tells."""
        if node is None:
            return f"no node runs the jobs of {self._place.jobs} (start one: busgate up)"
        if node not in self.presence:
            return f"node {node} does not run (start it there: busgate up)"
        if self._runner not in runners_of(self.presence[node]):
            return f"node {node} does not run the jobs of {self._place.jobs} (start it there: busgate up)"
        told = self._interfaces(node, job.bus)
        if not told or any(one["state"] == "up" for one in told.values()):
            return ""  # nothing that presence knows more of than the state
        return f"bus {job.bus} is not up on node {node}: {_reasons(told)}"

    async def _held_up(self, path: Path, job: RunnerEntry) -> str:
        """Why no node starts an any-node job that is due."""
        members = self.members()
        if not members:
            return f"no node runs this group ({self._runner}; start one: busgate up)"
        if job.bus is not None and not self.view.eligible(self._runner, job.bus):
            told = {node: _reasons(self._interfaces(node, job.bus)) or "has none" for node in members}
            nodes = "; ".join(f"{node}: {reasons}" for node, reasons in told.items())
            return f"no node of the group has bus {job.bus} up ({nodes})"
        if problem := await self._code_problem(job.code):
            return f"its code can't run: {problem}"
        if (holder := self.holder(path)) is not None:
            return f"held by {holder}, which is about to start it"
        return "a node is about to take it"

    def _interfaces(self, node: str, bus: str | None) -> dict[str, Any]:
        record = self.presence[node]
        interfaces = record.get("interfaces") if isinstance(record, dict) else None
        return {name: one for name, one in (interfaces or {}).items() if one["bus"] == bus}

    async def _code_problem(self, path: Path) -> str:
        """What is wrong with a procedure, as far as can be seen from here."""
        value = (await self._store.get(self._procedures + path)).value
        if value is NotGiven:
            return "" if path in self._plugins() else f"there is no procedure {path}"
        try:
            from_entry(path, ProcedureEntry.from_map(value))[1].close()
        except (CodeError, RecordError) as error:
            return str(error).split("\n", 1)[0]
        return ""


def _reasons(interfaces: dict[str, Any]) -> str:
    return "; ".join(
        f"interface {name!r} is {one['state']}" + (f": {one['reason']}" if one.get("reason") else "")
        for name, one in interfaces.items()
    )
