"""The jobs of one runner as the command line reads, shows and changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.cli.output import moment
from gateway.cluster.members import runner_name, runners_of
from gateway.errors import NotFound, RecordError
from gateway.runner.entries import RunnerEntry, StateEntry, new_uid
from gateway.runner.schedule import schedule
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from gateway.abc import Store
    from gateway.locations import Locations, Place
    from gateway.path import Path


class Jobs:
    """The jobs of one place in an open store."""

    def __init__(self, store: Store, locations: Locations, place: Place) -> None:
        self._store = store
        self._place = place
        self._presence = locations.presence
        self._jobs = locations.jobs_of(place)
        self._states = locations.states_of(place)
        self._all_states = locations.states + place.jobs

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

    async def state(self, path: Path) -> StateEntry:
        """The state of a job; a fresh one when it never ran."""
        value = (await self._store.get(self._states + path)).value
        return StateEntry() if value is NotGiven else StateEntry.from_map(value)

    async def explained(self, job: RunnerEntry, state: StateEntry) -> StateEntry:
        """A state with reason and next start as they are now: those of a job that nobody runs are not kept."""
        if state.node is not None:
            return state
        now = self._store.clock.now()
        due, reason = schedule(job, state, now)
        if due is not None and due <= now:
            reason = await self._hindrance(job) or state.reason or reason
        return state.replace(computed=due or 0.0, reason=reason)

    async def _hindrance(self, job: RunnerEntry) -> str:
        """Why the node of a runner doesn't start what is due, as far as its presence tells."""
        node = self._place.node
        if node is None:
            return ""
        presence = (await self._store.get(self._presence / node)).value
        if not isinstance(presence, dict):
            return f"node {node} does not run (start it there: busgate up)"
        if runner_name(self._place.kind, self._place.group) not in runners_of(presence):
            return f"node {node} does not run the jobs of {self._place.jobs} (start it there: busgate up)"
        interfaces = {name: one for name, one in presence["interfaces"].items() if one["bus"] == job.bus}
        if not interfaces or any(one["state"] == "up" for one in interfaces.values()):
            return ""  # nothing that presence knows more of than the state
        told = (f"interface {name!r} is {one['state']}: {one['reason']}" for name, one in interfaces.items())
        return f"bus {job.bus} is not up on node {node}: {'; '.join(told)}"

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
        return [node async for _, node in self._everywhere(path) if node is not None]

    async def delete(self, path: Path) -> None:
        """Delete a job and its states. A node that runs it ends that run and deletes the state itself."""
        await self._store.delete(self._jobs + path)
        for state in [state async for state, node in self._everywhere(path) if node is None]:
            await self._store.delete(state)

    async def _everywhere(self, path: Path) -> AsyncIterator[tuple[Path, str | None]]:
        """Where states of a job stand, and which node runs it there; an all-node job has a state on each node."""
        if self._place.kind != "all":
            yield self._states + path, (await self.state(path)).node
            return
        async for entry in self._store.tree(self._all_states, min_depth=1 + len(path), max_depth=1 + len(path)):
            if entry.path.after(self._all_states)[1:] == path:
                yield entry.path, StateEntry.from_map(entry.value).node

    async def rows(self, prefix: Path, *, as_json: bool) -> list[dict[str, Any]]:
        """A row for each job below a prefix."""
        states = {one.path.after(self._states): one.value async for one in self._store.tree(self._states + prefix)}
        found = []
        async for entry in self._store.tree(self._jobs + prefix):
            path = entry.path.after(self._jobs)
            try:
                job = RunnerEntry.from_map(entry.value)
                state = await self.explained(job, StateEntry.from_map(states.get(path, {})))
            except RecordError as error:
                found.append({"path": path, "job": path, "state": "not readable", "next start": str(error)})
                continue
            row = self._row(path, job, state)
            found.append(_json_row(path, job, state, row["state"]) if as_json else row)
        return found

    def _row(self, path: Path, job: RunnerEntry, state: StateEntry) -> dict[str, Any]:
        now = self._store.clock.now()
        if state.node is not None:
            word, following = "runs", f"since {moment(state.started, now)}"
        else:
            word = "stopped" if job.target is None else "waits" if state.computed else "idle"
            following = f"{moment(state.computed, now)}: {state.reason}" if state.computed else state.reason
        ended = f"{state.end}, {moment(state.stopped, now)}" if state.end else None
        return {
            "job": path,
            "code": job.code,
            "node": state.node,
            "state": word,
            "next start": following,
            "last end": ended,
        }


def _json_row(path: Path, job: RunnerEntry, state: StateEntry, word: str) -> dict[str, Any]:
    return {
        "path": path,
        **job.to_map(),
        "state": word,
        "node": state.node,
        "next": state.computed or None,
        "reason": state.reason,
        "end": state.end,
        "started": state.started,
        "stopped": state.stopped,
    }
