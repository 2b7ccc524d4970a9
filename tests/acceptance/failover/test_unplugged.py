"""A job of any node follows its bus: to another interface of its node, else to another node."""

import json


async def unplug(cluster, bus):
    """The owserver of a bus goes away. Returns when."""
    await cluster.houses[bus].fault("restart", target="attic", duration=3600.0)
    return cluster.now()


async def plug(cluster, bus):
    (fault,) = [one for one in cluster.houses[bus].faults if one.ended is None]
    await cluster.houses[bus].end_fault(fault)


async def test_it_goes_on_at_another_node_when_its_bus_is_unplugged(cluster):
    took, ends = [], []
    await cluster.start_all()
    await cluster.beat()
    for times in range(2):
        began = await cluster.next_run(times)
        await cluster.acts(began.run, 3)
        unplugged = await unplug(cluster, began.node)
        following = await cluster.next_run(times + 1, f"a run elsewhere than on {began.node}")
        took.append(following.at - unplugged)
        ends.append((await cluster.state())["end"])
        assert following.node != began.node
        await plug(cluster, began.node)
        node = cluster.nodes[began.node]
        await cluster.until(lambda node=node: node.lines[-1].endswith(": up"), f"the bus of {node.name} is up")
    print(f"from the loss to the first line elsewhere: {cluster.distribution(took)}; ends: {ends}")
    assert set(ends) <= {"handed over", "lost"}
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()
    assert max(took) < 1.0


async def test_it_goes_on_where_it_is_when_its_node_has_the_bus_twice(cluster):
    for name in "abc":
        cluster.configure(name, name, f"{name}2")
    await cluster.start_all()
    await cluster.beat(steady=True)
    began = await cluster.next_run(0)
    await cluster.acts(began.run, 3)
    unplugged = await unplug(cluster, began.node)
    second = cluster.houses[f"{began.node}2"].traffic["attic"].writes
    await cluster.until(lambda: second, "a write to the second bus")
    print(f"from the loss to the first write by the other interface: {(cluster.now() - unplugged) * 1000:.0f} ms")
    await cluster.acts(began.run, cluster.last(began.run).number + 3)
    assert len(cluster.runs) == 1
    state = await cluster.state()
    assert (state["runs"], state["node"]) == (1, began.node)


async def test_while_nobody_has_the_bus_it_waits_and_says_why(cluster):
    await cluster.start_all()
    await cluster.beat()
    began = await cluster.next_run(0)
    await cluster.acts(began.run)
    for name in "abc":
        await unplug(cluster, name)
    await cluster.until(lambda: all("absent" in node.lines[-1] for node in cluster.nodes.values()), "all are absent")
    reason = json.loads(await cluster.command("run", "list", "--json"))["reason"]
    assert "no node of the group has bus attic up" in reason
    assert all(f"{name}: interface '{name}' is absent" in reason for name in "abc")
    runs = len(cluster.runs)
    await plug(cluster, began.node)
    following = await cluster.next_run(runs)
    assert following.node == began.node
    await cluster.acts(following.run)
    assert cluster.overlaps() == []
    assert (await cluster.state())["end"] == "handed over"
