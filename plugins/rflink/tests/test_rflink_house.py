"""The driver in a simulated house: real telegrams on one air, two gateways, and the faults that users report."""

import logging
import random
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_rflink.driver import RflinkDriver
from busgate_rflink.options import Options

from gateway.abc import DriverContext
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.bus.line import Lines
from gateway.clock import SystemClock
from gateway.errors import InterfaceDown, WriteRefused
from gateway.testing.clocks import VirtualClock
from hwsim import House

HOUSE = """
seed = 7
[air]
jitter = 0
rssi = -64
[[bus]]
name = "attic"
kind = "rflink"
reset_on_open = true
[[bus]]
name = "cellar"
kind = "rflink"
reports_rssi = true
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
unit = 3
[[device]]
kind = "switch"
name = "lamp"
code = "ac"
id = "00C0FFEE"
[[device]]
kind = "weather"
name = "garden"
code = "oregon"
id = "1A2D"
temperature = -3.4
humidity = 81
interval = 1000000
"""
LAMP = "newkaku_00c0ffee_0"
REMOTE = "newkaku_00ab12cd_2"  # buttons count from 0 here


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running(ptys=False):
        yield house


def lines_of(house):
    async def connect(spec):
        return house.connect(spec.url)

    return Lines({"memory": connect}).__call__


@pytest.fixture
def opened(house):
    @asynccontextmanager
    async def opening(name, **options):
        context = DriverContext(
            name, "radio", VirtualClock(), random.Random(1), logging.getLogger("x"), lines_of(house)
        )
        async with RflinkDriver().open(Options(port=house.url(name), **options), context) as interface:
            yield interface

    return opening


async def heard_by(telegrams, count):
    with anyio.fail_after(10):
        return [await anext(telegrams) for _ in range(count)]


async def test_two_gateways_hear_one_remote_control(house, opened):
    async with opened("attic") as attic, opened("cellar") as cellar, attic.listen() as one, cellar.listen() as other:
        for action in ("on", "off"):
            await house.press("hall", action)
            (here,), (there,) = await heard_by(one, 1), await heard_by(other, 1)
            assert (here.device, here.values["command"].value) == (REMOTE, action)
            assert (here.rssi, there.rssi) == (None, -64)
            assert here.key == there.key
            assert abs(here.heard - there.heard) < here.window
        assert [device.details["count"] for device in await attic.scan()] == [2]


async def test_a_lamp_obeys_and_the_other_gateway_hears_what_was_told(house, opened):
    async with opened("attic") as attic, opened("cellar") as cellar, cellar.listen() as other:
        for command, values, level in (("on", {}, 100), ("set_level", {"level": 50}, 50), ("off", {}, 0)):
            means = attic.transmission(LAMP, command, values)
            began = anyio.current_time()
            assert await attic.send(LAMP, command, values) == 2
            assert anyio.current_time() - began <= means.airtime + 0.1
            (telegram,) = await heard_by(other, 1)
            assert (telegram.device, telegram.key) == (LAMP, means.key)
            assert house.radio("lamp").state["level"] == pytest.approx(level, abs=4)


async def test_a_weather_station(house, opened):
    async with opened("attic") as attic, attic.listen() as telegrams:
        await house.press("garden", "send")
        (telegram,) = await heard_by(telegrams, 1)
        assert telegram.values["temperature"] == (-3.4, "°C")
        assert telegram.values["humidity"] == (81, "%")
        assert (await attic.read(telegram.device, "temperature")).value == -3.4


async def test_modules_are_switched(house, opened):
    async with opened("attic", protocols={"rf433": False, "gpio": True}) as attic:
        assert {"rf433": False, "gpio": True}.items() <= attic.health()["modules"].items()
        await house.press("hall", "on")
        await anyio.sleep(0.5)
        assert await attic.scan() == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("noise", {"length": 7}),
        ("torn", {"count": 1}),
        ("garbled", {"count": 1}),
        ("wrong_length", {"count": 1}),
        ("choppy", {"duration": 5}),
        ("slow_line", {"duration": 5}),
    ],
)
async def test_after_a_disturbance_each_of_twenty_is_heard(house, opened, kind, options):
    async with opened("attic") as attic, attic.listen() as telegrams:
        await house.fault(kind, target="attic", **options)
        await house.press("hall", "off")  # what the disturbance may spoil
        await anyio.sleep(1)
        with anyio.move_on_after(0.1):
            await heard_by(telegrams, 2)
        for number in range(20):
            await house.press("hall", "on" if number % 2 else "off")
            await anyio.sleep(0.5)
        values = [telegram.values["command"].value for telegram in await heard_by(telegrams, 20)]
        assert values == ["off", "on"] * 10


async def test_a_frame_that_comes_twice_is_one_key(house, opened):
    async with opened("attic") as attic, attic.listen() as telegrams:
        await house.fault("repeated", target="attic", count=1)
        await house.press("hall", "on")
        one, two = await heard_by(telegrams, 2)
        assert one.key == two.key


async def test_acknowledgements_that_go_wrong(house, opened):
    async with opened("attic") as attic:
        await house.fault("no_ack", target="attic", count=1)
        assert await attic.send(LAMP, "on", {}) == 1
        assert house.radio("lamp").state["on"]
        await house.fault("nak", target="attic", count=1)
        with pytest.raises(WriteRefused, match="doesn't know"):
            await attic.send(LAMP, "off", {})
        assert house.radio("lamp").state["on"]
        await house.fault("late_ack", target="attic", count=1)
        assert await attic.send(LAMP, "off", {}) == 1
        assert await attic.send(LAMP, "on", {}) == 2


async def test_a_gateway_that_hangs_and_one_that_is_stuck_fail_their_probe(house, opened):
    for kind in ("hang", "stuck"):
        async with opened("attic") as attic:
            await house.fault(kind, target="attic", duration=20)
            with anyio.fail_after(5), pytest.raises(InterfaceDown):
                await attic.probe()
        await anyio.sleep(30)


async def test_it_is_reopened_whatever_happens_to_the_gateway(house):
    """Under the supervisor."""
    heard = []
    spec = InterfaceSpec("attic", "radio", "rflink", {"port": house.url("attic")})
    async with (
        Interfaces(
            [spec],
            lambda name: RflinkDriver,
            node="test",
            clock=VirtualClock(),
            random=random.Random(1),
            open_line=lines_of(house),
        ) as interfaces,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(interfaces.hear, lambda spec, one: heard.append(one.device))
        for kind in ("unplug", "restart", "hang", "stuck"):
            with anyio.fail_after(60):
                while not interfaces.is_up("radio"):
                    await interfaces.changed()
            await anyio.sleep(0.5)
            heard.clear()
            await house.press("hall", "on")
            await anyio.sleep(0.5)
            assert heard == [REMOTE]
            assert await interfaces.handle("radio").send(LAMP, "on") == 2
            await house.fault(kind, target="attic", **({} if kind == "restart" else {"duration": 5}))
            await anyio.sleep(40)
        tasks.cancel_scope.cancel()


class TestOnATerminal:
    """In real time, with the serial library that real sticks are opened with."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    async def test_hearing_and_sending(self):
        house = House.parse(HOUSE)
        log = logging.getLogger("x")
        async with house.running():
            context = DriverContext("attic", "radio", SystemClock(), random.Random(1), log)
            async with RflinkDriver().open(Options(port=house.url("attic")), context) as attic, attic.listen() as heard:
                await house.press("hall", "on")
                (telegram,) = await heard_by(heard, 1)
                assert telegram.device == REMOTE
                assert await attic.send(LAMP, "on", {}) == 2
                assert house.radio("lamp").state["on"]
