"""What a run may not write does not reach the hardware, and troubles nobody else."""

import anyio
import anyio.lowlevel
import pytest

from gateway.errors import ClaimLost, InterfaceDown
from gateway.testing.permits import WatchedPermit


@pytest.fixture
async def permit():
    return WatchedPermit()


@pytest.fixture
async def two(bench, settled, permit):
    """Two interfaces of one bus, both up, and a handle with the permit."""
    left, right = bench.add("left"), bench.add("right")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: all(each["state"] == "up" for each in interfaces.snapshot()))
        yield left, right, interfaces.handle("attic", permit)


@pytest.fixture
async def one(bench, settled, permit):
    """One interface, a handle with the permit, and one that has a permit of its own."""
    left = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        yield left, interfaces.handle("attic", permit), interfaces.handle("attic", WatchedPermit())


async def attempt(handle, call):
    return await (handle.write("t1", "value", 1) if call == "write" else handle.send("t1", "blink"))


@pytest.mark.parametrize(("call", "seconds"), [("write", 0.25), ("send", 0.5)])
async def test_the_driver_asks_for_each_write(two, permit, call, seconds):
    _, _, handle = two
    await attempt(handle, call)
    await attempt(handle, call)
    assert [asking.seconds for asking in permit.asked] == [seconds] * 2


async def test_what_did_not_begin_here_asks_on_the_other(two, permit):
    left, right, handle = two
    left.plugged = False
    await handle.write("t1", "value", 1)
    assert (left.written, right.written, len(permit.asked)) == ([], [1], 1)


async def test_reads_need_none(two, permit):
    _, _, handle = two
    permit.withdraw()
    assert (await handle.read("t1", "value")).quality == "ok"
    assert [reading.quality for reading in await handle.read_many([("t1", "value")])] == ["ok"]
    await handle.scan()
    await handle.probe()
    assert permit.asked == []


@pytest.mark.parametrize("call", ["write", "send"])
async def test_a_refusal_reaches_the_caller_and_nobody_else(two, permit, bench, call):
    left, right, handle = two
    permit.withdraw()
    with pytest.raises(ClaimLost) as caught:
        await attempt(handle, call)
    assert caught.value is permit.refusal
    assert (left.written, left.sent, left.asked) == ([], [], ["open", call])
    assert right.asked == ["open"]
    assert handle.health()["faults"] == 0
    assert [error for _, error in bench.errors if error] == []
    assert (await handle.read("t1", "value")).source == "pi1/left"


async def test_a_permit_that_ends_while_the_write_waits(two, permit):
    left, _, handle = two
    left.trouble["write"] = anyio.Event()

    async def write():
        with pytest.raises(ClaimLost):
            await handle.write("t1", "value", 1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await anyio.sleep(1)
        assert left.asked == ["open", "write"]
        permit.withdraw()
        left.trouble["write"].set()
    assert (left.written, len(permit.asked)) == ([], 1)


async def test_another_run_goes_on(one, permit):
    left, handle, other = one
    permit.withdraw()
    left.trouble["write"] = 1
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other.write, "t1", "value", 7)
        with pytest.raises(ClaimLost):
            await handle.write("t1", "value", 1)
    assert left.written == [7]


async def test_a_refusal_is_certain_even_when_the_interface_is_lost_meanwhile(two, permit):
    left, _, handle = two

    async def refused(what):
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            raise permit.refusal from None  # as from a thread that asked just then

    async def unplug():
        await anyio.sleep(1)
        left.unplug()

    left.meet = refused
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(unplug)
        with pytest.raises(ClaimLost):
            await handle.write("t1", "value", 1)


async def test_refusals_in_groups(two, permit):
    left, _, handle = two
    left.trouble["write"] = ExceptionGroup("two", [permit.refusal, ExceptionGroup("in", [permit.refusal])])
    with pytest.raises(ClaimLost) as caught:
        await handle.write("t1", "value", 1)
    assert caught.value is permit.refusal
    left.trouble["write"] = ExceptionGroup("two", [permit.refusal, InterfaceDown("dead")])
    with pytest.raises(InterfaceDown, match="dead"):
        await handle.write("t1", "value", 1)


async def test_a_command_may_have_values_of_any_name(two, permit):
    _, _, handle = two
    values = {"device": 1, "command": 2, "values": 3, "permit": 4, "self": 5}
    assert await handle.send("t1", "blink", **values) == ["t1", "blink", values]
    assert len(permit.asked) == 1
