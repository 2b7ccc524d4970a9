"""A node on a memory store, with a single-node runner, in virtual time."""

from contextlib import asynccontextmanager
from logging import getLogger
from random import Random

import anyio
import pytest

from gateway.abc import Buses, BusHandle
from gateway.clock import SystemClock
from gateway.cluster.members import Members
from gateway.cluster.presence import Presence
from gateway.errors import HandleRevoked, InterfaceDown, NotFound
from gateway.locations import Locations, Place
from gateway.path import P
from gateway.runner import AnyRunner, NodeContext, RunnerEntry, SingleRunner, StateEntry
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import NotGiven, Reading

START = 1_800_000_000.0


class SwitchHandle(BusHandle):
    def __init__(self, buses, bus):
        self.buses = buses
        self.bus = bus
        self.revoked = False

    async def wait_up(self):
        while not self.buses.is_up(self.bus):
            await self.buses.changed()

    def revoke(self):
        self.revoked = True

    async def read(self, device, attribute):
        if self.revoked:
            raise HandleRevoked("the run has ended")
        if not self.buses.is_up(self.bus):
            raise InterfaceDown(self.bus)
        return Reading(21.5, "°C", START)


class SwitchBuses(Buses):
    """Buses that a test switches on and off."""

    def __init__(self):
        self.known = {}
        self.handles = []
        self._event = anyio.Event()

    def switch(self, bus, *, up):
        self.known[bus] = up
        self._event.set()
        self._event = anyio.Event()

    def is_up(self, bus):
        return self.known.get(bus, False)

    def explain(self, bus):
        return "interface stick: unplugged" if bus in self.known else "no interface of this node has it"

    def handle(self, bus, permit=None):
        if bus not in self.known:
            raise NotFound(f"there is no bus {bus}")
        self.handles.append(SwitchHandle(self, bus))
        return self.handles[-1]

    async def changed(self):
        await self._event.wait()


class Node:
    """One node: writes jobs and code as an operator would, and reads what came of it."""

    presence: Presence

    def __init__(self, store, clock, context):
        self.store = store
        self.clock = clock
        self.context = context
        self.buses = context.buses
        self.place = Place("at", "default", context.name)
        self.exits: list[str] = []
        self.runner = SingleRunner(context)

    async def code(self, path, text, *, is_async=True, **fields):
        await self.store.set(Locations().procedures + P(path), {"code": text, "is_async": is_async, **fields})

    async def job(self, path, code=None, **fields):
        """Store a job; its code has the same path unless told otherwise."""
        entry = RunnerEntry(code=P(code or path), **fields)
        await self.job_map(path, entry.to_map())

    async def now(self, path, code=None, **fields):
        """Store a job that is due."""
        await self.job(path, code, target=self.clock.now(), **fields)

    async def job_map(self, path, value):
        await self.store.set(self.job_path(path), value)

    async def change(self, path, **changes):
        value = (await self.store.get(self.job_path(path))).value
        await self.job_map(path, value | changes)

    async def delete(self, path):
        await self.store.delete(self.job_path(path))

    def job_path(self, path):
        return Locations().jobs_of(self.place) + P(path)

    def state_path(self, path):
        return Locations().states_of(self.place) + P(path)

    async def state(self, path):
        value = (await self.store.get(self.state_path(path))).value
        return None if value is NotGiven else StateEntry.from_map(value)

    async def ended(self, path, runs=1):
        """Wait until the job has ended that many runs; return its state."""
        with anyio.fail_after(100_000 if isinstance(self.clock, VirtualClock) else 20):
            async with self.store.watch(self.state_path(path)) as events:
                async for event in events:
                    value = getattr(event, "value", NotGiven)
                    if value is not NotGiven and value["runs"] >= runs and value["node"] is None:
                        return StateEntry.from_map(value)
        raise AssertionError("the watch has ended")

    async def running(self, path, runs=1):
        """Wait until the job's run of that number is under way."""
        with anyio.fail_after(100_000 if isinstance(self.clock, VirtualClock) else 20):
            async with self.store.watch(self.state_path(path)) as events:
                async for event in events:
                    value = getattr(event, "value", NotGiven)
                    if value is not NotGiven and value["runs"] >= runs and value["node"] is not None:
                        return StateEntry.from_map(value)
        raise AssertionError("the watch has ended")

    async def value(self, path):
        return (await self.store.get(P(path))).value

    async def announce(self):
        """Tell, as a node does, which runners and interfaces there are."""
        interfaces = {
            bus: {"bus": bus, "state": "up" if up else "absent"} for bus, up in self.context.buses.known.items()
        }
        await self.presence.announce(runners=["any.default"], interfaces=interfaces)

    async def keep_announcing(self):
        while True:
            await self.context.buses.changed()
            await self.announce()

    async def errors(self):
        """The open error records by place."""
        return {str(one.place): one.entry for one in await self.context.errors.list() if one.entry.resolved is None}

    @asynccontextmanager
    async def running_runner(self):
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.run_runner)
            yield self.runner
            self.runner.stop()

    async def run_runner(self, *, task_status):
        await self.runner.run(task_status=task_status)


@pytest.fixture
def make_clock(anyio_backend_name):
    return VirtualClock if anyio_backend_name == "trio" else SystemClock


@pytest.fixture
def server(anyio_backend):
    return MemoryServer(Random(1))


@pytest.fixture
def make_node(server, make_clock):
    """Opens a node on the shared server; one process of it, so to say."""

    @asynccontextmanager
    async def make(name="n1", incarnation="one", **options):
        clock = make_clock()
        exits: list[str] = []
        async with MemoryStore(server, clock=clock, random=Random(name), node=name) as store:
            context = await NodeContext.build(
                store, name=name, incarnation=incarnation, buses=SwitchBuses(), exit_hard=exits.append, **options
            )
            node = Node(store, clock, context)
            node.exits = exits
            yield node

    return make


@pytest.fixture
async def node(make_node):
    """A node whose runner runs."""
    async with make_node(cfg={"node": {"name": "n1"}}) as made, made.running_runner():
        yield made


class AnyCluster:
    """Nodes that come and go; any of them writes for the operator."""

    def __init__(self, make_node, tasks):
        self._make_node = make_node
        self._tasks = tasks
        self.nodes = {}

    async def join(self, name, nodes=None):
        """Start a node with an any-node runner."""
        node = await self._tasks.start(self._live, name, nodes)
        self.nodes[name] = node
        return node

    async def _live(self, name, nodes, *, task_status):
        async with (
            self._make_node(name, f"of {name}", cfg={"node": {"name": name}}) as node,
            anyio.create_task_group() as tasks,
        ):
            presence = Presence(node.store, Locations().presence, name, getLogger("test"))
            await tasks.start(presence.run)
            node.presence = presence
            members = Members(node.store, Locations(), name, nodes=nodes)
            await tasks.start(members.run)
            await node.announce()
            tasks.start_soon(node.keep_announcing)
            node.place = Place("any", "default")
            node.runner = AnyRunner(node.context, members, presence)
            node.ending, node.gone = anyio.Event(), anyio.Event()
            async with anyio.create_task_group() as running:
                await running.start(node.runner.run)
                task_status.started(node)
                await node.ending.wait()
                node.runner.stop()
            tasks.cancel_scope.cancel()
        node.gone.set()

    async def leave(self, name):
        """Stop a node in order."""
        node = self.nodes.pop(name)
        node.ending.set()
        await node.gone.wait()

    async def kill(self, name):
        """End a node that can't tell anybody."""
        node = self.nodes[name]
        node.store.cut()
        await self.leave(name)


@pytest.fixture
async def any_cluster(make_node):
    async with anyio.create_task_group() as tasks:
        yield AnyCluster(make_node, tasks)
        tasks.cancel_scope.cancel()
