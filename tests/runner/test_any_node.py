"""The any-node runner: each job on one node of the group, under a claim, in virtual time."""

import logging

import anyio
import pytest

from gateway.cluster.members import Members
from gateway.cluster.presence import LEASE_TTL, Presence
from gateway.locations import Locations, Place
from gateway.runner import AnyRunner

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"
#: Counts its runs at `runs.JOB` and says where it runs.
COUNT = """
import anyio
await _self.set(_P("on"), _cfg.node.name)
await anyio.sleep_forever()
"""


class Cluster:
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
            presence = Presence(node.store, WHERE.presence, name, logging.getLogger("test"))
            await tasks.start(presence.run)
            node.presence = presence
            members = Members(node.store, WHERE, name, nodes=nodes)
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

    def cut(self, name):
        """The node's connection breaks."""
        self.nodes[name].store.cut()

    async def holder(self, path):
        """Wait until a node runs the job; return its name."""
        node = next(iter(self.nodes.values()))
        state = await node.running(path)
        return state.node


@pytest.fixture
async def cluster(make_node):
    async with anyio.create_task_group() as tasks:
        yield Cluster(make_node, tasks)
        tasks.cancel_scope.cancel()


async def test_one_node_of_two_runs_it(cluster):
    a = await cluster.join("a")
    await cluster.join("b")
    await a.code("work", FOREVER)
    await a.now("work")
    state = await a.running("work")
    assert state.node in ("a", "b")
    assert state.token > 0
    await anyio.sleep(100)
    assert (await a.state("work")).runs == 1


async def test_it_goes_on_elsewhere_when_its_node_stops(cluster):
    a = await cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    await a.running("work")
    b = await cluster.join("b")
    await cluster.leave("a")
    state = await b.running("work", runs=2)
    assert state.node == "b"


async def test_it_goes_on_elsewhere_when_its_node_dies(cluster):
    a = await cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    first = await a.running("work")
    b = await cluster.join("b")
    a.store.cut()
    died = anyio.current_time()
    state = await b.running("work", runs=2)
    assert state.node == "b"
    assert state.token > first.token
    assert anyio.current_time() - died < LEASE_TTL + 0.1


async def test_a_repeating_job_stays_where_it_is(cluster):
    a = await cluster.join("a")
    await cluster.join("b")
    await a.code("tick", "return _cfg.node.name")
    await a.now("tick", repeat=10)
    await anyio.sleep(1000)
    state = await a.state("tick")
    assert state.runs == 100
    assert state.end == "finished"
    claim = await a.value(str(WHERE.claims / "default" / "tick"))
    assert claim["node"] == state.result


async def test_a_hundred_jobs_are_spread(cluster):
    for name in "abcd":
        await cluster.join(name)
    a = cluster.nodes["a"]
    await a.code("work", FOREVER)
    for number in range(100):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(5)
    assert all(22 <= load <= 28 for load in a.runner.candidacy.loads.of("abcd").values())
    for number in range(100):
        state = await a.state(f"job.{number}")
        assert (state.node is not None, state.runs) == (True, 1)
