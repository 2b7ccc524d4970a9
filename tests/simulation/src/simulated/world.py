"""A simulated cluster: machines, a store, an operator; and what is wrong with it at any moment."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
from simulated.clocks import START, SkewedClock
from simulated.cluster_store import GROUP, JOBS, WHERE, TappedServer
from simulated.events import Log
from simulated.jobs import CODE
from simulated.process import Machine, Process

from gateway.cluster.presence import Presence
from gateway.path import P, Path
from gateway.runner import AnyRunner, RunnerEntry, new_uid
from gateway.store.memory import MemoryStore
from gateway.testing.clocks import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from anyio.abc import TaskGroup
    from simulated.loop import Freezer

    from gateway.runner.scheduler import Scheduler


class World:
    """Everything that one simulation consists of.

    Attributes:
        jobs: what the operator has stored, by name.
        nodes: how many nodes the operator wants in the group.
        healed: no more faults come.
    """

    operator: MemoryStore
    tasks: TaskGroup

    def __init__(
        self,
        freezer: Freezer,
        seed: int,
        make_runner: Callable[..., Scheduler] = AnyRunner,
        make_presence: Callable[..., Presence] = Presence,
    ) -> None:
        self.freezer = freezer
        self.seed = seed
        self.make_runner = make_runner
        self.make_presence = make_presence
        self.kind = "any"
        self.log = Log()
        self.random = Random(f"{seed} world")
        self.server = TappedServer(Random(f"{seed} server"), self.log)
        self.runs = itertools.count(1)
        self.machines: dict[str, Machine] = {}
        self.processes: list[Process] = []
        self.jobs: dict[str, RunnerEntry] = {}
        self.versions: dict[str, int] = {}
        self.nodes = 2
        self.healed = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """The world exists while this is entered."""
        clock = VirtualClock(START)
        random = Random(f"{self.seed} operator")
        async with (
            MemoryStore(self.server, clock=clock, random=random, node="operator") as self.operator,
            anyio.create_task_group() as self.tasks,
        ):
            yield self
            self.log.closed = True
            self.tasks.cancel_scope.cancel()
            for process in self.processes:
                process.bury()

    def add_machine(self, name: str, buses: tuple[str, ...] = ("lamp",)) -> Machine:
        """A machine that starts a process at once, and again whenever it has ended."""
        booted, rate = self.random.uniform(0, 1e6), self.random.uniform(0.97, 1.03)
        self.machines[name] = machine = Machine(self, name, SkewedClock(booted, rate), buses)
        self.tasks.start_soon(machine.supervise)
        return machine

    def live(self) -> list[Process]:
        """The processes that have not ended; a paused one is among them."""
        found = (machine.process for machine in self.machines.values())
        return [process for process in found if process is not None and not process.dead]

    async def store_code(self, name: str) -> None:
        """The code of a job, in its next version."""
        self.versions[name] = version = self.versions.get(name, 0) + 1
        code = {"code": CODE.format(version=version), "is_async": True}
        await self.operator.set(WHERE.procedures / name, code)

    async def store_job(self, name: str, kind: str, bus: str | None = None, **fields: Any) -> None:
        """A new job; one without a bus of its own uses the lamp, which every machine has."""
        data = {"job": name, "kind": kind} | ({} if bus else {"bus": "lamp"})
        times = {"delay": 1.0, "backoff": 1.0, "target": self.operator.clock.now()}
        uid = new_uid(self.operator.random)
        entry = RunnerEntry.from_map({"code": P(name), "data": data, "bus": bus, "uid": uid, **times, **fields})
        await self._put(name, entry)

    async def change_job(self, name: str, **changes: Any) -> None:
        """Change fields of a job."""
        await self._put(name, self.jobs[name].replace(**changes))

    async def _put(self, name: str, entry: RunnerEntry) -> None:
        if name not in self.versions:
            await self.store_code(name)
        self.jobs[name] = entry
        await self.operator.set(JOBS + P(name), entry.to_map())

    async def delete_job(self, name: str) -> None:
        """Delete a job."""
        del self.jobs[name]
        await self.operator.delete(JOBS + P(name))

    async def set_nodes(self, nodes: int) -> None:
        """How many nodes the group should have."""
        self.nodes = nodes
        await self.operator.set(WHERE.groups / GROUP, {"nodes": nodes})

    def heal(self) -> None:
        """End all faults: whoever is paused goes on, whoever is cut off is connected, all hardware is there."""
        self.healed = True
        for machine in self.machines.values():
            machine.wanted = True
            for stick in machine.sticks.values():
                stick.plug(plugged=True)
        for process in self.live():
            process.resume()
            process.mend()
            if process.open:
                process.store.faults = type(process.store.faults)()

    def stored(self, base: Path) -> dict[str, Any]:
        """What the server holds below a path, by the rest of the path."""
        records = self.server.select([base.key], 1, -1)
        return {str(one.path.after(base)): one.value for one in records if one.data is not None}
