"""The all-node runner: several nodes on one store, each with its own runs and its own view of the group."""

import logging

import anyio
import pytest

from gateway.abc import LEASE_TTL
from gateway.cluster.members import Members
from gateway.cluster.presence import Presence
from gateway.locations import Locations, Place
from gateway.path import P
from gateway.runner import AllRunner

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"
#: Keeps what it is told of the group at `seen.NODE`.
SEEN = """
seen = []
async for msg in _info:
    if isinstance(msg, _cls.GroupState):
        assert type(msg).__name__.lower() == msg.name + "state"
        seen.append([msg.name, msg.msg["previous"], msg.msg["nodes"], *msg.msg["members"]])
        await _self.set(_P("seen") / _cfg.node.name, seen, offline=True)
"""


class Cluster:
    """Nodes that come and go; any of them writes for the operator."""

    def __init__(self, make_node, tasks):
        self._make_node = make_node
        self._tasks = tasks
        self._incarnations = 0

    async def join(self, name, nodes=None):
        """Start a node with an all-node runner."""
        return await self._tasks.start(self._live, name, nodes)

    async def _live(self, name, nodes, *, task_status):
        self._incarnations += 1
        async with (
            self._make_node(name, f"{self._incarnations}", cfg={"node": {"name": name}}) as node,
            anyio.create_task_group() as tasks,
        ):
            presence = Presence(node.store, WHERE.presence, name, logging.getLogger("test"))
            await tasks.start(presence.run)
            members = Members(node.store, WHERE, name, nodes=nodes)
            await tasks.start(members.run)
            await presence.announce(runners=["all.default"])
            node.place = Place("all", "default", name)
            node.runner = AllRunner(node.context, members)
            node.ending, node.gone = anyio.Event(), anyio.Event()
            await tasks.start(node.runner.run)
            task_status.started(node)
            await node.ending.wait()
            tasks.cancel_scope.cancel()
        node.gone.set()

    async def leave(self, node):
        """Stop a node in order."""
        node.ending.set()
        await node.gone.wait()

    async def kill(self, node):
        """End a node that can't tell anybody; returns when its lease has run out."""
        node.store.cut()
        await self.leave(node)
        await anyio.sleep(LEASE_TTL + 1)


@pytest.fixture
async def cluster(make_node):
    async with anyio.create_task_group() as tasks:
        yield Cluster(make_node, tasks)
        tasks.cancel_scope.cancel()


async def seen(node, name=None):
    await anyio.sleep(1)
    return await node.value(f"seen.{name or node.context.name}")


async def test_every_node_runs_the_job_once_with_a_state_of_its_own(cluster):
    nodes = [await cluster.join(f"n{i}") for i in range(3)]
    await nodes[0].code("a", "return _cfg.node.name")
    await nodes[1].now("a")
    for node in nodes:
        state = await node.ended("a")
        assert (state.result, state.runs, state.end) == (node.context.name, 1, "finished")
    await anyio.sleep(10_000)
    states = {str(one.path.after(WHERE.states)): one.value["runs"] async for one in nodes[0].store.tree(WHERE.states)}
    assert states == {"all.default.n0.a": 1, "all.default.n1.a": 1, "all.default.n2.a": 1}


async def test_a_node_that_joins_later_runs_it_too_and_the_others_not_again(cluster):
    first = await cluster.join("n1")
    await first.code("a", "return 1")
    await first.now("a")
    await first.ended("a")
    await anyio.sleep(1000)
    second = await cluster.join("n2")
    assert (await second.ended("a")).runs == 1
    await anyio.sleep(1000)
    assert (await first.state("a")).runs == 1


async def test_an_error_on_one_node_is_that_nodes_alone(cluster):
    good, bad = await cluster.join("good"), await cluster.join("bad")
    await good.code("a", "if _cfg.node.name == 'bad': 1 / 0\nreturn 1")
    await good.now("a", delay=1000.0)
    assert (await good.ended("a")).end == "finished"
    assert (await bad.ended("a")).end == "error"
    assert list(await good.errors()) == ["all.default.bad.a"]


async def test_a_deleted_job_leaves_no_state_on_any_node(cluster):
    first, second = await cluster.join("n1"), await cluster.join("n2")
    away = await cluster.join("n3")
    await first.code("a", FOREVER)
    await first.now("a")
    for node in (first, second, away):
        await node.running("a")
    await cluster.kill(away)
    await first.delete("a")
    await anyio.sleep(1)
    assert [await node.state("a") for node in (first, second)] == [None, None]
    back = await cluster.join("n3")
    await anyio.sleep(1)
    assert await back.state("a") is None


async def test_what_ran_when_its_node_died_runs_there_again(cluster):
    first, second = await cluster.join("n1"), await cluster.join("n2")
    await first.code("a", FOREVER)
    await first.now("a")
    await second.running("a")
    await cluster.kill(second)
    assert (await first.state("a")).runs == 1
    again = await cluster.join("n2")
    state = await again.running("a", 2)
    assert (state.end, state.incarnation) == ("node died", "3")


async def test_a_group_of_three_comes_and_goes(cluster):
    first = await cluster.join("n1")
    await first.store.set(WHERE.groups / "default", {"nodes": 3})
    await first.code("seen", SEEN)
    await first.now("seen")
    assert await seen(first) == [["detached", None, 3, "n1"]]
    second = await cluster.join("n2")
    third = await cluster.join("n3")
    assert await seen(first, "n3") == [["complete", None, 3, "n1", "n2", "n3"]]
    await cluster.kill(third)
    await cluster.leave(second)
    assert await seen(first) == [
        ["detached", None, 3, "n1"],
        ["partial", "detached", 3, "n1", "n2"],
        ["complete", "partial", 3, "n1", "n2", "n3"],
        ["partial", "complete", 3, "n1", "n2"],
        ["detached", "partial", 3, "n1"],
    ]
    assert (await first.state("seen")).runs == 1


async def test_no_complete_state_after_a_node_was_lost(cluster):
    """MoaT-KV told the survivor of two nodes `CompleteState`: its count never fell."""
    first, second = await cluster.join("n1"), await cluster.join("n2")
    await first.code("seen", SEEN)
    await first.now("seen")
    assert await seen(first) == [["complete", "detached", 2, "n1", "n2"]]
    await cluster.kill(second)
    assert (await seen(first))[1:] == [["detached", "complete", 2, "n1"]]
    await first.job("later", "seen")
    await first.change("seen", target=None)
    await first.ended("seen")
    await first.now("later", "seen")
    assert await seen(first) == [["detached", "complete", 2, "n1"]]
    await anyio.sleep(10_000)
    assert len(await seen(first)) == 1


async def test_the_members_of_a_complete_group_may_change(cluster):
    first = await cluster.join("n1", nodes=1)
    await first.code("seen", SEEN)
    await first.now("seen")
    await anyio.sleep(1)
    second = await cluster.join("n2")
    await anyio.sleep(1)
    await cluster.leave(second)
    assert await seen(first) == [
        ["complete", None, 1, "n1"],
        ["complete", None, 1, "n1", "n2"],
        ["complete", None, 1, "n1"],
    ]


async def test_new_settings_are_told_at_once(cluster):
    first = await cluster.join("n1")
    await first.code("seen", SEEN)
    await first.now("seen")
    await anyio.sleep(1)
    await first.store.set(WHERE.groups / "default", {"nodes": 1})
    assert await seen(first) == [["detached", None, 2, "n1"], ["complete", "detached", 1, "n1"]]


async def test_cut_off_it_runs_on_and_is_detached(cluster):
    first, second = await cluster.join("n1"), await cluster.join("n2")
    await first.code("seen", SEEN)
    await first.now("seen")
    await first.code("tick", "return 1")
    await first.now("tick", repeat=10.0)
    await anyio.sleep(1)
    first.store.cut()
    await anyio.sleep(100)
    assert first.runner.jobs[P("tick")].state.runs == 11
    assert (await seen(second))[1:] == [["detached", "complete", 2, "n2"]]
    first.store.mend()
    await anyio.sleep(5)
    for one, other, alone_before in ((first, "n1", "detached"), (second, "n2", None)):
        assert await seen(one, other) == [
            ["complete", alone_before, 2, "n1", "n2"],
            ["detached", "complete", 2, other],
            ["complete", "detached", 2, "n1", "n2"],
        ]
    assert (await first.state("tick")).runs == first.runner.jobs[P("tick")].state.runs


async def test_other_jobs_are_not_disturbed(cluster):
    """Neither a run that reads no messages nor one that waits for its own: the group's have a place of their own."""
    first = await cluster.join("n1")
    await first.code("deaf", FOREVER)
    await first.code("busy", """
await _self.watch("in", max_depth=-1)
found = []
async for msg in _info:
    if isinstance(msg, _cls.ChangeMsg):
        found.append(msg.value)
        if len(found) == 8: return found
""")  # fmt: skip
    await first.code("tick", "return 1")
    for job in ("deaf", "busy"):
        await first.now(job, queue=2)
    await first.now("tick", repeat=7.0)
    for number in range(4):
        await first.store.set(P("in"), number)
        other = await cluster.join("n2")
        await anyio.sleep(10)  # a job that dies sooner, again and again, is taken for the cause
        await first.store.set(P("in"), -number - 1)
        await cluster.kill(other)
    assert (await first.ended("busy")).result == [0, -1, 1, -2, 2, -3, 3, -4]
    state = await first.state("deaf")
    assert (state.runs, state.node, state.end) == (1, "n1", "")
    seconds = first.clock.now() - (await first.state("busy")).started
    assert (await first.state("tick")).runs == pytest.approx(seconds / 7, abs=1.5)
    assert await first.errors() == {}
