"""An RFLink gateway in memory, after the RFLink Protocol Reference, and the driver open on it, in virtual time."""

import logging
import random
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from busgate_rflink.driver import RflinkDriver
from busgate_rflink.options import Options
from trio.testing import MockClock

from gateway.abc import DriverContext
from gateway.clock import SystemClock
from gateway.testing.clocks import VirtualClock
from gateway.testing.lines import Link, MemoryLines

URL = "memory:rflink"
ON = b"20;3B;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;"


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Board:
    """Reads lines, answers them, and keeps them: ``got``. Steered by its attributes."""

    def __init__(self, port, tasks):
        self.port = port
        self.got = []
        self.times = []
        self.counter = 0
        self.boot = 1.6  # seconds after opening; None: it doesn't restart then
        self.answer = "OK"  # to what is for the air; None: none
        self.takes = 0.3  # seconds for which it transmits
        self.alive = True
        self.version = "VER=1.1;REV=48;BUILD=07"
        self.settings = {"setRF433": "ON", "NodoNRF": "OFF", "MilightNRF": "ON", "setGPIO": "OFF"}
        self.at_start = []  # what it hears at once
        self.ready = 0.0
        self.back = anyio.Event()
        self._tasks = tasks

    @property
    def sent(self):
        """The lines that were for the air."""
        return [line for line in self.got if line.count(";") > 2]

    def restart(self, boot):
        """As DTR does to an Arduino."""
        self.counter = 0
        self.ready = anyio.current_time() + boot
        self._tasks.start_soon(self._boot, boot, name="board")

    async def _boot(self, boot):
        await anyio.sleep(boot)
        if self.alive:
            await self.say("Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48")
            for line in self.at_start:
                await self.port.send(line + b"\r\n")

    async def run(self):
        buffer = b""
        while True:
            try:
                buffer += await self.port.receive()
            except anyio.BrokenResourceError:
                await self.back.wait()
                self.back = anyio.Event()
                continue
            if anyio.current_time() < self.ready:
                buffer = b""
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                self.got.append(line.decode().strip())
                self.times.append(anyio.current_time())
                if self.alive:
                    await self._command(self.got[-1])

    async def _command(self, line):
        word = line.removeprefix("10;").rstrip(";")
        if line.count(";") > 2:
            answer = self.answer
            await anyio.sleep(self.takes)
            if answer:
                await self.say(answer)
        elif word == "PING":
            await self.say("PONG")
        elif word == "VERSION" and self.version:
            await self.say(self.version)
        elif word == "STATUS":
            await self.say("STATUS;" + ";".join(f"{name}={state}" for name, state in self.settings.items()))
        elif "=" in word:
            name, _, state = word.partition("=")
            if name == "setBLE":
                await self.say("CMD UNKNOWN")
            else:
                self.settings[name] = state
                await self.say(f"{name}={state}")

    async def say(self, text):
        await self.port.send(f"20;{self.counter:02X};{text};\r\n".encode())
        self.counter = (self.counter + 1) % 256

    async def hear(self, *lines):
        """Something comes from the air; returns when the driver has had time for it."""
        for line in lines:
            await self.port.send(line + b"\r\n")
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
    """A board that is plugged in, and the driver."""

    def __init__(self, lines, board, clock):
        self.lines = lines
        self.board = board
        self.context = DriverContext(
            "radio", "radio", clock, random.Random(7), logging.getLogger("rflink"), self.open_line
        )

    @asynccontextmanager
    async def open_line(self, url, **spec):
        async with self.lines.open_line(url, **spec) as line:
            if self.board.boot is not None and spec.get("dtr", True):
                self.board.restart(self.board.boot)
            yield line

    def slow_down(self):
        """From the next opening on."""
        usual = self.context.open_line

        @asynccontextmanager
        async def open_line(url, **spec):
            async with usual(url, **spec) as line:
                yield SlowLine(line)

        self.context = replace(self.context, open_line=open_line)

    def replug(self):
        self.board.port = self.lines.plug(URL)
        self.board.back.set()

    @asynccontextmanager
    async def opened(self, **options):
        async with RflinkDriver().open(Options(port=URL, **options), self.context) as interface:
            yield interface


@pytest.fixture
def benches():
    """``async with benches(link) as bench``."""

    @asynccontextmanager
    async def running(link=None, clock=VirtualClock):
        lines = MemoryLines(link or Link())
        async with anyio.create_task_group() as tasks:
            board = Board(lines.plug(URL), tasks)
            tasks.start_soon(board.run, name="board")
            yield Bench(lines, board, clock())
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
def on():
    return ON


@pytest.fixture
def samples():
    """What a gateway reports: ``tests/protocol_samples.txt`` of rflink 0.0.68 (MIT)."""
    return SAMPLES.split("\n")[1:-1]


SAMPLES = """
20;03;Cresta;ID=8301;WINDIR=0005;WINSP=0000;WINGS=0000;WINTMP=00c3;WINCHL=00c3;BAT=LOW;
20;04;Cresta;ID=3001;TEMP=00b4;HUM=50;BAT=OK;
20;06;NewKaku;ID=008440e6;SWITCH=a;CMD=OFF;
20;07;AB400D;ID=41;SWITCH=1;CMD=ON;
20;08;SilvercrestDB;ID=04d6bb97;SWITCH=1;CMD=ON;CHIME=01;
20;2D;UPM/Esic;ID=0001;TEMP=00cf;HUM=16;BAT=OK;
20;6A;UPM/Esic;ID=1002;WINSP=0041;WINDIR=5A;BAT=OK;
20;08;UPM/Esic;ID=1003;RAIN=0010;BAT=OK;
20;31;Mebus;ID=c201;TEMP=00cf;
20;32;Auriol;ID=008f;TEMP=00d3;BAT=OK;
20;A2;Auriol V2;ID=008f;TEMP=00a3;BAT=LOW;
20;0C;Cresta;ID=8001;RAIN=001c;
20;47;Cresta;ID=8001;WINDIR=0002;WINSP=0060;WINGS=0088;WINCHL=b0;
20;47;Cresta;ID=8001;TEMP=00b0;UV=00d0;
20;36;Alecto V1;ID=ec02;TEMP=00d1;HUM=14;
20;26;Alecto V1;ID=0086;RAIN=02ac;
20;30;Alecto V1;ID=0020;WINSP=0068;
20;17;Alecto V1;ID=0020;WINDIR=0002;WINGS=0088;
20;74;Oregon TempHygro;ID=0ACC;TEMP=00be;HUM=40;BAT=OK;
20;e5;Oregon BTHR;ID=5a6d;TEMP=00be;HUM=40;BARO=03d7;BAT=OK;
20;46;Oregon Rain;ID=2a1d;RAIN=0012;RAINTOT=0012;BAT=OK;
20;83;Oregon Rain2;ID=2a19;RAIN=002a;RAINTOT=0054;BAT=OK;
20;32;Oregon Wind;ID=1a89;WDIR=0045;WINSP=0068;AWINSP=0050;BAT=OK;
20;ba;Oregon UVN128/138;ID=ea7c;UV=0030;BAT=OK;
20;AF;SelectPlus;ID=1bb4;CHIME=01;
20;FC;Plieger York;ID=dd01;CHIME=02;
20;47;Byron SX;ID=a66a;CHIME=09;
20;12;Pir;ID=aa66;PIR=ON;
20;63;SmokeAlert;ID=123456;SMOKEALERT=ON;
20;06;Kaku;ID=41;SWITCH=1;CMD=ON;
20;E0;NewKaku;ID=cac142;SWITCH=1;CMD=ALLOFF;
20;0B;NewKaku;ID=000005;SWITCH=2;CMD=ON;
20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=14;
20;0C;HomeEasy;ID=7900b200;SWITCH=0b;CMD=ALLON;
20;AD;FA500;ID=0d00b900;SWITCH=0001;CMD=UNKOWN;
20;03;Eurodomest;ID=03696b;SWITCH=00;CMD=OFF;
20;41;Conrad RSL2;ID=010002;SWITCH=03;CMD=ON;
20;47;Blyss;ID=ff98;SWITCH=A1;CMD=ON;
20;73;Kambrook;ID=010203;SWITCH=A1;CMD=OFF;
20;39;RTS;ID=1a602a;SWITCH=01;CMD=DOWN;
20;01;MiLightv1;ID=F746;SWITCH=00;RGBW=3c00;CMD=ON;
"""
