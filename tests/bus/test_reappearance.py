"""An interface is opened at once when its device file is back, and the line is lost and found on a real port."""

import os
import random
import tty
from contextlib import asynccontextmanager

import anyio
import pytest

from gateway.abc import UNFENCED, Driver, Interface
from gateway.bus.frames import Frames
from gateway.bus.framing import LineFramer
from gateway.bus.interfaces import Interfaces, InterfaceSpec, Timing
from gateway.bus.serial_options import SerialOptions
from gateway.clock import SystemClock
from gateway.errors import InterfaceDown
from gateway.testing.clocks import VirtualClock


class Talker(Interface):
    """Sends a line, and gives the next one that comes."""

    def __init__(self, line, clock):
        self.line = line
        self.frames = Frames(line, LineFramer(), clock)

    async def send(self, device, command, values, *, permit=UNFENCED):
        permit.check(0.5)
        await self.line.send(f"{device};{command}\n".encode())
        return (await anext(self.frames)).decode()

    async def probe(self):
        pass


class SerialDriver(Driver):
    name = "talker"
    options = SerialOptions

    @asynccontextmanager
    async def open(self, options, context):
        async with context.open_line(options.port, baudrate=options.baudrate, library=options.serial) as line:
            yield Talker(line, context.clock)


class Gone(Driver):
    """Its hardware never comes, and it says which file it misses."""

    name = "gone"
    options = SerialOptions
    attempts: list[float] = []

    @asynccontextmanager
    async def open(self, options, context):
        self.attempts.append(context.clock.lease_now())
        try:
            raise InterfaceDown("no file", device=options.port)
        except InterfaceDown as error:
            raise InterfaceDown("can't start the stick") from error
        yield


class Board:
    """Sticks on pseudo-terminals behind a name that stays, as udev keeps one in /dev/serial/by-id."""

    def __init__(self, folder):
        self.link = folder / "usb-stick"
        self.held = []

    def plug(self):
        far, near = os.openpty()
        tty.setraw(near)
        self.held += [far, near]
        fresh = self.link.with_suffix(".new")
        fresh.symlink_to(os.ttyname(near))
        fresh.replace(self.link)

    def unplug(self):
        self.link.unlink()
        while self.held:
            os.close(self.held.pop())

    async def answer(self):
        """As a stick would, to one line."""
        await anyio.wait_readable(self.held[0])
        os.write(self.held[0], b"20;" + os.read(self.held[0], 1000))


@pytest.fixture
def board(tmp_path):
    board = Board(tmp_path)
    yield board
    if board.held:
        board.unplug()


def interfaces(driver, port, clock, timing=None, **options):
    spec = InterfaceSpec("stick", "radio", driver.name, {"port": str(port), **options})
    return Interfaces([spec], lambda name: driver, node="pi1", clock=clock, random=random.Random(1), timing=timing)


#: A back-off that alone would not be over within a test.
SLOW = Timing(least_backoff=600, most_backoff=600)


class TestRealPorts:
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.mark.parametrize("library", ["pyserial", "serialx"])
    async def test_a_stick_that_is_pulled_and_plugged_in_again_works_within_2_s(self, board, settled, library):
        board.plug()
        with anyio.fail_after(20):
            async with interfaces(SerialDriver, board.link, SystemClock(), SLOW, serial=library) as here:
                handle = here.handle("radio")
                for _ in range(3):
                    await handle.wait_up()
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(board.answer)
                        assert await handle.send("lamp", "on") == "20;lamp;on"
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(loses, handle)
                        await anyio.wait_all_tasks_blocked()
                        board.unplug()
                    await settled(here, lambda: not here.is_up("radio"))
                    board.plug()
                    with anyio.fail_after(2):
                        await handle.wait_up()

    async def test_a_stick_that_comes_after_the_node(self, board, settled):
        with anyio.fail_after(20):
            async with interfaces(SerialDriver, board.link, SystemClock(), SLOW) as here:
                await settled(here, lambda: here.snapshot()[0]["state"] == "absent")
                assert f"there is no {board.link}: " in here.explain("radio")
                board.plug()
                with anyio.fail_after(2):
                    await here.handle("radio").wait_up()


async def loses(handle):
    with pytest.raises(InterfaceDown, match=r"usb-stick was lost: it has been unplugged"):
        await handle.send("lamp", "?")


async def test_the_file_is_looked_for_cheaply_and_its_return_is_an_attempt(tmp_path):
    """Virtual time: an hour without, then the file, then another in its place, then nothing new."""
    attempts = Gone.attempts = list[float]()
    port = tmp_path / "usb-stick"
    clock = VirtualClock()
    async with interfaces(Gone, port, clock, Timing(least_backoff=7200, most_backoff=7200)):
        await anyio.sleep(3600)
        assert len(attempts) == 1
        port.touch()
        await anyio.sleep(1)
        assert len(attempts) == 2
        assert attempts[1] - 3600 <= 0.25 + attempts[0]
        await anyio.sleep(3600)
        assert len(attempts) == 2
        (tmp_path / "other").touch()
        (tmp_path / "other").replace(port)
        await anyio.sleep(1)
        assert len(attempts) == 3
        port.unlink()
        await anyio.sleep(1)
        assert len(attempts) == 3
        port.touch()
        await anyio.sleep(1)
        assert len(attempts) == 4
