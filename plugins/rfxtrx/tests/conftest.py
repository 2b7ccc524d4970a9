"""An RFXtrx in memory, after RFXtrx.h and the user guide of RFXCOM, and the driver open on it, in virtual time."""

import logging
import random
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from busgate_rfxtrx.driver import RfxtrxDriver
from busgate_rfxtrx.options import Options
from trio.testing import MockClock

from gateway.abc import DriverContext
from gateway.clock import SystemClock
from gateway.testing.clocks import VirtualClock
from gateway.testing.lines import Link, MemoryLines

URL = "memory:stick"
#: AC "on" of remote control 0AB12CD, button 3, as received.
AC_ON = bytes.fromhex("0b11002a00ab12cd03010f70")


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Stick:
    """Reads packets, answers them, and keeps them: ``got``. Steered by its attributes."""

    def __init__(self, port):
        self.port = port
        self.got = []
        self.times = []
        self.ack = 0x00  # the code of its acknowledgements; None: none
        self.takes = 0.1  # seconds for which it transmits
        self.long = True  # answers of 21 bytes, and silent until it is started
        self.alive = True
        self.modes = bytes([0x00, 0x0C, 0x27, 0x00])
        self.can = bytes([0xFF] * 4)  # the modes of this firmware
        self.frequency = 0x53
        self.at_start = b""  # what it hears at once
        self.before_reset = b""
        self.transmitting = 0
        self.most_transmitting = 0
        self.back = anyio.Event()

    @property
    def sent(self):
        """The packets that were for the air."""
        return [packet for packet in self.got if packet[1] >= 0x10]

    async def run(self, tasks):
        buffer, heard = b"", 0.0
        while True:
            try:
                data = await self.port.receive()
            except anyio.BrokenResourceError:
                await self.back.wait()
                self.back = anyio.Event()
                continue
            if anyio.current_time() - heard > 0.5:
                buffer = b""
            heard = anyio.current_time()
            buffer += data
            while buffer and len(buffer) > buffer[0]:
                packet, buffer = buffer[: buffer[0] + 1], buffer[buffer[0] + 1 :]
                self.got.append(packet)
                self.times.append(heard)
                if self.alive:
                    tasks.start_soon(self._answer, packet, name="stick")

    async def _answer(self, packet):
        sequence, command = packet[3], packet[4]
        if packet[1] >= 0x10:
            await self._transmit(packet)
        elif command == 0x00:
            await self.port.send(self.before_reset)
        elif command == 0x07 and self.long:
            await self.port.send(bytes([0x14, 0x01, 0x07, sequence, 0x07]) + b"Copyright RFXCOM" + self.at_start)
        else:
            if command == 0x03:
                self.modes = bytes(wanted & able for wanted, able in zip(packet[7:11], self.can, strict=True))
            await self.port.send(self._status(sequence, command, 0xFF if command == 0x07 else 0x00))
            if command == 0x07:
                await self.port.send(self.at_start)

    async def _transmit(self, packet):
        self.transmitting += 1
        self.most_transmitting = max(self.most_transmitting, self.transmitting)
        ack = self.ack
        await anyio.sleep(self.takes)
        self.transmitting -= 1
        if ack is not None:
            await self.port.send(bytes([0x04, 0x02, 0x01, packet[3], ack]))

    def _status(self, sequence, command, subtype):
        body = bytes([0x01, subtype, sequence, command, self.frequency, 0x5E]) + self.modes + bytes([1, 1, 0x1C])
        body += bytes([4, 0x40, 0, 0, 0, 0, 0]) if self.long else b""
        return bytes([len(body)]) + body

    async def hear(self, *packets):
        """Something comes from the air; returns when the driver has had time for it."""
        for packet in packets:
            await self.port.send(packet)
            await anyio.sleep(0.4)


class SlowLine:
    """A line whose kernel takes one byte each millisecond."""

    def __init__(self, line):
        self.receive = line.receive
        self._line = line

    async def send(self, item):
        for byte in item:
            await anyio.sleep(0.001)
            await self._line.send(bytes([byte]))


class Bench:
    """A stick that is plugged in, and the driver."""

    def __init__(self, lines, stick, clock):
        self.lines = lines
        self.stick = stick
        self.context = DriverContext(
            "radio", "radio", clock, random.Random(7), logging.getLogger("rfxtrx"), lines.open_line
        )

    def slow_down(self):
        """From the next opening on."""
        usual = self.context.open_line

        @asynccontextmanager
        async def open_line(url, **spec):
            async with usual(url, **spec) as line:
                yield SlowLine(line)

        self.context = replace(self.context, open_line=open_line)

    def replug(self):
        self.stick.port = self.lines.plug(URL)
        self.stick.back.set()

    @asynccontextmanager
    async def opened(self, **options):
        async with RfxtrxDriver().open(Options(port=URL, **options), self.context) as interface:
            yield interface


@pytest.fixture
def benches():
    """``async with benches(link) as bench``."""

    @asynccontextmanager
    async def running(link=None, clock=VirtualClock):
        lines = MemoryLines(link or Link())
        stick = Stick(lines.plug(URL))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stick.run, tasks, name="stick")
            yield Bench(lines, stick, clock())
            tasks.cancel_scope.cancel()

    return running


@pytest.fixture
async def bench(benches):
    async with benches() as one:
        yield one


@pytest.fixture
async def real_bench(benches):
    """In real time."""
    async with benches(clock=SystemClock) as one:
        yield one


@pytest.fixture
def ac_on():
    return AC_ON


@pytest.fixture
def published():
    """Frames that the tests of pyRFXtrx 0.34 (LGPL-3.0) decode, with the device and the values they find there."""
    return PUBLISHED


PUBLISHED = {
    "0710002a45050170": ("X10 lighting", "E5", {"Command": "On"}),
    "0b11002a0123456705020770": ("AC", "1234567:5", {"Command": "Set level"}),
    "0812002a0134021579": ("Ikea Koppla", None, {}),
    "0913002a123456015e70": ("PT2262", "123456", {}),
    "0a1400adf394ab01010060": ("LightwaveRF, Siemens", "f394ab:1", {"Command": "On"}),
    "0a1401adf394ab01100060": ("EMW100 GAO/Everflourish", "f394ab:1", {}),
    "0b15002a12344105030100" + "70": ("Blyss", None, {}),
    "09190000009ba8010100": ("RollerTrol", "009ba8:1", {"Command": "Down"}),
    "0c1a00000a0001010300000003": ("Rfy", "0a0001:1", {"Command": "Down"}),
    "091e00003fcc42010000": ("Gira remote", "3fcc:4201", {"Command": "Down", "Keypress": "short"}),
    "0a16000000000000000000": ("Byron SX", "00:00", {"Command": "Sound 0", "Sound": 0}),
    "0a20000000000000000000": ("X10 Security", "000000:32", {"Sensor Status": "Normal"}),
    "0a4e0106fcd80013001379": ("BBQ1 - Maverick ET-732", "fcd800:78", {"Temperature": 19, "Temperature2": 19}),
    "0a4f0106ee090065000369": ("TR1 - WS1200", "ee:09", {"Rain total": 0.3, "Temperature": 10.1}),
    "0a50010000000000000000": ("THR128/138, THC138", "00:00", {"Temperature": 0.0}),
    "0a51010000000000000000": ("LaCrosse TX3", "00:00", {"Humidity": 0, "Humidity status": "dry"}),
    "0a52012a96038141600379": (
        "THGN122/123, THGN132, THGR122/228/238/268",
        "96:03",
        {"Temperature": -32.1, "Humidity": 96, "Humidity status": "wet"},
    ),
    "0a520211700200a72d0089": (None, "70:02", {"Temperature": 16.7, "Humidity": 45}),
    "0953012a960304060079": (None, "96:03", {"Barometer": 1030, "Forecast": "no forecast available"}),
    "105401032f0000f7002000248160825059": ("BTHR918", "2f:00", {"Barometer": 36, "Temperature": 24.7}),
    "0b5502031234025001234557": ("PCR800", "12:34", {"Rain rate": 5.92, "Rain total": 7456.5}),
    "105601032f0000f7002000248160825059": (
        "WTGR800",
        "2f:00",
        {"Wind average speed": 3.2, "Wind direction": 247, "Wind gust": 3.6},
    ),
    "095702026400" + "20023c69": ("UVN800", "64:00", {"UV": 3.2}),
    "115a01002eb203000002b400000c46a81169": (None, "2e:b2", {"Energy usage": 692}),
    "135b01042eb2011112141517181718192021" + "2269": (
        "ELEC4, CM180i",
        "2e:b2",
        {"Current Ch. 1": 437.0, "Current Ch. 2": 514.1, "Current Ch. 3": 591.2},
    ),
    "15600103077d20068611003a92c900000000014a0279": (
        "CARTELECTRONIC_TIC",
        "77d200686",
        {"Counter value": 3838665, "Energy usage": 330, "Sensor Status": True},
    ),
    "1160025f3ffe61a3000047d4000000000069": ("CARTELECTRONIC_ENCODER", "3ffe61a3", {"Counter value": 18388}),
    "1560035c2a29f27500198d3a00000000002102b90069": (
        "CARTELECTRONIC_LINKY",
        "2a29f275",
        {"Total usage": 1674554, "Voltage": 233, "Energy usage": 697},
    ),
    "0a71001f21d100201fa460": ("RFXMeter Count", "21", {"Counter value": 2105252}),
    "09030104280ab7660470": ("arc", "Undecoded", {"Payload": "280ab7660470"}),
}
