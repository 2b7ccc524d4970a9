"""The driver in a simulated house: sticks, devices and faults as hwsim has them, which knows nothing of this plugin."""

import logging
import random
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_enocean.driver import EnoceanDriver

from gateway.abc import DriverContext
from gateway.bus.line import Lines
from gateway.bus.options import read_options
from gateway.clock import SystemClock
from gateway.errors import InterfaceDown
from gateway.testing.clocks import VirtualClock
from hwsim import House

HOUSE = """
seed = 11
[air]
rssi = -61
[[bus]]
name = "west"
kind = "enocean"
chip_id = "0401A2B3"
base_id = "FF9C8000"
[[bus]]
name = "east"
kind = "enocean"
[[device]]
kind = "weather"
name = "nursery"
code = "4bs"
id = "0180ABCD"
interval = 100
temperature = 20.0
humidity = 40.0
[[device]]
kind = "contact"
name = "door"
code = "1bs"
id = "0180ABCE"
[[device]]
kind = "remote"
name = "bed"
code = "rps"
id = "01020304"
[[device]]
kind = "switch"
name = "lamp"
code = "vld"
id = "0180AAAA"
learned = ["FF9C8005"]
[[device]]
kind = "blind"
name = "study"
code = "vld"
id = "0180BBBB"
travel = 20
"""
DEVICES = [
    {"id": "01020304", "eep": "F6-02-01"},
    {"id": "0180AAAA", "eep": "D2-01-01"},
    {"id": "0180BBBB", "eep": "D2-05-00"},
    {"id": "00000005", "eep": "F6-02-01", "sender": 5},
]
DRIVER = logging.getLogger("enocean")


@pytest.fixture
def living(profiles):
    """A house in virtual time and the driver on its sticks: ``async with living("west", ...) as (house, *buses)``."""

    @asynccontextmanager
    async def open_bus(house, name):
        async def connect(spec):
            return house.connect(spec.url)

        context = DriverContext(name, "radio", VirtualClock(), random.Random(7), DRIVER, Lines({"memory": connect}))
        options = read_options(EnoceanDriver, {"port": house.url(name), "device": DEVICES})
        async with EnoceanDriver(profiles).open(options, context) as bus:
            yield bus

    @asynccontextmanager
    async def living(*names):
        house = House.parse(HOUSE)
        async with house.running(ptys=False):
            if len(names) == 1:
                async with open_bus(house, names[0]) as bus:
                    yield house, bus
            else:
                async with open_bus(house, names[0]) as bus, open_bus(house, names[1]) as other:
                    yield house, bus, other

    return living


async def heard_of(listener, device):
    """The next telegram of a device."""
    with anyio.fail_after(120):
        while (telegram := await anext(listener)).device != device:
            pass
    return telegram


async def test_sensors_are_heard_and_taught(living):
    async with living("west") as (house, bus), bus.listen() as listener:
        assert bus.health()["base_id"] == "FF9C8000"
        await house.press("nursery", "send")
        assert (await heard_of(listener, "0180ABCD")).kind == "4BS"
        await house.press("nursery", "learn")
        assert (await heard_of(listener, "0180ABCD")).values["eep"].value == "A5-04-01"
        await house.press("nursery", "send")
        telegram = await heard_of(listener, "0180ABCD")
        assert telegram.kind == "A5-04-01"
        assert telegram.values["TMP"] == (pytest.approx(20, abs=0.2), "°C")
        assert telegram.values["HUM"] == (pytest.approx(40, abs=0.5), "%")
        assert -75 < telegram.rssi < -50
        assert (await bus.read("0180ABCD", "TMP")).value == telegram.values["TMP"].value


async def test_contacts_and_rockers_are_heard(living):
    async with living("west") as (house, bus), bus.listen() as listener:
        await house.press("door", "open")
        assert (await heard_of(listener, "0180ABCE")).values["CO"].value == "open"
        await house.press("door", "close")
        assert (await heard_of(listener, "0180ABCE")).values["CO"].value == "closed"
        await house.press("bed")
        assert (await heard_of(listener, "01020304")).values["EB"].value == "pressed"
        assert (await heard_of(listener, "01020304")).values["EB"].value == "released"


async def test_two_sticks_hear_one_telegram_with_one_key(living):
    async with living("west", "east") as (house, west, east), west.listen() as left, east.listen() as right:
        await house.press("door", "open")
        first, second = await heard_of(left, "0180ABCE"), await heard_of(right, "0180ABCE")
        assert first.key == second.key
        assert abs(first.heard - second.heard) < first.window


async def test_a_lamp_obeys_and_says_so(living):
    async with living("west") as (house, bus), bus.listen() as listener:
        for command, values, level in (("on", {}, 100), ("level", {"level": 30}, 30), ("off", {}, 0)):
            assert await bus.send("0180AAAA", command, values) == 2
            told = await heard_of(listener, "0180AAAA")
            assert house.radio("lamp").state["level"] == level
            assert told.kind == "D2-01-01"
            assert told.values["OV"] == (level, "%")
        await bus.send("0180AAAA", "query", {})
        assert (await heard_of(listener, "0180AAAA")).values["OV"] == (0, "%")


async def test_a_lamp_obeys_the_rocker_that_it_has_learnt(living):
    async with living("west") as (house, bus):
        await bus.send("00000005", "press", {"button": "AI"})
        await bus.send("00000005", "release", {})
        await anyio.sleep(1)
        assert house.radio("lamp").state["on"]
        await bus.send("00000005", "press", {"button": "AO"})
        await anyio.sleep(1)
        assert not house.radio("lamp").state["on"]


async def test_a_blind_goes_where_it_is_sent(living):
    async with living("west") as (house, bus), bus.listen() as listener:
        assert await bus.send("0180BBBB", "position", {"position": 60}) == 2
        assert (await heard_of(listener, "0180BBBB")).values["POS"] == (60, "%")
        assert house.radio("study").state == {"position": 60.0, "moving": False}
        await bus.send("0180BBBB", "position", {"position": 0})
        await anyio.sleep(5)
        await bus.send("0180BBBB", "stop", {})
        assert (await heard_of(listener, "0180BBBB")).values["POS"].value == pytest.approx(35, abs=1)


async def test_what_others_hear_of_a_command_has_the_key_that_was_told(living):
    async with living("west", "east") as (_, west, east), east.listen() as listener:
        order = ("00000005", "press", {"button": "AI"})
        await west.send(*order)
        assert (await heard_of(listener, "FF9C8005")).key == west.transmission(*order).key


async def test_noise_and_a_restart_are_survived(living):
    async with living("west") as (house, bus), bus.listen() as listener:
        for kind in ("noise", "restart"):
            await house.fault(kind, target="west", duration=2.0)
            await anyio.sleep(3)
            await house.press("door", "open")
            assert (await heard_of(listener, "0180ABCE")).kind == "D5-00-01"
            await bus.probe()
        assert bus.health()["restarts"] == 1


async def test_a_stick_that_hangs_fails_its_probe(living):
    async with living("west") as (house, bus):
        fault = await house.fault("hang", target="west")
        with pytest.raises(InterfaceDown, match="no EnOcean stick answers"):
            await bus.probe()
        await house.end_fault(fault)
        await anyio.sleep(2)
        await bus.probe()


class TestTerminal:
    """The same over a device file of Linux, with pyserial, in real time."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    async def test_a_telegram_and_a_command(self, profiles):
        house = House.parse(HOUSE)
        context_of = (SystemClock(), random.Random(7), DRIVER)
        async with house.running():
            options = read_options(EnoceanDriver, {"port": house.url("west"), "device": DEVICES})
            context = DriverContext("west", "radio", *context_of)
            async with EnoceanDriver(profiles).open(options, context) as bus, bus.listen() as listener:
                await house.press("door", "open")
                assert (await heard_of(listener, "0180ABCE")).values["CO"].value == "open"
                assert await bus.send("0180AAAA", "on", {}) == 2
                assert (await heard_of(listener, "0180AAAA")).kind == "D2-01-01"
                await bus.probe()
