"""A node's bus from another process: the same answers and errors, nothing twice, nothing late."""

import random
from contextlib import suppress

import anyio
import pytest

from gateway import errors
from gateway.bus.remote import nodes_with, remote_bus, serve_buses, survey
from gateway.bus.remote_messages import REQUESTS, TOPIC, pack_error, unpack_error
from gateway.errors import (
    BusFault,
    Detached,
    HandleRevoked,
    InterfaceDown,
    NoSuchAttribute,
    NotFound,
    Uncertain,
    WriteRefused,
)
from gateway.path import P
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import Device, Reading


class Cluster:
    """Nodes and clients on one store; ``node()`` starts a node, its service included."""

    def __init__(self, tasks):
        self.server = MemoryServer()
        self.tasks = tasks
        self.seed = 0

    def store(self, name):
        self.seed += 1
        return MemoryStore(self.server, clock=VirtualClock(), random=random.Random(self.seed), node=name)

    async def node(self, bench):
        return await self.tasks.start(self._node, bench)

    async def _node(self, bench, *, task_status):
        async with self.store("node") as store, bench.interfaces() as interfaces, anyio.create_task_group() as tasks:
            await interfaces.handle("attic").wait_up()
            await tasks.start(serve_buses, store, "pi1", interfaces)
            with anyio.CancelScope() as scope:
                task_status.started((store, scope))
                await anyio.sleep_forever()
            tasks.cancel_scope.cancel()


@pytest.fixture
async def cluster():
    async with anyio.create_task_group() as tasks:
        yield Cluster(tasks)
        tasks.cancel_scope.cancel()


@pytest.fixture
async def away(cluster, bench):
    """The hardware of a node, and a handle on it from outside."""
    hardware = bench.add("left")
    await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "attic") as handle:
        yield hardware, handle


async def test_a_remote_bus_answers_like_a_local_one(away, bench):
    hardware, handle = away
    assert await handle.read("t1", "value") == Reading(21.5, "°C", bench.clock.now(), "ok", "pi1/left")
    assert await handle.scan() == [Device("t1", "scripted", ("value",), ("value",))]
    await handle.write("t1", "value", 17)
    assert hardware.values == {"t1": 17}
    readings = await handle.read_many([("t1", "value"), ("t2", "value")])
    assert [reading.quality for reading in readings] == ["ok", "absent"]
    assert await handle.send("t1", "blink", times=3, key=b"\0") == ["t1", "blink", {"times": 3, "key": b"\0"}]
    await handle.probe()
    await handle.wait_up()


@pytest.mark.parametrize(
    "error", [NoSuchAttribute("no 'x'"), WriteRefused("read-only"), BusFault("bad CRC", "crc"), ValueError("oh")]
)
async def test_errors_come_back_as_they_were_raised(away, error):
    hardware, handle = away
    hardware.trouble["write"] = error
    with pytest.raises(errors.BusError) as caught:
        await handle.write("t1", "value", 1)
    if isinstance(error, ValueError):
        assert type(caught.value) is BusFault
        assert str(caught.value) == "driver crashed in write of t1 value: ValueError: oh"
    else:
        assert type(caught.value) is type(error)
        assert str(caught.value) == str(error)
        assert vars(caught.value) == vars(error)


def test_every_error_can_travel():
    made = [errors.BusFault("f", "crc"), errors.PathError("odd", "a..b", 2), errors.ConfigError(["one", "two"])]
    made += [errors.CodeError(P("a.b"), "no", 3, "x ="), errors.Conflict(P("a"), 3), errors.Denied()]
    made += [errors.ClaimLost()]
    for error in made:
        back = unpack_error(pack_error(error))
        assert type(back) is type(error)
        assert str(back) == str(error)
    assert type(unpack_error({"type": "Newer", "text": "x", "more": {}})) is errors.BusError
    assert type(unpack_error({"type": "annotations", "text": "x", "more": {}})) is errors.BusError


async def test_a_bus_that_is_not_there_is_not_found(cluster, bench):
    bench.add("left")
    await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "roof") as handle:
        with pytest.raises(NotFound, match=r"no interface of node 'pi1' has the bus 'roof' \(buses here: attic\)"):
            await handle.scan()


async def test_a_node_that_does_not_run_is_told_soon(cluster, bench):
    async with cluster.store("cli") as store:
        handle = remote_bus(store, "pi9", "attic")
        with pytest.raises(InterfaceDown, match=r"node 'pi9' doesn't answer \(no reply\): does it run"):
            await handle.__aenter__()
    assert bench.now() == 4.5


async def test_a_call_may_take_long_while_the_node_says_that_it_works(away, bench):
    hardware, handle = away
    hardware.trouble["read"] = 29
    assert (await handle.read("t1", "value")).quality == "ok"
    assert bench.now() == 29


async def test_answers_longer_than_a_message_arrive(away):
    hardware, handle = away
    hardware.values = {f"device {number:05}": number for number in range(5000)}
    assert len(await handle.scan()) == 5000


@pytest.mark.parametrize("seed", range(10))
async def test_nothing_takes_effect_twice_when_messages_are_lost(cluster, bench, seed):
    hardware = bench.add("left")
    node, _ = await cluster.node(bench)
    async with cluster.store("cli") as store:
        store.random.seed(seed)
        node.random.seed(seed)
        async with remote_bus(store, "pi1", "attic") as handle:
            store.faults.lost_request = node.faults.lost_request = 0.2
            done = []
            for number in range(20):
                with suppress(Uncertain):
                    await handle.write("t1", "value", number)
                    done.append(number)
    assert len(set(hardware.written)) == len(hardware.written)
    assert set(done) <= set(hardware.written)
    assert len(done) > 10


async def test_a_write_is_uncertain_when_its_node_dies(cluster, bench):
    hardware = bench.add("left")
    hardware.trouble["write"] = anyio.Event()
    _, node = await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "attic") as handle:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(kill, node, 3)
            with pytest.raises(Uncertain, match="unknown whether the write took effect"):
                await handle.write("t1", "value", 1)
        assert bench.now() <= 10
        with pytest.raises(InterfaceDown, match="doesn't answer"):
            await handle.read("t1", "value")


async def kill(scope, seconds):
    await anyio.sleep(seconds)
    scope.cancel()


async def test_a_node_started_anew_takes_no_requests_for_the_last(cluster, bench):
    hardware = bench.add("left")
    _, node = await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "attic") as handle:
        node.cancel()
        await anyio.sleep(1)
        await cluster.node(bench)
        with pytest.raises(InterfaceDown, match="node 'pi1' has been started anew meanwhile"):
            await handle.write("t1", "value", 1)
    assert "write" not in hardware.asked


async def test_a_request_that_comes_late_is_not_carried_out(cluster, bench):
    hardware = bench.add("left")
    await cluster.node(bench)
    async with cluster.store("cli") as store, store.subscribe(TOPIC) as spy:
        async with remote_bus(store, "pi1", "attic") as handle:
            await handle.write("t1", "value", 1)
        async for message in spy:
            if message.value.get("do") == "write":
                break
        await anyio.sleep(6)
        request = message.value | {"id": 17, "client": "late"}
        await store.publish(REQUESTS / "pi1", request)
        async for message in spy:
            if message.topic[-1] == "late" and "data" in message.value:
                break
        assert b"too late" in message.value["data"]
    assert hardware.asked.count("write") == 1


async def test_only_the_topic_of_a_node_leads_to_its_hardware(cluster, bench):
    """So the servers of a store, which know topics alone, can be told who may use it."""
    hardware = bench.add("left")
    await cluster.node(bench)
    async with cluster.store("cli") as store:
        async with store.subscribe(TOPIC) as spy, remote_bus(store, "pi1", "attic") as handle:
            await handle.write("t1", "value", 1)
            async for message in spy:
                if message.value.get("do") == "write":
                    break
        for number, topic in enumerate((REQUESTS, REQUESTS / "pi2", REQUESTS / "pi1" / "x")):
            await store.publish(topic, message.value | {"id": number, "client": "other"})
        await anyio.sleep(2)
    assert hardware.asked.count("write") == 1


async def test_cancelling_a_call_cancels_it_at_the_node(away):
    hardware, handle = away
    hardware.trouble["read"] = anyio.Event()
    with anyio.move_on_after(3):
        await handle.read("t1", "value")
    hardware.unplug()  # would wait for the call to leave, if it was still there
    hardware.plugged = True
    hardware.trouble.clear()
    await anyio.sleep(1)
    assert (await handle.read("t1", "value")).quality == "ok"


async def test_revoking_ends_the_calls(away):
    hardware, handle = away
    hardware.trouble["read"] = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, 1, handle.revoke)
        with pytest.raises(HandleRevoked):
            await handle.read("t1", "value")
    with pytest.raises(HandleRevoked):
        await handle.scan()


async def later(seconds, function):
    await anyio.sleep(seconds)
    function()


async def test_a_lost_store_is_told(cluster, bench):
    hardware = bench.add("left")
    hardware.trouble["write"] = anyio.Event()
    await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "attic") as handle:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later, 1, store.cut)
            with pytest.raises(Uncertain, match="the store was lost"):
                await handle.write("t1", "value", 1)
        with pytest.raises(Detached):
            await handle.read("t1", "value")


async def test_a_node_answers_again_when_the_store_is_back(cluster, bench):
    hardware = bench.add("left")
    node, _ = await cluster.node(bench)
    async with cluster.store("cli") as store, remote_bus(store, "pi1", "attic") as handle:
        node.cut()
        await anyio.sleep(10)
        node.mend()
        await anyio.sleep(2)
        assert (await handle.read("t1", "value")).quality == "ok"
    assert hardware.asked.count("read") == 1


async def test_nonsense_is_ignored(away, cluster):
    _, handle = away
    async with cluster.store("cli") as store:
        for nonsense in (None, 1, {}, {"client": 1}, {"client": "x" * 2000, "id": 1, "node": None, "do": "list"}):
            await store.publish(REQUESTS, nonsense)
        await store.publish(REQUESTS / "pi1", {"client": "c", "id": 1, "node": "pi1", "do": "read"})
        await store.publish(
            REQUESTS / "pi1", {"client": "c", "id": 2, "node": "pi1", "do": "__class__", "bus": "attic"}
        )
    assert (await handle.read("t1", "value")).quality == "ok"


async def test_the_nodes_that_have_a_bus_are_found(cluster, bench):
    hardware = bench.add("left")
    await cluster.node(bench)
    async with cluster.store("cli") as store:
        assert await nodes_with(store, "attic") == ["pi1"]
        assert bench.now() == 0
        assert await nodes_with(store, "roof") == []
        assert bench.now() == 1
        hardware.unplug()
        await anyio.sleep(1)
        assert await nodes_with(store, "attic") == ["pi1"]
        (found,) = await survey(store)
        assert found["interfaces"][0]["state"] == "absent"


async def test_a_survey_tells_how_far_the_clocks_are_apart(cluster, bench):
    bench.add("left")
    node, _ = await cluster.node(bench)
    node.clock.jump(7.5)
    async with cluster.store("cli") as store:
        store.faults.delay = 0.1
        (found,) = await survey(store)
        assert abs(found["ahead"] - 7.5) <= found["doubt"] < 0.5
