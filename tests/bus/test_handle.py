"""A bus as a run sees it: the best interface at each call, until the handle is revoked."""

import anyio
import pytest

from gateway.errors import (
    BusFault,
    HandleRevoked,
    InterfaceDown,
    NoSuchAttribute,
    NoSuchDevice,
    Unsupported,
    WriteRefused,
)
from gateway.values import Reading


@pytest.fixture
async def two(bench, settled):
    """Two interfaces of one bus, both up, and a handle."""
    left, right = bench.add("left"), bench.add("right")
    right.values = {"t1": 99.0}
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: all(each["state"] == "up" for each in interfaces.snapshot()))
        yield left, right, interfaces.handle("attic")


@pytest.fixture
async def one(bench, settled):
    left = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        yield left, interfaces.handle("attic")


async def later(seconds, function, *args):
    await anyio.sleep(seconds)
    function(*args)


async def test_a_reading_says_where_it_comes_from(one, bench):
    _, handle = one
    assert await handle.read("t1", "value") == Reading(21.5, "°C", bench.clock.now(), "ok", "pi1/left")
    assert [device.id for device in await handle.scan()] == ["t1"]
    await handle.write("t1", "value", 0)
    first, second, third = await handle.read_many([("t1", "value"), ("t2", "value"), ("t1", "colour")])
    assert (first.value, first.quality) == (0, "ok")
    assert second == third == Reading(None, None, bench.clock.now(), "absent", "pi1/left")
    assert await handle.send("t1", "blink", times=3) == ["t1", "blink", {"times": 3}]
    await handle.probe()
    assert handle.health()["calls"] == 6


@pytest.mark.parametrize(
    ("trouble", "quality"),
    [
        (BusFault("bad CRC", "crc"), "crc"),
        (BusFault("short circuit"), "bus_error"),
        (NoSuchDevice("gone"), "absent"),
        ([Reading(float("nan"), "°C", 0.0)], "bus_error"),
        ([Reading(float("inf"), "°C", 0.0)], "bus_error"),
    ],
)
async def test_what_fails_is_a_reading_that_says_so(one, trouble, quality):
    hardware, handle = one
    hardware.trouble["read"] = trouble
    readings = [await handle.read("t1", "value"), *await handle.read_many([("t1", "value")] * 2)]
    assert {(each.value, each.quality, each.source) for each in readings} == {(None, quality, "pi1/left")}
    assert hardware.asked.count("open") == 1


@pytest.mark.parametrize("value", [0, 0.0, -0.0, False, ""])
async def test_nothing_much_is_a_value(one, value):
    hardware, handle = one
    hardware.values["t1"] = value
    reading = await handle.read("t1", "value")
    assert (repr(reading.value), reading.quality) == (repr(value), "ok")


async def test_the_first_of_the_configuration_is_used_while_it_is_up(two):
    left, _, handle = two
    assert (await handle.read("t1", "value")).source == "pi1/left"
    left.unplug()
    await anyio.sleep(1)
    assert (await handle.read("t1", "value")).source == "pi1/right"


async def test_one_that_was_lost_lately_is_trusted_less(two):
    left, _, handle = two
    left.unplug()
    left.plugged = True
    await anyio.sleep(10)
    assert (await handle.read("t1", "value")).source == "pi1/right"
    await anyio.sleep(60)
    assert (await handle.read("t1", "value")).source == "pi1/left"


@pytest.mark.parametrize("way", ["told by the call", "told in the background"])
async def test_a_read_is_repeated_on_the_other_when_its_interface_goes_down(two, way):
    left, _, handle = two
    left.trouble["read"] = 3 if way == "told by the call" else anyio.Event()
    async with anyio.create_task_group() as tasks:
        if way == "told by the call":
            tasks.start_soon(later, 1, setattr, left, "plugged", False)
        else:
            tasks.start_soon(later, 1, left.unplug)
        reading = await handle.read("t1", "value")
    assert (reading.value, reading.source) == (99.0, "pi1/right")
    assert [reading.source for reading in await handle.read_many([("t1", "value")])] == ["pi1/right"]


@pytest.mark.parametrize(("call", "what"), [("write", "write of t1 x"), ("send", "command x to t1")])
async def test_a_write_that_may_have_begun_is_not_repeated(two, call, what):
    left, right, handle = two
    left.trouble[call] = 3
    arguments = ("t1", "x", 5) if call == "write" else ("t1", "x")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, 1, left.unplug)
        with pytest.raises(InterfaceDown, match=f"went down during {what}: the line went dead|being closed"):
            await getattr(handle, call)(*arguments)
    assert call not in right.asked


async def test_a_write_that_certainly_did_not_begin_goes_to_the_other(two):
    left, right, handle = two
    left.plugged = False  # nobody has noticed yet; the driver says that nothing was sent
    await handle.write("t1", "value", 5)
    assert right.values == {"t1": 5}
    assert left.values == {"t1": 21.5}


async def test_no_interface_up_is_an_error_with_all_reasons(two):
    left, right, handle = two
    left.unplug()
    right.unplug()
    await anyio.sleep(1)
    with pytest.raises(InterfaceDown, match=r"'left' is absent .* unplugged; interface 'right' is absent"):
        await handle.read("t1", "value")
    assert handle.health() == {}


async def test_a_driver_that_crashes_in_a_call_is_named_and_not_tried_elsewhere(two, bench):
    left, right, handle = two
    left.trouble["read"] = [17]
    assert (await handle.read("t1", "value")).quality == "bus_error"
    assert right.asked.count("read") == 0
    assert ("left", "read gave 17, which is no Reading") in bench.errors
    right.trouble["write"] = KeyError("x")
    with pytest.raises(BusFault, match="driver crashed in write of t1 value: KeyError: 'x'"):
        await handle.write("t1", "value", 1)
    await anyio.sleep(1)
    assert right.asked.count("open") == left.asked.count("open") == 2


async def test_errors_in_groups_are_understood(one):
    hardware, handle = one
    hardware.trouble["write"] = ExceptionGroup("two", [WriteRefused("no"), ExceptionGroup("in", [WriteRefused("so")])])
    with pytest.raises(WriteRefused, match="no"):
        await handle.write("t1", "value", 1)
    hardware.trouble["write"] = ExceptionGroup("two", [WriteRefused("no"), InterfaceDown("dead")])
    with pytest.raises(InterfaceDown, match="dead"):
        await handle.write("t1", "value", 1)


@pytest.mark.parametrize("error", [NoSuchAttribute("a"), WriteRefused("b"), Unsupported("c"), NoSuchDevice("d")])
async def test_answers_of_the_hardware_reach_the_caller(one, error):
    hardware, handle = one
    hardware.trouble["write"] = error
    with pytest.raises(type(error), match=str(error)):
        await handle.write("t1", "value", 1)
    assert hardware.asked.count("open") == 1


async def test_a_write_without_answer_ends_at_its_bound(one, bench):
    hardware, handle = one
    hardware.trouble["write"] = anyio.Event()
    with pytest.raises(BusFault, match="no answer to write of t1 value within 30 s"):
        await handle.write("t1", "value", 1)
    assert bench.now() == 30


async def test_reads_are_concurrent(one, bench):
    hardware, handle = one
    hardware.trouble["read"] = 1
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(handle.read, "t1", "value")
    assert bench.now() == 1


async def test_a_cancelled_call_leaves_the_interface_working(one, bench):
    hardware, handle = one
    hardware.trouble["read"] = anyio.Event()
    with anyio.move_on_after(1) as scope:
        await handle.read("t1", "value")
    assert scope.cancelled_caught
    hardware.trouble.clear()
    assert (await handle.read("t1", "value")).quality == "ok"
    assert hardware.asked.count("open") == 1


async def test_revoking_ends_every_use_at_once(two, bench):
    left, right, handle = two
    left.trouble |= {"read": anyio.Event(), "write": anyio.Event(), "scan": anyio.Event()}
    outcomes = []

    async def use(call, *args):
        try:
            await call(*args)
        except HandleRevoked as error:
            outcomes.append((call.__name__, bench.now(), str(error)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use, handle.read, "t1", "value")
        tasks.start_soon(use, handle.write, "t1", "value", 1)
        tasks.start_soon(use, handle.scan)
        tasks.start_soon(later, 1, handle.revoke)
    expected = "the run that used bus 'attic' has ended"
    assert sorted(outcomes) == [("read", 1, expected), ("scan", 1, expected), ("write", 1, expected)]
    for call in (handle.scan(), handle.read("t1", "value"), handle.write("t1", "value", 2), handle.wait_up()):
        with pytest.raises(HandleRevoked):
            await call
    assert right.asked == ["open"]


async def test_revoking_one_handle_leaves_others_alone(bench, settled):
    bench.add("left")
    async with bench.interfaces() as interfaces:
        first, second = interfaces.handle("attic"), interfaces.handle("attic")
        await first.wait_up()
        first.revoke()
        assert (await second.read("t1", "value")).quality == "ok"


async def test_an_error_of_the_driver_upon_revoking_is_the_revocation(one):
    hardware, handle = one
    hardware.trouble["send"] = 5

    async def converted(*args, **kwargs):
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            raise BusFault("cancelled") from None  # as a driver shouldn't

    hardware.meet = converted
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, 1, handle.revoke)
        with pytest.raises(HandleRevoked):
            await handle.send("t1", "blink")


async def test_waiting_for_the_bus(bench):
    hardware = bench.add("left")
    hardware.plugged = False
    async with bench.interfaces() as interfaces:
        handle = interfaces.handle("attic")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later, 60, setattr, hardware, "plugged", True)
            await handle.wait_up()
        assert 60 <= bench.now() <= 65
        hardware.unplug()
        await anyio.sleep(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later, 1, handle.revoke)
            with pytest.raises(HandleRevoked):
                await handle.wait_up()


async def test_a_wrong_number_of_readings_is_a_crash(one, bench):
    hardware, handle = one
    hardware.trouble["read_many"] = [[]]
    readings = await handle.read_many([("t1", "value")] * 3)
    assert [reading.quality for reading in readings] == ["bus_error"] * 3
    assert ("left", "read_many gave 0 readings for 3 requests") in bench.errors
