"""A driver that keeps all promises, and others that each break one; run by test_driver_suite.py in a process apart."""

import asyncio
import os
import threading
import time
from contextlib import asynccontextmanager

import anyio
import pytest
import sniffio
import trio
from pydantic import BaseModel

from gateway.abc import UNFENCED, Driver, Interface
from gateway.errors import BusFault, ClaimLost, InterfaceDown, NoSuchAttribute, NoSuchDevice
from gateway.testing.driver_suite import DriverSuite, Rig
from gateway.values import Device, Reading


class Cable:
    def __init__(self):
        self.plugged = True
        self.taken = False
        self.values = {("lamp", "level"): 0.5}


CABLES: dict[str, Cable] = {}


class Options(BaseModel, extra="forbid"):
    port: str
    speed: int = 9600


class Lamps(Interface):
    """Lamps with a level."""

    def __init__(self, cable, clock):
        self.cable = cable
        self.clock = clock
        self.reads = 0
        self.line = anyio.Lock()

    async def reach(self):
        await anyio.sleep(0.001)
        if not self.cable.plugged:
            raise InterfaceDown("the cable is out")

    async def scan(self, *, alarmed=False):
        await self.reach()
        return [Device(device, "lamp", ("level",), ("level",)) for device, _ in self.cable.values]

    async def read(self, device, attribute):
        await self.reach()
        if attribute != "level":
            raise NoSuchAttribute(attribute)
        if (device, attribute) not in self.cable.values:
            return self.nothing()
        self.reads += 1
        return Reading(self.cable.values[device, attribute], None, self.clock.now())

    async def read_many(self, requests):
        readings = []
        for device, attribute in requests:
            try:
                readings.append(await self.read(device, attribute))
            except NoSuchAttribute:
                readings.append(self.nothing())
        return readings

    def nothing(self):
        return Reading(None, None, self.clock.now(), "absent")

    async def write(self, device, attribute, value, *, permit=UNFENCED):
        if attribute != "level":
            raise NoSuchAttribute(attribute)
        async with self.line:
            await self.reach()
            if (device, attribute) not in self.cable.values:
                raise NoSuchDevice(device)
            permit.check(0.02)
            self.cable.values[device, attribute] = value

    async def probe(self):
        await self.reach()

    def health(self):
        return {"reads": self.reads}


class GoodDriver(Driver):
    name = "good"
    options = Options
    interface = Lamps

    @asynccontextmanager
    async def open(self, options, context):
        lamps = self.interface(CABLES[options.port], context.clock)
        await lamps.reach()
        yield lamps


class LampRig(Rig):
    driver = GoodDriver
    options = {"port": "lamps"}
    device, attribute = "lamp", "level"
    writable = ("lamp", "level", (0.25, 0.75))

    def __init__(self, driver):
        self.driver = driver
        self.cable = CABLES["lamps"] = Cable()

    async def unplug(self):
        self.cable.plugged = False

    async def plug(self):
        self.cable.plugged = True


class Suite(DriverSuite):
    patience = 0.5
    driver: type[Driver]

    @pytest.fixture
    def rig(self):
        return LampRig(self.driver)


class TestGood(Suite):
    driver = GoodDriver
    patience = 10.0


def broken(**methods):
    """The suite for a driver whose interface has these methods instead."""
    interface = type("BrokenLamps", (Lamps,), methods)
    return broken_driver(interface=interface)


def broken_driver(**attributes):
    return type("Suite", (Suite,), {"driver": type("BrokenDriver", (GoodDriver,), attributes)})


async def blocking_read(self, device, attribute):
    time.sleep(0.35)
    return await Lamps.read(self, device, attribute)


async def nan_read(self, device, attribute):
    await self.reach()
    return Reading(float("nan"), None, self.clock.now())


async def raising_read(self, device, attribute):
    reading = await Lamps.read(self, device, attribute)
    if reading.quality == "absent":
        raise NoSuchDevice(device)
    return reading


async def lenient_read(self, device, attribute):
    return await Lamps.read(self, device, "level")


async def deaf_reach(self):
    """Hardware that is away is waited for."""
    await anyio.sleep(0.001 if self.cable.plugged else 3600)


async def forgetful_write(self, device, attribute, value, *, permit=UNFENCED):
    if (device, attribute) not in self.cable.values:
        await Lamps.write(self, device, attribute, value)


async def headstrong_write(self, device, attribute, value, *, permit=UNFENCED):
    await Lamps.write(self, device, attribute, value)


async def hasty_write(self, device, attribute, value, *, permit=UNFENCED):
    """The permit is asked before the line is free."""
    permit.check(0.02)
    await Lamps.write(self, device, attribute, value)


async def late_write(self, device, attribute, value, *, permit=UNFENCED):
    """The permit is asked when all is done."""
    await Lamps.write(self, device, attribute, value)
    permit.check(0.02)


async def boastful_write(self, device, attribute, value, *, permit=UNFENCED):
    permit.check(5.0)
    await Lamps.write(self, device, attribute, value)


async def covering_write(self, device, attribute, value, *, permit=UNFENCED):
    """A refusal becomes a fault of the bus."""
    try:
        await Lamps.write(self, device, attribute, value, permit=permit)
    except ClaimLost as refusal:
        raise BusFault("not written") from refusal


class Sulking(Lamps):
    """After a refusal nothing works any more."""

    async def write(self, device, attribute, value, *, permit=UNFENCED):
        try:
            await Lamps.write(self, device, attribute, value, permit=permit)
        except ClaimLost:
            self.cable.plugged = False
            raise


class Spoilt(Lamps):
    """After a cancelled call nothing works any more."""

    spoilt = False

    async def reach(self):
        if self.spoilt:
            await anyio.sleep_forever()
        try:
            await Lamps.reach(self)
        except anyio.get_cancelled_exc_class():
            self.spoilt = True
            raise


class Shared(Lamps):
    """One line, and the answer goes to whoever asked last."""

    asking = 0

    async def read(self, device, attribute):
        self.asking += 1
        mine = self.asking
        reading = await Lamps.read(self, device, attribute)
        return reading if mine == self.asking else Reading(None, None, self.clock.now(), "bus_error")


@asynccontextmanager
async def leaking_open(self, options, context):
    os.open("/dev/null", os.O_RDONLY)
    async with GoodDriver.open(self, options, context) as lamps:
        yield lamps


@asynccontextmanager
async def threading_open(self, options, context):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    async with GoodDriver.open(self, options, context) as lamps:
        yield lamps


TASKS: set[object] = set()


@asynccontextmanager
async def straying_open(self, options, context):
    if sniffio.current_async_library() == "asyncio":
        TASKS.add(asyncio.ensure_future(asyncio.sleep(60)))
    else:
        trio.lowlevel.spawn_system_task(trio.sleep, 60)
    async with GoodDriver.open(self, options, context) as lamps:
        yield lamps


@asynccontextmanager
async def once_open(self, options, context):
    """The port stays taken after a loss."""
    cable = CABLES[options.port]
    if cable.taken:
        raise InterfaceDown("the port is in use")
    async with GoodDriver.open(self, options, context) as lamps:
        try:
            yield lamps
        except InterfaceDown:
            cable.taken = True
            raise


@asynccontextmanager
async def foreign_open(self, options, context):
    if not CABLES[options.port].plugged:
        raise OSError("no such port")
    async with GoodDriver.open(self, options, context) as lamps:
        yield lamps


class Careless(BaseModel):
    port: str


class Vague(BaseModel, extra="forbid"):
    port: object


TestBlocking = broken(read=blocking_read)
TestNan = broken(read=nan_read)
TestRaising = broken(read=raising_read)
TestLenient = broken(read=lenient_read)
TestDeaf = broken(reach=deaf_reach)
TestForgetful = broken(write=forgetful_write)
TestHeadstrong = broken(write=headstrong_write)
TestLate = broken(write=late_write)
TestHasty = broken(write=hasty_write)
TestBoastful = broken(write=boastful_write)
TestCovering = broken(write=covering_write)
TestSulking = broken_driver(interface=Sulking)
TestUnhealthy = broken(health=lambda self: {"cable": self.cable})
TestSpoilt = broken_driver(interface=Spoilt)
TestShared = broken_driver(interface=Shared)
TestLeaking = broken_driver(open=leaking_open)
TestThreading = broken_driver(open=threading_open)
TestStraying = broken_driver(open=straying_open)
TestOnce = broken_driver(open=once_open)
TestForeign = broken_driver(open=foreign_open)
TestCareless = broken_driver(options=Careless)
TestVague = broken_driver(options=Vague)
TestNameless = broken_driver(name="Odd Name")
