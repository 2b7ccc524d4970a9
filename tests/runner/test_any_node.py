"""The any-node runner: each job on one node of the group, under a claim, in virtual time."""

import anyio

from gateway.abc import LEASE_TTL
from gateway.locations import Locations

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"


async def test_one_node_of_two_runs_it(any_cluster):
    a = await any_cluster.join("a")
    await any_cluster.join("b")
    await a.code("work", FOREVER)
    await a.now("work")
    state = await a.running("work")
    assert state.node in ("a", "b")
    assert state.token > 0
    await anyio.sleep(100)
    assert (await a.state("work")).runs == 1


async def test_it_goes_on_elsewhere_when_its_node_stops(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    await a.running("work")
    b = await any_cluster.join("b")
    await any_cluster.leave("a")
    state = await b.running("work", runs=2)
    assert state.node == "b"


async def test_it_goes_on_elsewhere_when_its_node_dies(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    first = await a.running("work")
    b = await any_cluster.join("b")
    a.store.cut()
    died = anyio.current_time()
    state = await b.running("work", runs=2)
    assert state.node == "b"
    assert state.token > first.token
    assert anyio.current_time() - died < LEASE_TTL + 0.1


async def test_a_repeating_job_stays_where_it_is(any_cluster):
    a = await any_cluster.join("a")
    await any_cluster.join("b")
    await a.code("tick", "return _cfg.node.name")
    await a.now("tick", repeat=10)
    await anyio.sleep(1000)
    state = await a.state("tick")
    assert state.runs == 100
    assert state.end == "finished"
    claim = await a.value(str(WHERE.claims / "default" / "tick"))
    assert claim["node"] == state.result


async def test_a_hundred_jobs_are_spread(any_cluster):
    for name in "abcd":
        await any_cluster.join(name)
    a = any_cluster.nodes["a"]
    await a.code("work", FOREVER)
    for number in range(100):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(5)
    assert all(22 <= load <= 28 for load in a.runner.candidacy.loads.of("abcd").values())
    for number in range(100):
        state = await a.state(f"job.{number}")
        assert (state.node is not None, state.runs) == (True, 1)
