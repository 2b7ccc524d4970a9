"""Jobs that block their node or end it: what else the node did is carried on by others, and never twice."""

import hashlib
import time

import anyio
import pytest

from gateway.abc import LEASE_TTL
from gateway.locations import Locations, Place

WHERE = Locations()
POISON = "import os\nos._exit(1)"
LONG_CALL = "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'', b'', rounds)"


async def start(cluster, job):
    """A group whose other job acts; the states of the bad one are watched."""
    await cluster.start_all()
    await cluster.tasks.start(cluster.watch, WHERE.presence, WHERE.states_of(Place("any", "default")) / job)
    await cluster.beat()
    began = await cluster.next_run(0)
    await cluster.acts(began.run)
    return began


def state_where(cluster, job, accepted):
    path = WHERE.states_of(Place("any", "default")) / job
    states = [change.value for _, change in cluster.changes if change.path == path and not change.deleted]
    return next((state for state in states if accepted(state)), None)


@pytest.mark.soak
async def test_code_that_never_ends_is_interrupted_and_nothing_else_moves(cluster):
    began = await start(cluster, "hog")
    await cluster.job("hog", "while True: pass", kind="--sync")
    await cluster.until(lambda: state_where(cluster, "hog", lambda state: state["end"] == "blocked"), "hog is ended")
    await cluster.acts(began.run, cluster.last(began.run).number + 3)
    assert len(cluster.runs) == 1
    assert all(node.ready for node in cluster.nodes.values())


async def test_a_job_that_ends_its_nodes_waits_after_three_of_them(cluster):
    await start(cluster, "poison")
    dead = []

    async def start_again(name):
        while True:
            await cluster.until(lambda: cluster.nodes[name].ended, f"{name} ends", seconds=600)
            dead.append(name)
            await cluster.start(name)

    async with anyio.create_task_group() as tasks:
        for name in cluster.nodes:
            tasks.start_soon(start_again, name)
        await cluster.job("poison", POISON, "-d", 100)
        waits = await cluster.until(
            lambda: state_where(cluster, "poison", lambda state: state["deaths"] == 3), "it is known as poison"
        )
        await cluster.all_ready()
        told = len(cluster.told)
        await cluster.until(lambda: len(cluster.told) > told + 20, "the other job goes on")
        tasks.cancel_scope.cancel()
    print(f"{len(dead)} nodes ended; {len(cluster.runs)} runs of the other job")
    assert waits["node"] is None
    assert waits["reason"].startswith("poison: its node died within 5 s of the start 3 times in a row")
    assert len(dead) == 3
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()


def rounds_of(seconds):
    """How much to ask of ``LONG_CALL`` for it to take about so long here."""
    rounds, began = 200_000, time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
    return int(rounds * seconds / (time.monotonic() - began))


async def test_a_long_call_that_cannot_be_interrupted_costs_its_node_the_jobs_but_not_its_life(cluster):
    began = await start(cluster, "none")
    node = cluster.holder()
    (cluster.folder / "long.py").write_text(LONG_CALL)
    await cluster.command("code", "set", "long", "-S", "long.py", "--sync")
    rounds = rounds_of(2.5 * LEASE_TTL)
    await cluster.command("run", "-n", node.name, "set", "long", "-c", "long", "-e", "rounds", rounds, "-d", 0, "-t", 0)
    following = await cluster.next_run(1, "a run elsewhere")
    assert following.node != node.name
    print(f"elsewhere {following.at - cluster.last(began.run).at:.2f} s after the last sign of the first run")
    back = await cluster.until(lambda: cluster.registered(node, following.at), f"{node.name} is a member again")
    print(f"member again {back - following.at:.2f} s later")
    await cluster.acts(following.run, cluster.last(following.run).number + 5)
    assert node.ready
    assert await cluster.double_runs() == set()
    assert [at for at, run in cluster.device_writes() if run == began.run and at > following.at] == []


@pytest.mark.soak
async def test_a_job_that_blocks_every_node_that_takes_it_waits_after_three_of_them(cluster):
    await start(cluster, "long")
    await cluster.job("long", LONG_CALL, "-e", "rounds", rounds_of(2.5 * LEASE_TTL), "-d", 100, kind="--sync")
    waits = await cluster.until(
        lambda: state_where(cluster, "long", lambda state: state["deaths"] == 3), "it is known as poison", seconds=120
    )
    assert waits["node"] is None
    assert waits["reason"].startswith("poison")
    told = len(cluster.told)
    await cluster.until(lambda: len(cluster.told) > told + 100, "the other job goes on")
    assert all(node.ready for node in cluster.nodes.values())
    assert await cluster.double_runs() == set()
