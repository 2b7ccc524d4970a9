"""The any-node runner when what a node sees is old, out of order or incomplete, or when its clock is wrong."""

import anyio

from gateway.abc import LEASE_TTL
from gateway.locations import Locations
from gateway.path import P

WHERE = Locations()
FOREVER = "import anyio\nawait anyio.sleep_forever()"


def claim_at(path):
    return str(WHERE.claims / "default" / path)


async def test_a_claim_that_was_taken_meanwhile_is_left_to_its_holder(any_cluster):
    """A node that finds a claim free, and has to wait until it may ask for it, must not take what it finds then."""
    c = await any_cluster.join("c")
    await c.code("work", FOREVER)
    for number in range(200):
        await c.now(f"job.{number}", "work")
    await c.running("job.199")
    a, b = await any_cluster.join("a"), await any_cluster.join("b")
    a.store.faults.delay = 0.2
    c.store.cut()
    await anyio.sleep(LEASE_TTL + 10)
    runs = [(await b.state(f"job.{number}")).runs for number in range(200)]
    assert runs == [2] * 200


async def test_it_repeats_although_the_last_run_seems_to_end_in_the_future(any_cluster):
    """Nodes renewed the claim, began to wait anew, renewed it again, and never ran the job."""
    a = await any_cluster.join("a")
    await a.code("tick", "return 1")
    await a.now("tick", repeat=10)
    await a.ended("tick")
    a.clock.jump(-3600)
    await anyio.sleep(100)
    assert 9 <= (await a.state("tick")).runs <= 11


async def test_it_begins_although_its_claim_was_shown_out_of_order(any_cluster):
    """What is shown between `Resync` and `Ready` counts when the view is ready."""
    a = await any_cluster.join("a")
    await a.code("work", FOREVER)
    a.store.faults.lag = 1.0
    await a.now("work")
    await anyio.sleep(1.5)
    assert (await a.value(claim_at("work")))["node"] == "a"
    a.store.cut()
    a.store.mend("the test wants it")
    a.store.faults.lag = 0.0
    await anyio.sleep(1)
    assert (await a.state("work")).node == "a"


async def test_a_state_is_no_leftover_because_its_job_is_told_of_later(any_cluster):
    """After a break each path comes once, with its latest change: a job's may come after its state."""
    a, b = await any_cluster.join("a"), await any_cluster.join("b")
    await a.code("once", "return 1")
    b.store.cut()
    for number in range(20):
        await a.now(f"job.{number}", "once")
    ended = [(await a.ended(f"job.{number}")).token for number in range(20)]
    for number in range(20):
        await a.change(f"job.{number}", info="changed after it has ended")
    b.store.mend()
    await anyio.sleep(5)
    assert [(await a.state(f"job.{number}")).token for number in range(20)] == ended


async def test_when_all_leases_are_lost_no_node_takes_what_others_still_run(any_cluster, server):
    """Not those that see it, and not one that starts then and finds the claims of nodes that aren't there."""
    nodes = [await any_cluster.join(name) for name in "abc"]
    await nodes[0].code("work", FOREVER)
    for number in range(12):
        await nodes[0].now(f"job.{number}", "work")
    await anyio.sleep(5)
    jobs = [WHERE.claims / "default" + P(f"job.{number}") for number in range(12)]
    holders = [server.read(job).value["node"] for job in jobs]
    server.expire_all()
    lost = anyio.current_time()
    late = await any_cluster.join("d")
    while anyio.current_time() < lost + LEASE_TTL - 0.1:
        assert [server.read(job).value["node"] for job in jobs] == holders
        await anyio.sleep(0.05)
    await anyio.sleep(10)
    for number in range(12):
        assert (await late.state(f"job.{number}")).node is not None


async def test_the_claim_of_a_dead_node_does_not_stay_with_a_job_that_is_done(any_cluster):
    a, b = await any_cluster.join("a"), await any_cluster.join("b")
    await a.code("tick", "return 1")
    await a.now("tick", repeat=1000)
    await a.ended("tick")
    holder = (await a.value(claim_at("tick")))["node"]
    other = b if holder == "a" else a
    any_cluster.nodes[holder].store.cut()
    await anyio.sleep(LEASE_TTL + 1)
    await other.change("tick", target=None)
    await anyio.sleep(1)
    assert (await other.store.get(P(claim_at("tick")))).revision == 0
