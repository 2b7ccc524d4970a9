"""A stick in memory, written after the ESP3 specification, and the driver open on it."""

import logging
import random
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from busgate_enocean.driver import EnoceanDriver
from busgate_enocean.profiles import Profiles
from trio.testing import MockClock

from gateway.abc import DriverContext
from gateway.bus.options import read_options
from gateway.errors import InterfaceDown
from gateway.testing.clocks import VirtualClock
from gateway.testing.lines import MemoryLines

URL = "memory:stick"
CHIP, BASE = 0x0580A1B2, 0xFF9E5500
ERP1, RESPONSE, EVENT, COMMON = 1, 2, 4, 5


def crc8(data):
    """ESP3, 2.3, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def esp3(kind, data, optional=b""):
    """A packet."""
    header = len(data).to_bytes(2, "big") + bytes([len(optional), kind])
    return b"\x55" + header + bytes([crc8(header)]) + data + optional + bytes([crc8(data + optional)])


def report(text, rssi=60, subtelegrams=1):
    """A packet with the telegram that a stick has heard; its data in hexadecimal digits."""
    return esp3(ERP1, bytes.fromhex(text), bytes([subtelegrams]) + b"\xff" * 4 + bytes([rssi, 0]))


class PaperStick:
    """A USB 300. What the host sends is in ``packets``, as (type, data, optional); telegrams of these in ``sent``.

    ``codes`` are the return codes of the next telegrams, None for no response at all; then it is ``RET_OK``. The number
    of ``mute`` packets to come get none either. ``late`` delays each response by so many seconds.
    """

    def __init__(self, port):
        self.port = port
        self.base_id = BASE
        self.packets = []
        self.codes = []
        self.mute = 0
        self.late = 0.0
        self.times = []
        self._buffer = b""

    @property
    def sent(self):
        return [data for kind, data, _ in self.packets if kind == ERP1]

    async def hear(self, text, **details):
        await self.port.send(report(text, **details))

    async def run(self):
        while True:
            self._buffer += await self.port.receive()
            while len(self._buffer) >= 7:
                size = 7 + int.from_bytes(self._buffer[1:3], "big") + self._buffer[3]
                if len(self._buffer) < size:
                    break
                frame, self._buffer = self._buffer[:size], self._buffer[size:]
                end = 6 + int.from_bytes(frame[1:3], "big")
                packet = (frame[4], frame[6:end], frame[end:-1])
                assert esp3(*packet) == frame, "the driver has sent a wrong packet"
                self.packets.append(packet)
                self.times.append(anyio.current_time())
                await self.respond(packet)

    async def respond(self, packet):
        answer = self.answer(packet)
        if self.mute:
            self.mute -= 1
        elif answer is not None:
            if self.late:
                await anyio.sleep(self.late)
            await self.port.send(answer)

    def answer(self, packet):
        kind, data, _ = packet
        if kind == ERP1:
            code = self.codes.pop(0) if self.codes else 0
            return None if code is None else esp3(RESPONSE, bytes([code]))
        match data[0]:
            case 3:
                chip = CHIP.to_bytes(4, "big")
                body = bytes([2, 11, 1, 0, 2, 6, 3, 0]) + chip + b"EO\x01\x03" + b"GATEWAYCTRL".ljust(16, b"\0")
                return esp3(RESPONSE, b"\x00" + body)
            case 8:
                return esp3(RESPONSE, b"\x00" + self.base_id.to_bytes(4, "big"), b"\x0a")
        return esp3(RESPONSE, b"\x02")


class Desk:
    """Sticks that can be plugged in, the driver that opens them, and the time in which they live."""

    url = URL

    def __init__(self, profiles, link=None):
        self.lines = MemoryLines(link)
        self.open_line = self.lines.open_line
        self.driver = EnoceanDriver(profiles)
        self._clock = None

    @property
    def clock(self):
        if self._clock is None:
            self._clock = VirtualClock()
        return self._clock

    def new_stick(self):
        return PaperStick(self.lines.plug(URL))

    @asynccontextmanager
    async def stick(self):
        """A stick that is plugged in and works."""
        async with anyio.create_task_group() as tasks:
            stick = self.new_stick()
            tasks.start_soon(self.run, stick)
            yield stick
            tasks.cancel_scope.cancel()

    async def run(self, stick):
        with suppress(anyio.BrokenResourceError):  # it is unplugged
            await stick.run()

    @asynccontextmanager
    async def open(self, **options):
        """The driver, open."""
        context = DriverContext(
            "house", "house", self.clock, random.Random(7), logging.getLogger("enocean"), self.open_line
        )
        async with self.driver.open(read_options(EnoceanDriver, {"port": URL, **options}), context) as bus:
            yield bus

    @asynccontextmanager
    async def losing(self, **options):
        """The driver, open; the block must end with the stick being lost."""
        lost = None
        try:
            async with self.open(**options) as bus:
                yield bus
        except ExceptionGroup as group:
            lost, rest = group.split(InterfaceDown)
            if rest is not None:
                raise
        assert lost is not None, "the loss was not noticed"


@pytest.fixture
def anyio_backend():
    """Virtual time, in a copy of this folder that stands alone, too."""
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.fixture(scope="session")
def profiles():
    """The library's table; reading it takes half a second."""
    return Profiles()


@pytest.fixture
async def make_desk(profiles):
    """Makes a desk; lines may be bad ones."""

    def make(link=None):
        return Desk(profiles, link)

    return make


@pytest.fixture
async def desk(make_desk):
    return make_desk()


@pytest.fixture
async def house(desk):
    """A plugged stick and the open driver: ``stick, bus = house``. With two configured devices."""
    devices = [{"id": "0181B744", "eep": "A5-02-05"}, {"id": "0194E3B9", "eep": "D2-01-01", "sender": 3}]
    async with desk.stick() as stick, desk.open(device=devices) as bus:
        yield stick, bus


@pytest.fixture
def paper():
    """Makes packets: ``paper.packet(type, data, optional)``, ``paper.report(hex, rssi=60)``."""

    class Paper:
        packet = staticmethod(esp3)
        report = staticmethod(report)
        chip, base = CHIP, BASE

    return Paper
