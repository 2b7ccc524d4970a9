"""The any-node runner when things break: lost replies, paused nodes, lost leases, deleted claims."""

import anyio
import pytest

from gateway.abc import LEASE_MARGIN, LEASE_TTL
from gateway.errors import ClaimLost
from gateway.locations import Locations

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"


def claim_at(path):
    return str(WHERE.claims / "default" / path)


async def test_a_claim_whose_reply_was_lost_is_found_and_used(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    a.store.faults.lost_reply = 0.9
    operator = await any_cluster.join("b")
    operator.buses.switch("nothing", up=True)
    await operator.job("work", bus="wire", target=operator.clock.now())
    a.buses.switch("wire", up=True)
    a.store.faults.lost_reply = 0.0
    state = await operator.running("work")
    assert state.node == "a"
    assert (await operator.value(claim_at("work")))["node"] == "a"


async def test_an_orphan_claim_of_an_idle_job_is_released(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", "return 1")
    await a.now("work")
    await a.ended("work")
    await anyio.sleep(1)
    with pytest.raises(TypeError):
        (await a.value(claim_at("work")))["node"]
    now = a.presence.registration
    claim = {"node": "a", "incarnation": now.incarnation, "presence_revision": now.revision, "nonce": "x"}
    await a.store.set(WHERE.claims / "default" / "work", claim)
    await anyio.sleep(1)
    with pytest.raises(TypeError):
        (await a.value(claim_at("work")))["node"]


async def test_a_node_without_store_ends_its_runs_before_others_begin(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    await a.running("work")
    b = await any_cluster.join("b")
    a.store.cut()
    job = a.runner.jobs[next(iter(a.runner.jobs))]
    await anyio.sleep(LEASE_TTL - LEASE_MARGIN + 0.01)
    assert job.execution is None
    state = await b.running("work", runs=2)
    assert state.node == "b"
    a.store.mend()
    await anyio.sleep(10)
    assert (await b.state("work")).runs == 2


async def test_a_deleted_claim_ends_the_run(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    first = await a.running("work")
    await a.store.delete(WHERE.claims / "default" / "work")
    second = await a.running("work", runs=2)
    assert second.token > first.token
    assert second.end == "lost"


async def test_writes_of_the_code_are_refused_once_the_lease_has_ended(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    await a.running("work")
    fence = next(iter(a.runner.fences.values()))
    fence.check(0.5)
    with pytest.raises(ClaimLost, match="ends in"):
        fence.check(LEASE_TTL)
    fence.lose("for the test")
    with pytest.raises(ClaimLost, match="for the test"):
        fence.check(0.0)


async def test_a_run_that_may_goes_on_without_store_and_gets_a_new_claim(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work", on_detach="keep")
    first = await a.running("work")
    a.store.cut()
    await anyio.sleep(10)
    a.store.mend()
    await anyio.sleep(5)
    state = await a.state("work")
    assert (state.runs, state.node) == (1, "a")
    claim = await a.store.get(WHERE.claims / "default" / "work")
    assert claim.revision > first.token
    assert claim.value["incarnation"] == a.presence.incarnation
    await anyio.sleep(120)
    assert (await a.state("work")).token == claim.revision


async def test_a_run_that_outlives_its_lease_ends_when_another_node_has_taken_the_job(any_cluster):
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work", on_detach="keep")
    await a.running("work")
    b = await any_cluster.join("b")
    a.store.cut()
    assert (await b.running("work", runs=2)).node == "b"
    job = a.runner.jobs[next(iter(a.runner.jobs))]
    assert job.execution is not None
    a.store.mend()
    await anyio.sleep(5)
    assert job.execution is None
    assert (await b.state("work")).node == "b"


async def test_after_a_loss_of_all_leases_everybody_keeps_its_jobs(any_cluster, server):
    for name in "abc":
        await any_cluster.join(name)
    a = any_cluster.nodes["a"]
    await a.code("work", FOREVER)
    for number in range(12):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(2)
    before = {number: (await a.state(f"job.{number}")).node for number in range(12)}
    server.expire_all()
    await anyio.sleep(LEASE_TTL + 2)
    after = {number: (await a.state(f"job.{number}")).node for number in range(12)}
    assert after == before


async def test_nothing_remains_of_a_deleted_job(any_cluster):
    a = await any_cluster.join("a")
    b = await any_cluster.join("b")
    await a.code("work", FOREVER)
    for number in range(6):
        await a.now(f"job.{number}", "work")
    await anyio.sleep(1)
    await a.delete("job.0")
    await a.delete("job.1")
    await any_cluster.kill("a")
    await b.delete("job.2")
    await b.delete("job.3")
    await anyio.sleep(2 * LEASE_TTL)
    left = [str(entry.path) async for entry in b.store.tree(WHERE.claims)]
    left += [str(entry.path) async for entry in b.store.tree(WHERE.states)]
    assert len(left) == 4
    assert all(path.endswith(("job.4", "job.5")) for path in left)


async def test_a_late_write_does_not_land(any_cluster):
    """What it has sent before it was cut off arrives after another node has begun."""
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    await a.now("work")
    first = await a.running("work")
    b = await any_cluster.join("b")
    await anyio.sleep(4)
    a.store.faults.late, a.store.faults.lateness = 1.0, 2 * LEASE_TTL
    await anyio.sleep(1.5)  # its sign of life is on the way
    a.store.cut()
    second = await b.running("work", runs=2)
    await anyio.sleep(2 * LEASE_TTL)
    a.store.mend()
    await anyio.sleep(LEASE_TTL)
    state = await b.state("work")
    assert (state.node, state.runs, state.token) == ("b", 2, second.token)
    assert second.token > first.token
