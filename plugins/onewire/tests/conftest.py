"""A simulated house, the driver open on it, and what shares them."""

import logging
import random
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_onewire.driver import OneWireDriver
from busgate_onewire.options import Options
from busgate_onewire.poll import poll

from gateway.abc import BusHandle, DriverContext
from gateway.clock import SystemClock
from gateway.errors import BusFault, Detached, InterfaceDown, WriteRefused
from gateway.path import Path
from gateway.testing.clocks import VirtualClock
from gateway.values import Device, Reading
from hwsim import House


class Hurried(SystemClock):
    """Twenty seconds pass in each: the waits of the driver, but not those of sockets."""

    RATE = 20.0

    def now(self):
        return 1_800_000_000 + self.lease_now()

    def lease_now(self):
        return super().lease_now() * self.RATE

    async def sleep(self, seconds):
        await super().sleep(seconds / self.RATE)


@pytest.fixture
def anyio_backend():
    """The driver waits in threads, so these tests live in real time."""
    return "trio"


@pytest.fixture
def open_bus():
    """Open the driver on an owserver: ``async with open_bus(url, **options) as bus``."""

    @asynccontextmanager
    async def opened(url, clock=None, **options):
        context = DriverContext("attic", "attic", clock or Hurried(), random.Random(7), logging.getLogger("onewire"))
        async with OneWireDriver().open(Options(url=url, **options), context) as bus:
            yield bus

    return opened


@pytest.fixture
def lived_in(open_bus):
    """A running house and the driver open on its bus: ``async with lived_in(scenario, **options) as (house, bus)``."""

    @asynccontextmanager
    async def living(devices, *, channels=1, scale=0.02, **options):
        head = f'[[bus]]\nname = "attic"\nkind = "onewire"\nchannels = {channels}\nconversion_scale = {scale}\n'
        house = House.parse("seed = 7\n" + head + devices)
        options = {"suspect_delay": 0.0, "rescan_pause": 0.0} | options
        async with house.running(), open_bus(house.url("attic"), **options) as bus:
            yield house, bus

    return living


KINDS = {"28": "DS18B20", "1D": "DS2423", "29": "DS2408", "3A": "DS2413", "01": "DS2401"}
SENSOR = "28.000000000001"


class PaperBus(BusHandle):
    """A bus that says what the test has written down, and notes when it was asked for what."""

    bus = "attic"

    def __init__(self, clock):
        self.clock = clock
        self.values = {}
        self.faults = {}
        self.alarms = set()
        self.parasites = set()
        self.written = []
        self.asked = []
        self.scans = []
        self.refused = set()
        self.broken_scan = False
        self._up = anyio.Event()
        self._up.set()

    def down(self):
        self._up = anyio.Event()

    def up(self):
        self._up.set()

    async def wait_up(self):
        await self._up.wait()

    def revoke(self):
        raise AssertionError

    def _check(self):
        if not self._up.is_set():
            raise InterfaceDown("unplugged")

    async def scan(self, *, alarmed=False):
        self._check()
        if not alarmed:
            self.scans.append(self.clock.now())
        if self.broken_scan:
            raise BusFault("short circuit")
        ids = dict.fromkeys(id_ for id_, _ in self.values)
        return [
            Device(id_, KINDS[id_[:2]], details={"simultaneous": id_ not in self.parasites})
            for id_ in ids
            if not alarmed or id_ in self.alarms
        ]

    async def read_many(self, requests):
        self._check()
        self.asked.append((self.clock.now(), list(requests)))
        return [self._read(id_, name.removeprefix("uncached/")) for id_, name in requests]

    def _read(self, id_, name):
        if (id_, name) not in self.values:
            return Reading(None, None, self.clock.now(), "absent", "n1/attic")
        quality = self.faults.get((id_, name), "ok")
        value = self.values[id_, name] if quality in ("ok", "stale", "suspect") else None
        return Reading(value, None, self.clock.now(), quality, "n1/attic")

    async def write(self, device, attribute, value):
        self._check()
        if device in self.refused:
            raise WriteRefused("no")
        self.written.append((device, attribute, value))
        if attribute == "latch.BYTE":
            self.values |= {key: False for key in self.values if key[0] == device and key[1].startswith("latch.")}
        else:
            self.values[device, attribute] = value

    def times(self, id_, name):
        """When a value was asked for, in seconds from the first time."""
        found = [time for time, keys in self.asked if (id_, name) in keys]
        return [round(time - found[0], 3) for time in found]

    def add_buttons(self, id_):
        for n in range(8):
            self.values[id_, f"sensed.{n}"] = True
            self.values[id_, f"latch.{n}"] = False
            self.values[id_, f"PIO.{n}"] = False


class Admin:
    """The part of ``_self`` that the procedure uses; the store is a dict."""

    def __init__(self, bus, clock):
        self._bus = bus
        self.clock = clock
        self.records = {}
        self.history = []
        self.ready = anyio.Event()
        self.detached = False

    def bus(self, name):
        assert name in (None, "attic")
        return self._bus

    async def setup_done(self):
        self.ready.set()

    async def set(self, path, value, offline=False):
        assert offline
        await anyio.lowlevel.checkpoint()
        self.records[path] = value
        self.history.append((self.clock.now(), path, value))

    async def get(self, path):
        if self.detached:
            raise Detached
        return self.records[path]

    def __getitem__(self, key):
        return self.records[Path("onewire", *key)]

    def seen(self, *key):
        """All values that were stored for it, as (quality, value)."""
        return [(value["quality"], value["value"]) for _, path, value in self.history if path == Path("onewire", *key)]


class Attic:
    def __init__(self, records=None):
        self.clock = VirtualClock()
        self.bus = PaperBus(self.clock)
        self.admin = Admin(self.bus, self.clock)
        self.admin.records |= records or {}

    @asynccontextmanager
    async def polled(self, **data):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: poll(self.admin, self, logging.getLogger("poll"), **data))
            with anyio.fail_after(1000):
                await self.admin.ready.wait()
            yield self
            tasks.cancel_scope.cancel()


@pytest.fixture
async def make_attic():
    """A bus of paper and the procedure that polls it; ``records`` are in the store already."""
    return Attic


@pytest.fixture
async def attic(make_attic):
    """One with a thermometer."""
    made = make_attic()
    made.bus.values[SENSOR, "temperature"] = 21.5
    return made
