"""Bus handles belong to one run."""

import anyio

from gateway.runner import SingleRunner


async def run(node, text, **fields):
    """Run some code once; return its result."""
    await node.code("a", text)
    await node.now("a", **fields)
    state = await node.ended("a")
    assert state.end == "finished", await node.errors()
    return state.result


async def test_buses_belong_to_the_run(node):
    node.buses.switch("attic", up=True)
    text = """
bus = _self.bus("attic")
reading = await _self.bus().read("28.x", "temperature")
try:
    _self.bus("cellar")
except LookupError as error:
    return reading.value, str(error)
"""
    assert await run(node, text, bus="attic") == [21.5, "there is no bus cellar"]
    assert [handle.revoked for handle in node.buses.handles] == [True, True]


async def test_a_stopped_run_has_no_bus_even_while_it_cleans_up(node):
    node.buses.switch("attic", up=True)
    text = """
import anyio
bus = _self.bus("attic")
try:
    await anyio.sleep_forever()
finally:
    with anyio.CancelScope(shield=True):
        try:
            await bus.read("28.x", "temperature")
        except Exception as error:
            await _self.set("seen", type(error).__name__)
"""
    await node.code("a", text)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    await node.change("a", target=None)
    await node.ended("a")
    assert await node.value("seen") == "HandleRevoked"


async def test_a_bus_without_name_needs_one_in_the_job(node):
    await node.code("a", "_self.bus()")
    await node.now("a")
    await node.ended("a")
    assert "which bus?" in (await node.errors())["at.n1.default.a"].message


async def test_a_bus_that_comes_up_between_two_looks_is_not_missed(make_node):
    """The job finds it down; it is up before the runner begins to wait for changes."""
    async with make_node() as node:
        buses = node.buses
        looks = []

        def is_up(bus):
            looks.append(bus)
            if len(looks) == 1:
                buses.switch(bus, up=True)
                return False
            return buses.known.get(bus, False)

        buses.is_up = is_up
        await node.code("a", "return 1")
        await node.now("a", bus="attic")
        node.runner = SingleRunner(node.context)
        async with node.running_runner():
            assert (await node.ended("a")).end == "finished"
