"""Hardware that does what a test tells it, with the driver for it."""

import random
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel

from gateway.abc import UNFENCED, Driver, Interface
from gateway.bus.ears import Ears
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.clock import SystemClock
from gateway.errors import InterfaceDown, NoSuchAttribute, NotFound
from gateway.testing.clocks import VirtualClock
from gateway.values import Device, Reading


class Hardware:
    """One piece of hardware. ``trouble`` maps what is asked (open, close, read, probe, ...) to what happens then:

    an exception to raise, an Event to wait for, a number of seconds to take, or a value to give.
    """

    def __init__(self):
        self.plugged = True
        self.values = {"t1": 21.5}
        self.trouble = {}
        self.asked = []
        self.written = []
        self.sent = []
        self.open_now = 0
        self.ears = Ears()
        self.lost = anyio.Event()

    def unplug(self):
        """As a driver that hears of it in the background."""
        self.plugged = False
        self.lost.set()
        self.lost = anyio.Event()

    async def meet(self, what):
        self.asked.append(what)
        await anyio.lowlevel.checkpoint()
        match self.trouble.get(what):
            case Exception() as error:
                raise error
            case anyio.Event() as event:
                await event.wait()
            case int() | float() as seconds:
                await anyio.sleep(seconds)
            case [value]:
                return value
        return None

    def answer(self, **details):
        if not self.plugged:
            raise InterfaceDown("it has been unplugged", **details)


class ScriptedInterface(Interface):
    def __init__(self, hardware, clock):
        self.hardware = hardware
        self.clock = clock

    async def scan(self, *, alarmed=False):
        await self.hardware.meet("scan")
        self.hardware.answer()
        return [Device(name, "scripted", ("value",), ("value",)) for name in self.hardware.values]

    async def read(self, device, attribute):
        given = await self.hardware.meet("read")
        self.hardware.answer()
        if attribute != "value":
            raise NoSuchAttribute(f"no attribute {attribute!r}")
        if given is not None:
            return given
        if device not in self.hardware.values:
            return Reading(None, None, self.clock.now(), "absent")
        return Reading(self.hardware.values[device], "°C", self.clock.now())

    async def read_many(self, requests):
        given = await self.hardware.meet("read_many")
        return await super().read_many(requests) if given is None else given

    async def write(self, device, attribute, value, *, permit=UNFENCED):
        self.hardware.answer(unsent=True)
        await self.hardware.meet("write")
        self.hardware.answer()
        permit.check(0.25)
        self.hardware.values[device] = value
        self.hardware.written.append(value)

    async def send(self, device, command, values, *, permit=UNFENCED):
        await self.hardware.meet("send")
        self.hardware.answer()
        permit.check(0.5)
        self.hardware.sent.append(command)
        return [device, command, values]

    def listen(self):
        return self.hardware.ears.listen()

    async def probe(self):
        await self.hardware.meet("probe")
        self.hardware.answer()

    def health(self):
        match self.hardware.trouble.get("health"):
            case Exception() as error:
                raise error
            case [value]:
                return value
        return {"asked": len(self.hardware.asked)}


class Options(BaseModel, extra="forbid"):
    port: str


def driver_of(board):
    """A driver whose ``port`` option names a piece of hardware in ``board``."""

    class Scripted(Driver):
        name = "scripted"
        options = Options

        @asynccontextmanager
        async def open(self, options, context):
            hardware = board[options.port]
            await hardware.meet("open")
            hardware.answer()
            hardware.open_now += 1
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self.listen, hardware, hardware.lost, tasks.cancel_scope)
                    yield ScriptedInterface(hardware, context.clock)
                    tasks.cancel_scope.cancel()
            finally:
                hardware.open_now -= 1
                with anyio.CancelScope(shield="stuck" in hardware.trouble):
                    await hardware.meet("close")

        async def listen(self, hardware, lost, scope):
            await lost.wait()
            if "quits" in hardware.trouble:
                return scope.cancel()
            raise InterfaceDown("the line went dead")

    return Scripted


class Bench:
    """A node's interfaces over scripted hardware: ``bench.hardware["left"]`` is that of the interface ``left``."""

    def __init__(self, clock):
        self.clock = clock
        self.hardware = {}
        self.specs = []
        self.errors = []

    def add(self, name, bus="attic", driver="scripted", **options):
        self.hardware[name] = Hardware()
        self.specs.append(InterfaceSpec(name, bus, driver, {"port": name, **options}))
        return self.hardware[name]

    def interfaces(self, **options):
        return Interfaces(
            self.specs,
            self.find_driver,
            node="pi1",
            clock=self.clock,
            random=random.Random(1),
            on_error=lambda name, error: self.errors.append((name, error and str(error))),
            **options,
        )

    def find_driver(self, name):
        if name != "scripted":
            raise NotFound(f"no driver {name!r}; install it: pip install busgate-{name}")
        return driver_of(self.hardware)

    def now(self):
        return self.clock.lease_now()


@pytest.fixture
async def bench():
    return Bench(VirtualClock())


@pytest.fixture
async def real_bench():
    """A bench in real time, for any event loop."""
    return Bench(SystemClock())


@pytest.fixture
def settled():
    """Waits until the interfaces are in a state; gives up after an hour of the clock."""

    async def settled(interfaces, condition):
        with anyio.fail_after(3600):
            while not condition():
                await interfaces.changed()

    return settled
