"""Where any-node jobs run: where their bus is up, spread over the group, moved when it changes."""

import anyio
import pytest

from gateway.locations import Locations

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"
SERVICE = "import anyio\nawait _self.setup_done()\nawait anyio.sleep_forever()"


async def nodes_of(node, count, prefix="job"):
    return [(await node.state(f"{prefix}.{number}")).node for number in range(count)]


def balanced(names, wanted, weights=None):
    loads = dict.fromkeys(wanted, 0.0)
    for name, weight in zip(names, weights or [1.0] * len(names), strict=True):
        loads[name] += weight
    mean = sum(loads.values()) / len(loads)
    return all(0.85 * mean <= load <= 1.15 * mean for load in loads.values()), loads


async def test_it_runs_only_where_its_bus_is_up(any_cluster):
    a = await any_cluster.join("a")
    b = await any_cluster.join("b")
    await a.code("work", FOREVER)
    await a.now("work", bus="wire")
    await anyio.sleep(10)
    assert await a.state("work") is None
    assert a.runner.jobs[next(iter(a.runner.jobs))].reason == "no node of the group has bus wire up"
    b.buses.switch("wire", up=True)
    assert (await a.running("work")).node == "b"


async def test_it_moves_when_its_bus_goes_down_and_another_node_has_it(any_cluster):
    a = await any_cluster.join("a")
    b = await any_cluster.join("b")
    a.buses.switch("wire", up=True)
    await a.code("work", FOREVER)
    await a.now("work", bus="wire")
    assert (await a.running("work")).node == "a"
    b.buses.switch("wire", up=True)
    await anyio.sleep(10)
    a.buses.switch("wire", up=False)
    began = anyio.current_time()
    state = await a.running("work", runs=2)
    assert (state.node, state.end) == ("b", "handed over")
    assert anyio.current_time() - began < 0.2


FRAGILE = """
import anyio
while True:
    await _self.bus().read("28.67C6697351FF", "temperature")
    await anyio.sleep(0.01)
"""


async def test_code_that_fails_because_its_bus_went_down_has_been_handed_over(any_cluster):
    a = await any_cluster.join("a")
    b = await any_cluster.join("b")
    a.buses.switch("wire", up=True)
    await a.code("work", FRAGILE)
    await a.now("work", bus="wire")
    await a.running("work")
    a.buses.switch("wire", up=False)
    await anyio.sleep(10)
    state = await a.state("work")
    assert (state.node, state.end, state.backoff) == (None, "handed over", 0)
    assert await a.errors() == {}
    b.buses.switch("wire", up=True)
    assert (await a.running("work", runs=2)).node == "b"


async def test_code_that_fails_while_its_bus_is_up_has_failed(any_cluster):
    a = await any_cluster.join("a")
    a.buses.switch("wire", up=True)
    await a.code("work", "from gateway.errors import InterfaceDown\nraise InterfaceDown('so it says')")
    await a.now("work", bus="wire")
    await anyio.sleep(10)
    assert (await a.state("work")).end == "error"


async def test_it_goes_on_where_it_is_when_nobody_else_has_its_bus(any_cluster):
    a = await any_cluster.join("a")
    b = await any_cluster.join("b")
    a.buses.switch("wire", up=True)
    await a.code("work", FOREVER)
    await a.now("work", bus="wire")
    await a.running("work")
    a.buses.switch("wire", up=False)
    await anyio.sleep(10)
    assert (await a.state("work")).runs == 1
    b.buses.switch("wire", up=True)
    assert (await a.running("work", runs=2)).node == "b"


@pytest.mark.parametrize("weights", [[1.0] * 100, [1.0 + n % 5 for n in range(100)]], ids=["equal", "unequal"])
async def test_a_group_stays_in_balance(any_cluster, weights):
    for name in "abcd":
        await any_cluster.join(name)
    a = any_cluster.nodes["a"]
    await a.code("work", SERVICE)
    for number, weight in enumerate(weights):
        await a.now(f"job.{number}", "work", weight=weight)
    await anyio.sleep(30)
    start = await nodes_of(a, 100)
    assert balanced(start, "abcd", weights)[0], balanced(start, "abcd", weights)
    await anyio.sleep(60)
    assert await nodes_of(a, 100) == start

    await any_cluster.join("e")
    await anyio.sleep(30)
    joined = await nodes_of(a, 100)
    assert balanced(joined, "abcde", weights)[0], balanced(joined, "abcde", weights)
    moved = [number for number in range(100) if joined[number] != start[number]]
    assert all(joined[number] == "e" for number in moved)
    assert len(moved) <= 1.2 * 20

    await anyio.sleep(60)
    await any_cluster.kill("b")
    await anyio.sleep(30)
    after = await nodes_of(a, 100)
    assert balanced(after, "acde", weights)[0], balanced(after, "acde", weights)
    lost = joined.count("b")
    assert sum(one != other for one, other in zip(joined, after, strict=True)) <= 1.2 * lost
    assert [number for number in range(100) if (await a.state(f"job.{number}")).runs > 3] == []


async def test_one_shots_do_not_move(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    for number in range(10):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(1)
    await any_cluster.join("b")
    await anyio.sleep(100)
    assert await nodes_of(a, 10) == ["a"] * 10


async def test_a_group_that_stops_and_starts_goes_on(any_cluster):
    for name in "ab":
        await any_cluster.join(name)
    a = any_cluster.nodes["a"]
    await a.code("work", SERVICE)
    for number in range(10):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(1)
    await any_cluster.leave("a")
    await any_cluster.leave("b")
    c = await any_cluster.join("c")
    await any_cluster.join("d")
    await anyio.sleep(10)
    names = await nodes_of(c, 10)
    assert balanced(names, "cd")[0], names
    assert not [entry async for entry in c.store.tree(WHERE.errors)]
