"""A job of any node goes on elsewhere when its node dies, and never runs on two at once."""

import json
import signal
import socket
from random import Random
from typing import Any, NamedTuple

import pytest

from gateway.abc import LEASE_TTL
from gateway.locations import Locations

WHERE = Locations()


async def check_kills(cluster, times, seed):
    print(f"seed {seed}")
    took = await cluster.kill_holders(times, Random(seed))
    print(f"from the kill to the first line elsewhere: {cluster.distribution(took)}")
    print(f"writes: {len(cluster.device_writes())} to devices, {len(await cluster.store_writes())} to the store")
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()
    assert (await cluster.state())["runs"] >= times + 1
    return took


async def test_it_goes_on_within_a_second_when_its_node_is_killed(cluster):
    took = await check_kills(cluster, 10, seed=1)
    assert max(took) < 3.0, "the machine is loaded, but the lease must not be needed"


@pytest.mark.soak
async def test_it_goes_on_within_a_second_through_many_kills(cluster):
    took = await check_kills(cluster, 50, seed=2)
    assert sorted(took)[-2] < 1.0


async def test_two_of_three_that_are_killed_at_once_leave_their_jobs_to_the_third(cluster):
    await cluster.start_all()
    await cluster.beat()
    began = await cluster.next_run(0)
    await cluster.acts(began.run)
    other = next(node for node in cluster.nodes.values() if node.name != began.node)
    other.send(signal.SIGKILL)
    killed = cluster.holder().send(signal.SIGKILL)
    following = await cluster.next_run(1)
    assert following.at - killed < LEASE_TTL, "it was waited for a lease that nobody can hold any more"


class Pause(NamedTuple):
    """One stop of a holder; times in seconds after boot."""

    run: str  # that was stopped
    told: int  # what it had told of before
    stopped: float
    went_on: float
    back: float  # when its node was a member again
    later: Any  # the next run


async def all_heard(cluster):
    """Wait until everything that jobs have told so far is known here."""
    mark = cluster.now()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as said:
        said.sendto(json.dumps(["mark", "", "", 0, 0, mark]).encode(), ("127.0.0.1", cluster.port))
    await cluster.until(lambda: any(told.at == mark for told in cluster.told[-1000:]), "a mark")


async def stop_holder(cluster, random, run, *, in_store):
    """Stop whoever has the job: while it writes to the store, or while it doesn't. Returns it, and when that was.

    A write that is begun ends when it is let go on, wherever in the process it waits; so the job has to tell of it.
    """
    node = cluster.holder()
    for _ in range(1000):
        seen = cluster.last(run).number
        stopped = node.send(signal.SIGSTOP)
        await node.stopped()
        await all_heard(cluster)
        storing = cluster.holds_store(node) or (not in_store and cluster.last(run).what == "stores")
        if storing == in_store:
            return node, stopped
        node.send(signal.SIGCONT)
        await cluster.until(lambda seen=seen: cluster.last(run).number > seen, "it acts")
        await cluster.pass_time(random.uniform(0.0, 0.02))
    pytest.fail(f"it could not be stopped with in_store={in_store}")


async def pause_holder(cluster, random, runs, *, acting):
    """Stop whoever has the job for longer than its lease, let it go on, and wait until it is a member again."""
    began = await cluster.next_run(runs)
    await cluster.acts(began.run)
    await cluster.pass_time(random.uniform(0.0, 1.0))
    if acting:
        seen = cluster.last(began.run).number
        await cluster.until(lambda: cluster.last(began.run).number > seen, "it acts")
    node, stopped = await stop_holder(cluster, random, began.run, in_store=False)
    later = await cluster.next_run(runs + 1, f"a run after {node.name} was stopped")
    told = cluster.last(began.run).number
    await cluster.acts(later.run)
    await cluster.pass_time(random.uniform(0.0, 1.0))
    went_on = node.send(signal.SIGCONT)
    back = await cluster.until(lambda: cluster.registered(node, went_on), f"{node.name} is a member again")
    return Pause(began.run, told, stopped, went_on, back, later)


async def late_writes(cluster, pause):
    """What a run has written after the next one had begun: numbers in the store, moments at the device."""
    written = await cluster.store_writes()
    first = next(index for index, (run, _) in enumerate(written) if run == pause.later.run)
    device = [at for at, run in cluster.device_writes() if run == pause.run and at > pause.later.at]
    return [number for run, number in written[first:] if run == pause.run], device


def was_acting(cluster, pause):
    """Whether the last thing that a run has told of was told before it was stopped: what came later belongs to that."""
    return cluster.last(pause.run).number == pause.told


def tokens_rise(cluster):
    """Whether no state was written by an earlier holder after a later one's."""
    tokens = [change.value["token"] for _, change in cluster.changes if change.path == cluster.state_path]
    return tokens == sorted(tokens)


async def check_pauses(cluster, times, seed):
    print(f"seed {seed}")
    random = Random(seed)
    await cluster.start_all()
    await cluster.tasks.start(cluster.watch, WHERE.presence, cluster.state_path)
    await cluster.beat(pause=0.02)
    pauses = [await pause_holder(cluster, random, number, acting=number % 2) for number in range(times)]
    await cluster.acts((await cluster.next_run(times)).run, 10)
    assert all(node.ready for node in cluster.nodes.values()), "none has been started again"
    print(
        f"from the stop to the first line elsewhere: {cluster.distribution([p.later.at - p.stopped for p in pauses])}"
    )
    print(f"from going on to being a member again: {cluster.distribution([p.back - p.went_on for p in pauses])}")
    late = [await late_writes(cluster, pause) for pause in pauses]
    print(f"writes to the store after another run had begun: {sum(len(store) for store, _ in late)}")
    print(f"writes to the device, begun before the stop and ended after it: {sum(len(device) for _, device in late)}")
    assert [store for store, _ in late if store] == []
    assert [
        device for pause, (_, device) in zip(pauses, late, strict=True) if device and not was_acting(cluster, pause)
    ] == []
    assert max((len(device) for _, device in late), default=0) <= 1
    assert tokens_rise(cluster)


async def test_a_node_that_was_stopped_writes_nothing_when_it_goes_on(cluster):
    await check_pauses(cluster, 2, seed=3)


@pytest.mark.soak
async def test_a_node_that_was_stopped_writes_nothing_many_times(cluster):
    await check_pauses(cluster, 20, seed=4)


async def test_while_a_node_is_stopped_within_a_write_to_the_store_nobody_takes_over(cluster):
    print("seed 5")
    random = Random(5)
    await cluster.start_all()
    await cluster.beat(pause=0.0)
    began = await cluster.next_run(0)
    await cluster.acts(began.run)
    node, _ = await stop_holder(cluster, random, began.run, in_store=True)
    await cluster.pass_time(1.5 * LEASE_TTL)
    assert len(cluster.runs) == 1
    node.send(signal.SIGCONT)
    following = await cluster.next_run(1)
    await cluster.acts(following.run)
    assert await cluster.double_runs() == set()
