"""Several nodes with scripted radio sticks on one air and one memory store, in virtual time."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from logging import getLogger
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from gateway.abc import UNFENCED, Driver, Interface
from gateway.bus.ears import Ears
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.bus.roster import Roster
from gateway.cluster.members import Members
from gateway.cluster.presence import Presence
from gateway.errors import BusFault, InterfaceDown, NoSuchDevice
from gateway.locations import Locations, Place
from gateway.path import Path
from gateway.radio import Radio, Transmit
from gateway.runner import AnyRunner, NodeContext, RunnerEntry
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import Quantity, Telegram, Transmission

WHERE = Locations()


@dataclass
class OnAir:
    """One transmission as the air saw it."""

    source: str
    process: str
    command: str
    values: dict[str, Any]
    start: float
    end: float


class Stick:
    """A radio. ``script`` says what happens to the next commands, then they are acknowledged:

    "nak": it says that it didn't send; "mute": it sends, but says nothing; "lost": it is gone, maybe after sending.
    """

    def __init__(self, air, source, rssi):
        self.air = air
        self.source = source
        self.rssi = rssi
        self.up = True
        self.deaf = False
        self.knows = None  # devices; None: all
        self.airtime = 0.06
        self.takes = 0.02
        self.script = []
        self.ears = Ears()
        self.roster = Roster(100, 3600.0)
        self.lost = anyio.Event()

    def unplug(self):
        self.up = False
        self.lost.set()
        self.lost = anyio.Event()


class StickInterface(Interface):
    """One opening of a stick by one process."""

    def __init__(self, stick, process):
        self.stick = stick
        self.process = process

    def listen(self):
        return self.stick.ears.listen()

    async def scan(self, *, alarmed=False):
        await anyio.lowlevel.checkpoint()
        if self.stick.deaf:
            raise BusFault("no answer")
        return self.stick.roster.devices()

    def transmission(self, device, command, values):
        if self.stick.knows is not None and device not in self.stick.knows:
            raise NoSuchDevice(f"no device {device}")
        key = f"{device} {command}".encode()
        repeatable, bound, answers = command != "toggle", device.startswith("bound"), device.startswith("clever")
        return Transmission(self.stick.airtime, "868.0", repeatable, bound, key, answers)

    async def send(self, device, command, values, *, permit=UNFENCED):
        stick = self.stick
        what = stick.script.pop(0) if stick.script else "ack"
        await anyio.sleep(stick.takes)
        if what == "nak":
            raise BusFault("no lock on the frequency", unsent=True)
        permit.check(0.1)
        stick.air.transmit(stick, self.process, device, command, values)
        await anyio.sleep(stick.airtime)
        if what == "mute":
            raise BusFault("the stick doesn't answer")
        if what == "lost":
            raise InterfaceDown("it was unplugged")
        return 1 if what == "written" else 2


class StickOptions(BaseModel, extra="forbid"):
    duty_cycle: dict[str, float] = {}


class Ether:
    """All sticks, and what was on the air."""

    def __init__(self):
        self.sticks = {}
        self.log = []
        self.clever = True

    def transmit(self, stick, process, device, command, values):
        now = anyio.current_time()
        self.log.append(OnAir(stick.source, process, command, dict(values), now, now + stick.airtime))
        for other in self.sticks.values():
            if other is not stick:
                self.tell(other, device, f"{device} {command}")
            if self.clever and device.startswith("clever"):
                self.tell(other, device, "I am on")

    def tell(self, stick, device, content, *, late=0.0):
        now = anyio.current_time() - late
        key = content.encode()
        telegram = Telegram(device, "ac", {"on": Quantity(content)}, now, key, 0.25, stick.rssi, None, key)
        stick.roster.hear(telegram, now)
        stick.ears.tell(telegram)

    def driver(self, node, process):
        ether = self

        class StickDriver(Driver):
            name = "stick"
            options = StickOptions

            @asynccontextmanager
            async def open(self, options, context):
                stick = ether.sticks[f"{node}/{context.name}"]
                if not stick.up:
                    raise InterfaceDown("unplugged")
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self.wait, stick.lost)
                    yield StickInterface(stick, process)
                    tasks.cancel_scope.cancel()

            async def wait(self, lost):
                await lost.wait()
                raise InterfaceDown("unplugged")

        return StickDriver


class House:
    """Nodes with sticks on one air and one store."""

    def __init__(self, tasks, server):
        self.tasks = tasks
        self.server = server
        self.ether = Ether()
        self.nodes = {}

    async def join(self, name, *sticks, process=None, options=None, cfg=None):
        """Start a process on a node; its sticks stay when it ends."""
        for stick in sticks:
            source = f"{name}/{stick}"
            self.ether.sticks.setdefault(source, Stick(self.ether, source, -70.0))
        names = [source.split("/")[1] for source in self.ether.sticks if source.startswith(f"{name}/")]
        node = HouseNode(self, name, process or name, names, options or {}, cfg or {})
        await self.tasks.start(node.run)
        self.nodes[name] = node
        return node

    def stick(self, source):
        return self.ether.sticks[source]

    def hear(self, device, **rssi):
        """A device says something; each stick hears it so well."""
        for source, stick in self.ether.sticks.items():
            level = rssi.get(source.replace("/", "_"))
            if level is not None:
                stick.rssi = level
                self.ether.tell(stick, device, f"{device} {anyio.current_time()}")


class HouseNode:
    """One process: as gateway.node puts it together, on a memory store."""

    def __init__(self, house, name, process, sticks, options, cfg):
        self.house = house
        self.name = name
        self.process = process
        self.specs = [InterfaceSpec(stick, "rfx", "stick", options) for stick in sticks]
        self.cfg = cfg
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    async def run(self, *, task_status=anyio.TASK_STATUS_IGNORED):
        random, clock = Random(self.process), VirtualClock()
        try:
            with self.scope:
                async with MemoryStore(self.house.server, clock=clock, random=random, node=self.process) as self.store:
                    await self.live(task_status)
        finally:
            self.ended.set()

    async def live(self, task_status):
        driver = self.house.ether.driver(self.name, self.process)
        self.presence = Presence(self.store, WHERE.presence, self.name, getLogger("test"))
        self.interfaces = Interfaces(
            self.specs, lambda name: driver, node=self.name, clock=self.store.clock, random=self.store.random
        )
        self.radio = Radio(self.store, self.name, self.interfaces)
        self.transmit = Transmit(self.store, self.name, self.interfaces, self.radio, self.presence, WHERE.airtime)
        self.interfaces.carrier = self.transmit
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.presence.run)
            context = await NodeContext.build(
                self.store, name=self.name, buses=self.interfaces, cfg=self.cfg, radio=self.radio
            )
            async with self.interfaces:
                while self.specs and not any(one.up for one in self.interfaces.of("rfx")):
                    await self.interfaces.changed()
                tasks.start_soon(self.announce)
                await tasks.start(self.radio.run)
                await tasks.start(self.transmit.run)
                members = Members(self.store, WHERE, self.name)
                await tasks.start(members.run)
                self.runner = AnyRunner(context, members, self.presence)
                self.transmit.add_view(WHERE.claims / "default", self.runner.view)
                await tasks.start(self.runner.run)
                task_status.started(self)
                await anyio.sleep_forever()

    async def announce(self):
        while True:
            snapshot = {one.pop("name"): one for one in self.interfaces.snapshot()}
            for one in snapshot.values():
                del one["health"]
            await self.presence.announce(runners=["any.default"], interfaces=snapshot)
            await self.interfaces.changed()

    async def send(self, device="lamp", command="on", permit=None, **values):
        return await self.interfaces.handle("rfx", permit).send(device, command, **values)

    async def job(self, name, code, **fields):
        """Store a job for any node."""
        await self.store.set(WHERE.procedures / name, {"code": code, "is_async": True})
        entry = RunnerEntry(code=Path(name), target=self.store.clock.now(), **fields)
        await self.store.set(WHERE.jobs_of(Place("any", "default")) / name, entry.to_map())

    def kill(self):
        """It dies without a word."""
        self.store.cut()
        self.scope.cancel()


@pytest.fixture
async def house(server):
    async with anyio.create_task_group() as tasks:
        yield House(tasks, server)
        tasks.cancel_scope.cancel()


@pytest.fixture
def make_house():
    """For simulations, which bring their own event loop."""
    return lambda tasks, seed: House(tasks, MemoryServer(Random(seed)))
