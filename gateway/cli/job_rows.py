"""The jobs of one runner as the command line reads, shows and changes them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.cli.outlook import Outlook
from gateway.cli.output import moment
from gateway.errors import Conflict, NotFound, RecordError
from gateway.runner.entries import RunnerEntry, StateEntry, new_uid
from gateway.runner.error_log import ErrorLog
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from gateway.abc import Store
    from gateway.locations import Locations, Place
    from gateway.path import Path
    from gateway.values import Entry


class Standing(NamedTuple):
    """How a job stands, on one node if it is one of an all-node runner.

    Attributes:
        node: whose state it is (all-node), or who holds the job (any-node); else who runs it.
        state: as it is now, with reason and next start.
    """

    node: str | None
    state: StateEntry


class Jobs:
    """The jobs of one place in an open store.

    Args:
        plugins: gives the procedures that plugins bring here.
    """

    def __init__(
        self,
        store: Store,
        locations: Locations,
        place: Place,
        plugins: Callable[[], Container[Path]] = frozenset,
    ) -> None:
        self._store = store
        self._place = place
        self._locations = locations
        self._plugins = plugins
        self._jobs = locations.jobs_of(place)
        self._states = locations.states + place.jobs
        self._above = 1 if place.kind == "all" else 0  # the name of a node stands above the job

    async def outlook(self) -> Outlook:
        """Who is there, and who holds what, now."""
        return await Outlook.read(self._store, self._locations, self._place, self._plugins)

    async def job(self, path: Path) -> RunnerEntry:
        """One job.

        Raises:
            NotFound: there is none.
            RecordError: what is stored there is none.
        """
        entry = await self._store.get(self._jobs + path)
        if entry.value is NotGiven:
            raise NotFound(f"there is no job {path} of {self._place.jobs}; `busgate run list` lists them")
        return RunnerEntry.from_map(entry.value)

    async def standings(self, path: Path, job: RunnerEntry) -> list[Standing]:
        """How one job stands: one item; of an all-node runner, one for each node that lives or has a state."""
        states = await self._states_below(path)
        return await self._standings(await self.outlook(), path, job, states.get(path, {}))

    async def change(
        self,
        path: Path,
        changes: dict[str, Any],
        *,
        data: dict[str, Any] | None = None,
        unset: Iterable[str] = (),
        base: RunnerEntry | None = None,
    ) -> RunnerEntry:
        """Change some fields of a job, or make it.

        Args:
            data, unset: variables that its data gets and loses.
            base: what a job that isn't there yet starts from.

        Raises:
            RecordError: the result is no job; names every field at fault.
            NotFound: a new job without code.
        """
        written: list[RunnerEntry] = []

        def changed(stored: Any) -> Any:
            fresh = {} if base is None else {**base.to_map(), "uid": ""}
            fields = dict(stored) if isinstance(stored, dict) and base is None else fresh
            kept = {name: value for name, value in fields.get("data", {}).items() if name not in unset}
            job = RunnerEntry.from_map({**fields, **changes, "data": kept | (data or {})})
            if not job.code:
                raise RecordError(["code: a job needs the path of a procedure (-c)"])
            written[:] = [job if job.uid else job.replace(uid=new_uid(self._store.random))]
            return written[0].to_map()

        await self._store.update(self._jobs + path, changed)
        return written[0]

    async def running_on(self, path: Path) -> list[str]:
        """The nodes that run a job."""
        holder = (await self.outlook()).holder(path) if self._place.kind == "any" else None
        found = (await self._states_below(path)).get(path, {})
        nodes = [StateEntry.from_map(entry.value).node for entry in found.values()]
        return [node for node in nodes if node is not None and (self._place.kind != "any" or node == holder)]

    async def delete(self, path: Path) -> None:
        """Delete a job and its states. A node that runs or holds it ends that run and deletes the state itself."""
        await self._store.delete(self._jobs + path)
        outlook = await self.outlook()
        if self._place.kind == "any" and outlook.holder(path) is None and (revision := outlook.view.revision(path)):
            await self._delete(self._locations.claims / self._place.group + path, revision)
        for entry in (await self._states_below(path)).get(path, {}).values():
            owner = outlook.holder(path) if self._place.kind == "any" else StateEntry.from_map(entry.value).node
            if owner is None:
                await self._delete(entry.path, entry.revision)
                errors = ErrorLog(self._store, self._locations, "")
                await errors.resolve("run", entry.path.after(self._locations.states))

    async def _delete(self, path: Path, revision: int) -> None:
        with suppress(Conflict):  # a node was quicker, and does what is to be done
            await self._store.delete(path, revision=revision)

    async def rows(self, prefix: Path, *, as_json: bool) -> list[dict[str, Any]]:
        """A row for each job below a prefix; of an all-node runner, for each job on each node."""
        outlook, states = await self.outlook(), await self._states_below(prefix)
        found: list[dict[str, Any]] = []
        async for entry in self._store.tree(self._jobs + prefix):
            path = entry.path.after(self._jobs)
            try:
                job = RunnerEntry.from_map(entry.value)
                standings = await self._standings(outlook, path, job, states.get(path, {}))
            except RecordError as error:
                found.append({"path": path, "job": path, "state": "not readable", "next start": str(error)})
                continue
            make = _json_row if as_json else self._row
            found += [make(path, job, one) for one in standings]
        return found

    async def _states_below(self, prefix: Path) -> dict[Path, dict[str | None, Entry]]:
        """What is stored as states of the jobs at and below a prefix, by job and node."""
        found: dict[Path, dict[str | None, Entry]] = {}
        base = self._states if self._above else self._states + prefix
        async for entry in self._store.tree(base, min_depth=self._above):
            job = entry.path.after(self._states)[self._above :]
            if job.below(prefix):
                node = str(entry.path.after(self._states)[0]) if self._above else None
                found.setdefault(job, {})[node] = entry
        return found

    async def _standings(
        self, outlook: Outlook, path: Path, job: RunnerEntry, states: dict[str | None, Entry]
    ) -> list[Standing]:
        nodes: list[str | None] = [self._place.node]
        if self._above:
            nodes = [*sorted({*outlook.members(), *filter(None, states)})] or [None]
        found = []
        for node in nodes:
            stored = states.get(node if self._above else None)
            state = StateEntry() if stored is None else StateEntry.from_map(stored.value)
            state = await outlook.explained(path, job, state, node)
            whose = node if self._above else outlook.holder(path) if self._place.kind == "any" else state.node
            if state.node is not None and state.node not in outlook.presence:
                state = state.replace(reason=f"node {state.node} is gone, or cut off from the store")
            found.append(Standing(whose, state))
        return found

    def _row(self, path: Path, job: RunnerEntry, standing: Standing) -> dict[str, Any]:
        now, state = self._store.clock.now(), standing.state
        following = f"{moment(state.computed, now)}: {state.reason}" if state.computed else state.reason
        if state.node is not None:
            since = f"since {moment(state.started, now)}"
            following = since if state.reason in ("", "it runs") else f"{since}; {state.reason}"
        return {
            "job": path,
            "code": job.code,
            "node": standing.node,
            "state": _word(job, state),
            "next start": following,
            "last end": f"{state.end}, {moment(state.stopped, now)}" if state.end else None,
        }


def _word(job: RunnerEntry, state: StateEntry) -> str:
    if state.node is not None:
        return "runs"
    return "stopped" if job.target is None else "waits" if state.computed else "idle"


def _json_row(path: Path, job: RunnerEntry, standing: Standing) -> dict[str, Any]:
    state = standing.state
    return {
        "path": path,
        **job.to_map(),
        "state": _word(job, state),
        "node": standing.node,
        "next": state.computed or None,
        "reason": state.reason,
        "end": state.end,
        "started": state.started,
        "stopped": state.stopped,
    }
