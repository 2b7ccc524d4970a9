"""What is wrong with a cluster at this moment: nothing, some time after the last fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from simulated.cluster_store import CLAIMS, STATES, WHERE
from simulated.events import Ended, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulated.process import Process
    from simulated.world import World

    from gateway.path import Path
    from gateway.runner import RunnerEntry

#: A service writes to its hardware at least so often, in s: 1.6 s of pause, 0.4 s of writing, and slow clocks.
SILENCE = 4.0
#: Two tries of a job that is repeated take so long at most, in s, without its ``repeat``.
TWICE = 12.0


class Wrongs:
    """Looks at the state of the whole world at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._claims = world.stored(CLAIMS)
        self._states = world.stored(STATES)
        self._presence = world.stored(WHERE.presence)
        self._live = {process.machine.name: process for process in world.live()}

    def __iter__(self) -> Iterator[str]:
        yield from self._nodes()
        for name, job in self._world.jobs.items():
            yield from (f"{name}: {wrong}" for wrong in self._job(name, job))
        yield from (f"{name}: a claim of no job" for name in self._claims.keys() - self._world.jobs.keys())
        yield from (f"{name}: a state of no job" for name in self._states.keys() - self._world.jobs.keys())
        yield from self._values()

    def _nodes(self) -> Iterator[str]:
        for name in self._world.machines:
            if name not in self._live or name not in self._presence:
                yield f"{name}: it is not there"

    def _running(self, name: str) -> list[Process]:
        """The processes in which the code of a job runs."""
        return [one for one in self._live.values() if hasattr(one, "jobs") and name in one.jobs.active]

    def _job(self, name: str, job: RunnerEntry) -> Iterator[str]:
        claim, state = self._claims.get(name), self._states.get(name)
        if claim is not None and self._presence.get(claim["node"], {}).get("incarnation") != claim["incarnation"]:
            yield f"its claim is of {claim['node']} {claim['incarnation']}, which is not there"
        kind = job.data["kind"]
        if job.target is None:
            if claim is not None or self._running(name):
                yield "it is stopped, but held or running"
        elif kind in ("service", "steady"):
            yield from self._service(name, claim, state)
        elif kind == "repeated":
            yield from self._repeated(name, job)
        elif kind == "once":
            yield from self._once(name, job, claim, state)

    def _service(self, name: str, claim: Any, state: Any) -> Iterator[str]:
        running = self._running(name)
        if len(running) != 1 or claim is None or state is None:
            yield f"it runs on {[one.name for one in running]}, under the claim {claim}, with the state {state}"
            return
        node = running[0].machine.name
        if not node == claim["node"] == state["node"]:
            yield f"it runs on {node}, is claimed by {claim['node']}, and its state says {state['node']}"
        outlived = self._world.jobs[name].on_detach == "keep" and state["token"] < self._revision(CLAIMS, name)
        if state["token"] != self._revision(CLAIMS, name) and not outlived:
            yield f"its token is {state['token']}, its claim has the revision {self._revision(CLAIMS, name)}"
        if self._since(Operation, job=name, stage="out") > SILENCE:
            yield "it has been silent"
        if (told := running[0].jobs.active[name]) != (expected := self._group()):
            yield f"it was told that the group is {told}, but it is {expected}"

    def _group(self) -> Any:
        members = tuple(sorted(self._presence))
        count, nodes = len(members), self._world.nodes
        state = "complete" if count >= nodes else "detached" if count == 1 else "partial"
        return state, members, nodes

    def _repeated(self, name: str, job: RunnerEntry) -> Iterator[str]:
        if self._since(Ended, job=name, how="finished") > job.repeat + TWICE:
            yield f"it has not run for {self._since(Ended, job=name, how='finished'):.1f} s"

    def _once(self, name: str, job: RunnerEntry, claim: Any, state: Any) -> Iterator[str]:
        if state is None or (state["end"], state["served"]) != ("finished", job.target):
            yield f"it was to run once for {job.target}: {state}"
        elif claim is not None:
            yield "it is done, and its claim is still there"

    def _values(self) -> Iterator[str]:
        for process in self._live.values():
            for path, value in process.jobs.offline.items() if hasattr(process, "jobs") else ():
                if self._world.server.read(path).value != value:
                    yield f"{path}: {value} was set offline, and has not arrived"

    def _revision(self, base: Path, name: str) -> int:
        return self._world.server.read(base / name).revision

    def _since(self, kind: type, **fields: Any) -> float:
        """Seconds since such an event."""
        for time, event in reversed(self._world.log.entries):
            if type(event) is kind and all(getattr(event, name) == value for name, value in fields.items()):
                return anyio.current_time() - time
        return float("inf")
