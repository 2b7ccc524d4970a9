"""The driver on an owserver in the same process, in virtual time: it does all that it does, and gets over the same."""

import logging
import random
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_onewire.driver import OneWireDriver
from busgate_onewire.options import Options
from trio.testing import MockClock

from gateway.abc import DriverContext
from gateway.bus.line import Lines
from gateway.errors import ClaimLost, InterfaceDown
from gateway.testing.clocks import VirtualClock
from gateway.testing.permits import WatchedPermit
from hwsim import House

ONE, PARASITE, RELAY = "28.000000000001", "28.000000000002", "3A.0000000000B2"
HOUSE = f"""
[[bus]]
name = "attic"
kind = "onewire"
channels = 2
[[device]]
bus = "attic"
id = "{ONE}"
temperature = 21.5
[[device]]
bus = "attic"
id = "{PARASITE}"
channel = 1
power = "parasite"
temperature = 5.0
[[device]]
bus = "attic"
id = "{RELAY}"
"""


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running(sockets=False):
        yield house


@pytest.fixture
def opened(house):
    @asynccontextmanager
    async def opening():
        async def connect(spec):
            return house.connect(spec.url)

        lines = Lines({"memory": connect})
        context = DriverContext("attic", "attic", VirtualClock(), random.Random(7), logging.getLogger("x"), lines)
        async with OneWireDriver().open(Options(url=house.url("attic")), context) as bus:
            yield bus

    return opening


async def test_scan_read_and_write(house, opened):
    async with opened() as bus:
        assert {device.id for device in await bus.scan()} == {ONE, RELAY, PARASITE}
        began = anyio.current_time()
        readings = await bus.read_many([(ONE, "temperature"), (PARASITE, "temperature"), (RELAY, "sensed.A")])
        assert [reading.value for reading in readings] == [21.5, 5.0, True]
        assert 0.75 <= anyio.current_time() - began <= 1.0
        await bus.write(RELAY, "PIO.A", 1)
        assert (await bus.read(RELAY, "PIO.A")).value is True
        assert house.traffic["attic"].writes[-1].path.endswith(f"{RELAY}/PIO.A")


async def test_a_reading_has_the_time_at_which_its_answer_came(house, opened):
    clock = VirtualClock()
    async with opened() as bus:
        await bus.scan()
        await anyio.sleep(1000)
        (reading,) = await bus.read_many([(PARASITE, "temperature")])
        assert reading.time == pytest.approx(clock.now())


async def test_a_refused_write_leaves_nothing_on_the_bus(house, opened):
    permit = WatchedPermit()
    permit.withdraw()
    async with opened() as bus:
        await bus.scan()
        with pytest.raises(ClaimLost):
            await bus.write(RELAY, "PIO.A", 1, permit=permit)
        assert [write for write in house.traffic["attic"].writes if "PIO" in write.path] == []


@pytest.mark.parametrize(
    ("kind", "options", "within"),
    [
        ("hang", {}, 2.1),
        ("no_answer", {}, 2.1),
        ("no_answer", {"alive": True}, 16.1),
        ("restart", {}, 0.1),
        ("close", {"where": "header"}, 2.0),
    ],
)
async def test_an_owserver_that_is_gone_is_noticed_and_found_again(house, opened, kind, options, within):
    async with opened() as bus:
        await bus.scan()
        fault = await house.fault(kind, target="attic", duration=3600, **options)
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match="owserver at memory:attic"):
            await bus.read(ONE, "temperature")
        assert anyio.current_time() - began <= within
        await house.end_fault(fault)
        assert (await bus.read(ONE, "temperature")).value == 21.5
        assert bus.health()["reconnects"] >= 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [("keepalives", {"frames": 3}), ("no_persistence", {}), ("close", {"where": "before", "count": 1})],
)
async def test_what_does_no_harm(house, opened, kind, options):
    async with opened() as bus:
        await bus.scan()
        await house.fault(kind, target="attic", duration=60, **options)
        assert (await bus.read(ONE, "temperature")).value == 21.5


async def test_a_cancelled_read_leaves_no_answer_behind(house, opened):
    async with opened() as bus:
        await bus.scan()
        with anyio.move_on_after(0.1):
            await bus.read(PARASITE, "temperature")
        readings = await bus.read_many([(PARASITE, "temperature"), (ONE, "temperature")])
        assert [reading.value for reading in readings] == [5.0, 21.5]


async def test_an_owserver_that_is_not_there(opened, house):
    await house.fault("restart", target="attic", duration=60)
    with pytest.raises(InterfaceDown, match="can't connect"):
        async with opened():
            raise AssertionError
