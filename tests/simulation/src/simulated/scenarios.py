"""Faults that come at the moment at which one mistake shows; when that is follows from what the server holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

import anyio
from simulated.cluster_store import CLAIMS, WHERE
from simulated.events import Fault, Operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulated.process import Process
    from simulated.world import World

#: Longest wait for a moment, in s.
PATIENCE: Final = 30.0
#: Seconds between looks whether it has come.
LOOK: Final = 0.01


class Scenario(ABC):
    """A cluster with jobs that write nearly all the time, and what happens to it.

    Attributes:
        machines: how many there are; they are ``n1`` and so on.
        jobs: how many there are.
        fields: of the jobs.
    """

    machines: ClassVar[int] = 2
    jobs: ClassVar[int] = 8
    fields: ClassVar[dict[str, Any]] = {}

    def __init__(self, world: World) -> None:
        self.world = world

    async def set_up(self) -> None:
        """Start the machines, store the jobs, and wait until all of them run on all the machines."""
        await self.start()
        await self.store_jobs()
        await self.until(lambda: len(self.held()) == self.jobs)
        assert all(self.held(node) for node in self.world.machines)
        await anyio.sleep(2.0)

    async def start(self) -> None:
        """Start the machines."""
        for number in range(self.machines):
            self.world.add_machine(f"n{number + 1}")
        await self.world.set_nodes(self.machines)
        await self.until(lambda: len(self.world.stored(WHERE.presence)) == self.machines)
        await anyio.sleep(2.0)

    async def store_jobs(self) -> None:
        """Store the jobs, all at once."""
        target = self.world.operator.clock.now() - 1.0  # past on each machine's clock: then each takes its share
        for number in range(self.jobs):
            await self.world.store_job(f"j{number + 1}", "steady", target=target, **self.fields)

    @abstractmethod
    async def run(self) -> None:
        """Do the faults."""

    def process(self, node: str) -> Process:
        """The process of a node."""
        process = self.world.machines[node].process
        assert process is not None
        return process

    def held(self, node: str = "") -> set[str]:
        """The jobs that a node holds, as the server knows it; default: those that any node does."""
        presence = self.world.stored(WHERE.presence)
        living = {name: record["incarnation"] for name, record in presence.items() if not node or name == node}
        claims = self.world.stored(CLAIMS).items()
        return {job for job, claim in claims if living.get(claim["node"]) == claim["incarnation"]}

    def wrote(self, process: str) -> set[str]:
        """The jobs for which a process has written to the hardware."""
        events = (event for _, event in self.world.log.entries)
        return {event.job for event in events if isinstance(event, Operation) and event.process == process}

    def present(self, node: str) -> bool:
        """Whether a node is there, as the server knows it."""
        return node in self.world.stored(WHERE.presence)

    def tell(self, what: str) -> None:
        self.world.log.add(Fault(what))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a moment; TimeoutError if it doesn't come."""
        for _ in range(round(PATIENCE / LOOK)):
            if condition():
                return
            await anyio.sleep(LOOK)
        raise TimeoutError(f"what {type(self).__name__} waits for has not come within {PATIENCE:g} s")


class Comeback(Scenario):
    """A node is cut off until the others have its jobs; it comes back, and hears of that last of all.

    The jobs outlive the lease, so their runs still go on there when it comes back.
    """

    machines = 3
    fields: ClassVar[dict[str, Any]] = {"on_detach": "keep"}

    async def run(self) -> None:
        lost, victim = self.held("n1"), self.process("n1")
        victim.store.faults.lag = 1.5
        self.tell("cut n1")
        victim.cut()
        await self.until(lambda: lost <= self.held("n2") | self.held("n3"))
        self.tell("mend n1")
        victim.mend()
        await anyio.sleep(5.0)


class CrossedComeback(Scenario):
    """A node is cut off, and comes back while the others, who have found it gone, are taking its jobs."""

    machines = 3
    fields: ClassVar[dict[str, Any]] = {"on_detach": "keep"}

    async def run(self) -> None:
        victim = self.process("n1")
        self.tell("cut n1; n2 and n3 are slow")
        victim.cut()
        for node in ("n2", "n3"):
            self.process(node).store.faults.delay = 0.6
        await self.until(lambda: not self.present("n1"))
        await anyio.sleep(0.2)
        self.tell("mend n1")
        victim.mend()
        await anyio.sleep(8.0)


class Restart(Scenario):
    """A node restarts, and takes its jobs again, while another, who knows that it had gone, is cut off."""

    jobs = 24  # the more claims there are to hear of, the more is decided before the presence comes

    async def run(self) -> None:
        lost = self.held("n2")
        await self._kill()
        self.process("n1").cut()
        await self.until(lambda: lost <= self.held("n2") and lost <= self.wrote("n2.2"))
        self.process("n2").store.faults.lag = 0.5
        await self.mend()
        await anyio.sleep(5.0)

    async def _kill(self) -> None:
        self.tell("kill n2; then cut n1")
        self.world.machines["n2"].rest = (0.1, 0.1)
        victim = self.process("n2")
        registration = victim.presence.registration
        assert registration is not None
        victim.kill()
        self.world.server.end(registration.lease.id)
        await anyio.sleep(LOOK)

    @abstractmethod
    async def mend(self) -> None:
        """End the break so that claims are heard of before the incarnation that they name."""


class ClaimsBeforePresence(Restart):
    """The break ends with ``Resync``: the difference comes in the order of paths, claims before presence."""

    async def mend(self) -> None:
        self.tell("mend n1 with a resync")
        self.process("n1").mend("the scenario wants it")


class PresenceRewritten(Restart):
    """The presence has been written once more since the claims: only that is heard of, in the order of revisions."""

    async def mend(self) -> None:
        before = self.world.stored(WHERE.presence)["n2"]
        self.tell("unplug n2/lamp, mend n1")
        self.world.machines["n2"].sticks["lamp"].plug(plugged=False)
        await self.until(lambda: self.world.stored(WHERE.presence)["n2"] != before)
        self.process("n1").mend()
        self.world.machines["n2"].sticks["lamp"].plug(plugged=True)


class Overtaken(Scenario):
    """A node has so much to take that others take some of it before its turn comes; each request takes its time."""

    jobs = 12

    async def set_up(self) -> None:
        await self.start()

    async def run(self) -> None:
        self.tell("n1 is slow, and there is much to do")
        self.process("n1").store.faults.delay = 0.3
        await self.store_jobs()
        await anyio.sleep(8.0)


class StartAfterExpiry(Scenario):
    """All leases have run out at the server; before the node hears of that, another one starts, and finds it gone."""

    machines = 1

    async def run(self) -> None:
        self.tell("expire all, start n2")
        self.world.server.expire_all()
        self.world.add_machine("n2")
        await anyio.sleep(8.0)
