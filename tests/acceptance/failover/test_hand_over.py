"""A job of any node goes on elsewhere when its node stops or loses its bus, and when the whole group starts again."""

import signal

import pytest


async def running(cluster, *options, **more):
    """A group whose job acts; returns what its run told at its begin."""
    await cluster.start_all()
    await cluster.beat(*options, **more)
    began = await cluster.next_run(0)
    await cluster.acts(began.run)
    return began


async def test_a_node_that_is_stopped_in_order_hands_over_within_moments(cluster):
    took = []
    await running(cluster)
    for stops in range(3):
        began = await cluster.next_run(stops)
        await cluster.acts(began.run, 3)
        node = cluster.holder()
        stopped = node.send(signal.SIGTERM)
        following = await cluster.next_run(stops + 1)
        took.append(following.at - stopped)
        await cluster.acts(following.run)
        assert (await cluster.state())["end"] == "node stopped"
        await cluster.until(lambda node=node: node.ended, f"{node.name} has ended")
        assert node.status == 0
        await cluster.start(node.name)
        await cluster.all_ready()
    print(f"from the signal to the first line elsewhere: {cluster.distribution(took)}")
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()
    assert max(took) < 1.0


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.soak), signal.SIGKILL])
async def test_a_whole_group_starts_again(cluster, number):
    await running(cluster)
    nodes = list(cluster.nodes.values())
    for node in nodes:
        node.send(number)
    await cluster.until(lambda: all(node.ended for node in nodes), "all have ended")
    runs = len(cluster.runs)
    state = await cluster.state()
    assert (state["node"] is None, state["end"]) == (
        (True, "node stopped") if number == signal.SIGTERM else (False, "")
    )
    await cluster.start_all()
    await cluster.all_ready()
    following = await cluster.next_run(runs)
    await cluster.acts(following.run, 3)
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()
    assert (await cluster.state())["end"] == ("node stopped" if number == signal.SIGTERM else "node died")
