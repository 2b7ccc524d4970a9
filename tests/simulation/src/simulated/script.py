"""What goes wrong in a simulation: a script of faults, drawn from a seed, some of them at the same time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import anyio
from simulated.events import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulated.process import Process
    from simulated.world import World

#: Mean time between two faults, in s.
BETWEEN: Final = 0.8
#: Kinds of faults by how often they come.
WEIGHTS: Final = {
    "kill": 10, "stop": 4, "pause": 12, "cut": 8, "outage": 3, "expire": 2, "jump": 4, "resync": 5,
    "lossy": 8, "late": 5, "slow": 4, "stale": 3, "lag": 6, "unplug": 6, "change": 20,
}  # fmt: skip
#: What the operator does to jobs, likewise.
CHANGES: Final = {
    "create": 5, "delete": 3, "stop": 2, "run": 4, "code": 3, "data": 2, "weight": 1, "bus": 2, "repeat": 1, "nodes": 1,
}  # fmt: skip


class Script:
    """Does so many faults to a world, one after the other; ``kinds``: only these."""

    def __init__(self, world: World, faults: int, kinds: tuple[str, ...] = ()) -> None:
        self._world = world
        self._faults = faults
        self._random = Random(f"{world.seed} script")
        self._weights = {kind: weight for kind, weight in WEIGHTS.items() if not kinds or kind in kinds}
        self._names = 0

    async def set_up(self) -> None:
        """Start the machines and store the first jobs."""
        count = self._random.randint(3, 7)
        for number in range(count):
            radio = number < 2 or self._random.random() < 0.4
            self._world.add_machine(f"n{number + 1}", ("lamp", "radio") if radio else ("lamp",))
        await self._world.set_nodes(self._random.randint(1, count))
        for _ in range(self._random.randint(5, 10)):
            await self._create()

    async def run(self) -> None:
        """Returns after the last fault; those that last go on until ``World.heal``."""
        for _ in range(self._faults):
            await anyio.sleep(self._random.expovariate(1 / BETWEEN))
            kind = self._draw(self._weights)
            await getattr(self, f"_{kind}")()

    def _draw(self, weights: dict[str, int]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _tell(self, what: str) -> None:
        self._world.log.add(Fault(what))

    def _victim(self) -> Process | None:
        """Some live process."""
        live = self._world.live()
        return self._random.choice(live) if live else None

    def _later(self, least: float, most: float, function: Callable[[], object]) -> None:
        """Do something after a while, unless the world has been healed before."""
        self._world.tasks.start_soon(self._wait, self._random.uniform(least, most), function)

    async def _wait(self, seconds: float, function: Callable[[], object]) -> None:
        await anyio.sleep(seconds)
        if not self._world.healed:
            function()

    async def _kill(self) -> None:
        """A crash; on a machine that lives on, the store hears of it at once."""
        if (victim := self._victim()) is None:
            return
        registration = victim.presence.registration if hasattr(victim, "presence") else None
        victim.kill()
        if registration is not None and self._random.random() < 0.5:
            lease = registration.lease.id
            self._later(0, 0.3, lambda: self._world.server.end(lease))

    async def _stop(self) -> None:
        """An orderly end, and a new start later."""
        if (victim := self._victim()) is not None:
            self._tell(f"stop {victim.name}")
            machine = victim.machine
            machine.wanted = False
            victim.stop()
            self._later(1, 10, lambda: setattr(machine, "wanted", True))

    async def _pause(self) -> None:
        if (victim := self._victim()) is not None:
            victim.pause()
            self._later(0.05, self._random.choice([0.5, 2, 7]), victim.resume)

    async def _cut(self) -> None:
        if (victim := self._victim()) is not None:
            self._break([victim], self._random.choice([0.5, 2, 6]))

    async def _outage(self) -> None:
        self._break(self._world.live(), self._random.choice([0.5, 3, 8]))

    def _break(self, victims: list[Process], most: float) -> None:
        self._tell("cut " + " ".join(victim.name for victim in victims))
        for victim in victims:
            resync = self._random.choice(["", "the script wants it"])
            victim.cut()
            self._later(0.05, most, lambda victim=victim, resync=resync: victim.mend(resync))  # type: ignore[misc]

    async def _resync(self) -> None:
        """A break that is over at once, and leaves the view in disorder."""
        if (victim := self._victim()) is not None:
            self._tell(f"resync {victim.name}")
            victim.cut()
            victim.mend("the script wants it")

    async def _expire(self) -> None:
        """The store forgets all leases, as after a long loss of a whole cluster."""
        self._tell("expire all")
        self._world.server.expire_all()

    async def _jump(self) -> None:
        """Somebody sets a clock."""
        machine = self._random.choice(list(self._world.machines.values()))
        seconds = self._random.choice([-3600.0, -2.0, 2.0, 3600.0])
        self._tell(f"jump {machine.name} {seconds}")
        machine.clock.jump(seconds)

    def _degrade(self, most: float, **faults: float) -> None:
        """Faults of one connection, for a while."""
        victim = self._victim()
        if victim is None or not victim.open:
            return
        self._tell(f"{faults} on {victim.name}")
        store = victim.store
        for name, value in faults.items():
            setattr(store.faults, name, value)

        def restore() -> None:
            for name in faults:
                setattr(store.faults, name, 0.0)

        self._later(0.5, most, restore)

    async def _lossy(self) -> None:
        loss = self._random.choice([0.1, 0.3, 0.7])
        which = self._random.choice(["lost_request", "lost_reply", "lost_reply"])
        self._degrade(5, **{which: loss})

    async def _late(self) -> None:
        self._degrade(4, late=self._random.choice([0.1, 0.4]))

    async def _slow(self) -> None:
        self._degrade(5, delay=self._random.choice([0.01, 0.1, 0.3]))

    async def _stale(self) -> None:
        self._degrade(5, stale_get=0.5)

    async def _lag(self) -> None:
        self._degrade(6, lag=self._random.choice([0.05, 0.5, 2.0]))

    async def _unplug(self) -> None:
        machine = self._random.choice(list(self._world.machines.values()))
        name = self._random.choice(list(machine.sticks))
        self._tell(f"unplug {machine.name}/{name}")
        machine.sticks[name].plug(plugged=False)
        self._later(0.1, 6, lambda: machine.sticks[name].plug(plugged=True))

    async def _change(self) -> None:
        """The operator does something."""
        what = self._draw(CHANGES)
        if what == "create" or not self._world.jobs:
            await self._create()
        elif what == "nodes":
            await self._world.set_nodes(self._random.randint(1, 7))
        else:
            name = self._random.choice(list(self._world.jobs))
            self._tell(f"{what} {name}")
            await self._apply(what, name)

    async def _create(self) -> None:
        self._names += 1
        gone = [name for name in self._world.versions if name not in self._world.jobs]
        name = self._random.choice(gone) if gone and self._random.random() < 0.5 else f"j{self._names}"
        kind = self._random.choice(["service", "service", "repeated", "once"])
        bus = self._random.choice(["radio", None, None])
        fields: dict[str, Any] = {"weight": self._random.choice([1.0, 1.0, 3.0])}
        if kind == "repeated":
            fields["repeat"] = self._random.choice([1.0, 4.0])
        if kind == "service" and self._random.random() < 0.2:
            fields["on_detach"] = "keep"
        self._tell(f"create {name}")
        await self._world.store_job(name, kind, bus, **fields)

    async def _apply(self, what: str, name: str) -> None:
        world, job = self._world, self._world.jobs[name]
        now = world.operator.clock.now()
        changes: dict[str, Callable[[], Awaitable[None]]] = {
            "delete": lambda: world.delete_job(name),
            "stop": lambda: world.change_job(name, target=None),
            "run": lambda: world.change_job(name, target=now),
            "code": lambda: world.store_code(name),
            "data": lambda: world.change_job(name, data=job.data | {"nothing": now}),
            "weight": lambda: world.change_job(name, weight=self._random.choice([1.0, 2.0, 5.0])),
            "bus": lambda: self._other_bus(name),
            "repeat": lambda: world.change_job(name, repeat=3.0 if job.data["kind"] == "repeated" else 0.0),
        }
        await changes[what]()

    async def _other_bus(self, name: str) -> None:
        """From the lamp to the radio, or back."""
        data = dict(self._world.jobs[name].data)
        if data.pop("bus", None):
            await self._world.change_job(name, data=data, bus="radio")
        else:
            await self._world.change_job(name, data=data | {"bus": "lamp"}, bus=None)
