"""A simulated node: a machine with a clock and hardware, and the processes that run on it one after the other."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
from simulated.cluster_store import GROUP, WHERE
from simulated.events import ProcessEvent
from simulated.hardware import Stick, driver_for
from simulated.jobs import Jobs
from simulated.loop import PROCESS, acting_as

from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.cluster.members import Members
from gateway.errors import Denied, Detached, NameTaken, Uncertain
from gateway.runner import NodeContext
from gateway.store.memory import MemoryStore

if TYPE_CHECKING:
    from simulated.clocks import SkewedClock
    from simulated.world import World

    from gateway.cluster.presence import Presence
    from gateway.runner.scheduler import Scheduler


class Machine:
    """What outlives a process: the name, the clock, the hardware; ``buses`` are the names of those it has.

    Attributes:
        wanted: whether a process is started.
        rest: the least and the longest time until one is started again, in s.
    """

    def __init__(self, world: World, name: str, clock: SkewedClock, buses: tuple[str, ...]) -> None:
        self.name = name
        self.clock = clock
        self.sticks = {bus: Stick() for bus in buses}
        self.process: Process | None = None
        self.wanted = True
        self.rest = (0.5, 5.0)
        self._world = world
        self._count = 0

    async def supervise(self) -> None:
        """Start a process again whenever it has ended, as a service manager would, until the world ends."""
        random = Random(f"{self._world.seed} supervise {self.name}")
        while True:
            if self.wanted:
                self._count += 1
                self.process = process = Process(self._world, self, f"{self.name}.{self._count}")
                self._world.tasks.start_soon(process.run)
                await process.gone.wait()
            await anyio.sleep(1.0 if self._world.healed else random.uniform(*self.rest))


class Process:
    """One process. Its name is that of its machine and a number."""

    store: MemoryStore
    presence: Presence
    runner: Scheduler
    jobs: Jobs

    def __init__(self, world: World, machine: Machine, name: str) -> None:
        self.name = name
        self.machine = machine
        self.gone = anyio.Event()
        self.dead = False
        self.paused = False
        self.open = False  # whether it has a connection
        self.scope = anyio.CancelScope()
        self._world = world
        self._stopping = anyio.Event()

    async def run(self) -> None:
        """The life of the process; it ends by ``stop``, by an error or, without a trace, by ``kill``."""
        PROCESS.set(self.name)
        world, what, why = self._world, "ended", ""
        random, clock = Random(f"{world.seed} {self.name}"), self.machine.clock
        world.processes.append(self)
        try:
            with self.scope:
                async with MemoryStore(world.server, clock=clock, random=random, node=self.name) as self.store:
                    self.open = True
                    await self._live()
        except Exception as error:  # noqa: BLE001 - it goes into the log
            what, why = _judged(error)
        self.open = False
        self._leave(what, why)

    def _leave(self, what: str, why: str = "") -> None:
        if not self.dead:
            self.dead = True
            self._tell(what, why)
            self.gone.set()

    def _tell(self, what: str, why: str = "") -> None:
        self._world.log.add(ProcessEvent(what, self.name, why))

    async def _live(self) -> None:
        name, log = self.machine.name, logging.getLogger("busgate.presence")
        self.presence = self._world.make_presence(self.store, WHERE.presence, name, log)
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.presence.run)
            async with anyio.create_task_group() as services:
                await self._serve(services, self._interfaces())
                services.cancel_scope.cancel()
            tasks.cancel_scope.cancel()

    def _interfaces(self) -> Interfaces:
        driver = driver_for(self.machine.sticks, self.name, self._world.log)
        specs = [InterfaceSpec(bus, bus, "stick") for bus in self.machine.sticks]
        clock, random = self.machine.clock, self.store.random
        return Interfaces(specs, lambda name: driver, node=self.machine.name, clock=clock, random=random)

    async def _serve(self, services: Any, interfaces: Interfaces) -> None:
        world, name = self._world, self.machine.name
        self.jobs = Jobs(self.name, world.seed, world.server, world.log, self.machine.clock, world.runs)
        context = await NodeContext.build(
            self.store,
            name=name,
            incarnation=self.presence.incarnation,
            buses=interfaces,
            cfg={"node": {"name": name}, "jobs": self.jobs},
            exit_hard=self._exit_hard,
        )
        async with interfaces:
            services.start_soon(self._announce, interfaces)
            members = Members(self.store, WHERE, name)
            await services.start(members.run)
            self.runner = world.make_runner(context, members, self.presence)
            async with anyio.create_task_group() as running:
                await running.start(self.runner.run)
                self._tell("started")
                await self._stopping.wait()
                self.runner.stop()

    async def _announce(self, interfaces: Interfaces) -> None:
        told: Any = None
        while True:
            while (facts := _facts(interfaces, self._world.kind)) != told:
                await self.presence.announce(**facts)
                told = facts
            await interfaces.changed()

    def _exit_hard(self, reason: str) -> None:
        self.kill("exited", reason)

    def stop(self) -> None:
        """End it in order."""
        self._stopping.set()

    def kill(self, what: str = "killed", why: str = "") -> None:
        """It is no more: first its connection is gone, so nothing of it arrives; and no task of it goes on."""
        if self.dead:
            return
        self._world.freezer.freeze(self.name)
        if self.open:
            with acting_as(self.name):
                self.store.cut()
        self._leave(what, why)

    def pause(self) -> None:
        """SIGSTOP: everything stops but the time."""
        if not self.dead and not self.paused:
            self.paused = True
            self._tell("paused")
            self._world.freezer.freeze(self.name)

    def resume(self) -> None:
        """SIGCONT."""
        if not self.dead and self.paused:
            self.paused = False
            self._tell("resumed")
            self._world.freezer.thaw(self.name)

    def cut(self) -> None:
        """Break its connection."""
        if self.open and not self.dead:
            with acting_as(self.name):
                self.store.cut()

    def mend(self, resync: str = "") -> None:
        """Connect it again."""
        if self.open and not self.dead:
            with acting_as(self.name):
                self.store.mend(resync)

    def bury(self) -> None:
        """The world has ended: let the tasks of a killed process unwind."""
        self._world.freezer.thaw(self.name)
        self.scope.cancel()


def _facts(interfaces: Interfaces, kind: str) -> dict[str, Any]:
    snapshot = {one.pop("name"): one for one in interfaces.snapshot()}
    for one in snapshot.values():
        del one["health"]
    return {"runners": [f"{kind}.{GROUP}"], "interfaces": snapshot}


def _judged(error: Exception) -> tuple[str, str]:
    """What ended a process: ``refused`` when it could not start, which its supervisor has to live with."""
    found = list(_leaves(error))
    if all(isinstance(one, NameTaken | Detached | Uncertain | Denied) for one in found):
        return "refused", ", ".join(type(one).__name__ for one in found)
    return "crashed", "; ".join(f"{type(one).__name__}: {one}" for one in found)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
