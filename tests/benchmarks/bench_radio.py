"""Radios: telegrams from serial ports, through a node's driver and its radio, to a job of it.

The node is a process of its own, with the command line that users start. At the other end of its ports a thread of this
process answers the handshake of an RFXtrx, and sends. Baselines read the same bytes with ``os.read`` and decode them
with pyRFXtrx, also in a process of their own.
"""

from __future__ import annotations

import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from contextlib import ExitStack, contextmanager
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final

import anyio
from bench_node import busgate, memory_of
from figures import Figure

from gateway.locations import Locations, Place
from gateway.path import P
from gateway.runner import RunnerEntry
from gateway.store import open_store
from hwsim import House

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WHERE = Locations()
#: A temperature and humidity telegram of RFXCOM; id and temperature are replaced, so that no two are alike for long.
FRAME: Final = bytes.fromhex("0a520800010200fa2d0289")
#: Frames in a second on a line of 38400 bit/s.
LINE: Final = 38_400 / 10 / len(FRAME)
ROUNDS = 5
PACED = 1000
PORTS = 10
FLAT = 2000
DEVICES = 50
MANY = 20
AIR = 200
#: Two sticks on one air, without what a USB adapter adds; the second reports before it is told to.
HOUSE = """
[[bus]]
name = "ours"
kind = "rfxtrx"
latency = 0
[[bus]]
name = "bare"
kind = "rfxtrx"
latency = 0
long_answers = false
"""

#: Reports the moment at which it has got so many more telegrams, and each one's moment if asked.
JOB = """
import json, socket, time
said, count = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
await _self.listen()
await _self.setup_done()
said.sendto(b"[0, 0]", ("127.0.0.1", port))
async for msg in _info:
    if isinstance(msg, _cls.TelegramMsg):
        count += 1
        if not count % every:
            told = json.dumps([count, time.clock_gettime(time.CLOCK_BOOTTIME)])
            said.sendto(told.encode(), ("127.0.0.1", port))
"""
#: Reads and decodes so many frames; prints when it is ready, if asked the moment of each, and its processor time.
BARE = """
import os, sys, time
from RFXtrx import RFXtrxTransport
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
wanted, every, waiting = int(sys.argv[2]), len(sys.argv) > 3, b""
print("ready", flush=True)
began = time.process_time()
while wanted:
    waiting += os.read(port, 65536)
    while waiting and len(waiting) > waiting[0]:
        frame, waiting = waiting[: waiting[0] + 1], waiting[waiting[0] + 1 :]
        event = RFXtrxTransport.parse(bytearray(frame))
        wanted -= 1
        if every:
            print(time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
print(time.process_time() - began, flush=True)
"""


def figures() -> Iterable[Figure]:
    yield from line_rate()
    yield from flat_out()
    yield from anyio.run(through_the_air)
    yield memory()


class Port:
    """The far end of a pseudo-terminal, with as much of an RFXtrx as the driver needs."""

    def __init__(self, number: int) -> None:
        self.far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)
        self._number = number
        self._sent = 0

    def answer(self) -> None:
        """Answer what has come: status, and start of the receiver; a reset isn't answered."""
        asked = os.read(self.far, 4096)
        for place in range(0, len(asked), 14):
            sequence, command = asked[place + 3], asked[place + 4]
            if command == 2:
                body = bytes([1, 0, sequence, command, 0x53, 0x5E, 0, 0x0C, 0x27, 0, 1, 1, 0x1C, 4, 0x40]) + bytes(5)
                os.write(self.far, bytes([len(body)]) + body)
            elif command == 7:
                os.write(self.far, bytes([0x14, 1, 7, sequence, command]) + b"Copyright RFXCOM")

    def frames(self, count: int) -> list[bytes]:
        """The next frames, each with another content; in none can a frame seem to begin but at its first byte."""
        numbers = range(self._sent, self._sent + count)
        self._sent += count
        return [self._frame(number) for number in numbers]

    def _frame(self, number: int) -> bytes:
        sequence, device, value = number % 128, number % DEVICES, number // DEVICES
        told = 0x80 | sequence, 0x80 | self._number, 0x80 | device, value // 128, 0x80 | value % 128
        return FRAME[:3] + bytes(told) + FRAME[8:]

    def send(self, data: bytes) -> None:
        """Write all of it, as quickly as it is taken."""
        while data:
            data = data[os.write(self.far, data) :]

    def pace(self, count: int, node: Node | None = None) -> None:
        """Send so many frames at the speed of the line, and wait until the node's job has told of them."""
        due = time.monotonic()
        for frame in self.frames(count):
            time.sleep(max(0.0, due - time.monotonic()))
            self.send(frame)
            due += 1 / LINE
        if node is not None:
            node.telling()

    def close(self) -> None:
        os.close(self.far)
        os.close(self._near)


@contextmanager
def sticks(count: int) -> Iterator[list[Port]]:
    """Ports with somebody who answers."""
    ports = [Port(number) for number in range(count)]
    by_number = {port.far: port for port in ports}
    ended, end = os.pipe()

    def serve() -> None:
        while True:
            ready, _, _ = select.select([ended, *by_number], [], [])
            if ended in ready:
                return
            for number in ready:
                by_number[number].answer()

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield ports
    finally:
        os.close(end)
        server.join()
        os.close(ended)
        for port in ports:
            port.close()


class Node:
    """A process with radios on one bus, and a job that gets their telegrams; it is ready."""

    def __init__(self, process: subprocess.Popen[str], told: socket.socket) -> None:
        self.pid = process.pid
        self._told = told

    def telling(self) -> tuple[int, float]:
        """What the job says next: how many telegrams it has got, and when that was, in seconds after boot."""
        count, moment = json.loads(self._told.recv(1000))
        if not count:
            raise RuntimeError("the job has begun anew: the node was too busy to keep its lease")
        return count, moment

    def ready(self) -> None:
        """Wait until the job listens."""
        self._told.recv(1000)

    def cpu(self) -> float:
        """Seconds of processor time of all its threads (proc(5), schedstat)."""
        tasks = File(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def node(paths: Sequence[str], every: int) -> Iterator[Node]:
    """Start one; its job tells of each so manyeth telegram."""
    with ExitStack() as stack:
        folder = File(stack.enter_context(tempfile.TemporaryDirectory()))
        told = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        told.bind(("127.0.0.1", 0))
        told.settimeout(60)
        text = '[node]\nname = "bench"\n[store]\nurl = "sqlite:store.db"\n'
        for number, path in enumerate(paths):
            text += f'[[interface]]\nbus = "rfx"\nname = "r{number}"\ndriver = "rfxtrx"\nport = "{path}"\n'
        (folder / "busgate.toml").write_text(text)
        anyio.run(_store_job, folder, told.getsockname()[1], every)
        command = busgate("-c", str(folder / "busgate.toml"), "up")
        process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stderr is not None
        up = 0
        while up < len(paths):
            up += next(line for line in process.stderr if "interface" in line).rstrip().endswith(": up")
        started = Node(process, told)
        started.ready()
        yield started


async def _store_job(folder: File, port: int, every: int) -> None:
    async with open_store(f"sqlite:{folder / 'store.db'}") as store:
        await store.set(WHERE.procedures / "ears", {"code": JOB, "is_async": True})
        job = RunnerEntry(code=P("ears"), target=1.0, bus="rfx", data={"port": port, "every": every})
        await store.set(WHERE.jobs_of(Place("any", "default")) / "ears", job.to_map())


@contextmanager
def bare(path: str, count: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The baseline, ready to read."""
    with subprocess.Popen(
        [sys.executable, "-c", BARE, path, str(count), *more], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def line_rate() -> Iterable[Figure]:
    """Processor time for each telegram of one line that is never silent, beyond what an idle node takes."""
    ours: list[float] = []
    base: list[float] = []
    with sticks(2) as (one, other), node([one.path], PACED) as started:
        for _ in range(ROUNDS):
            with bare(other.path, PACED) as process:
                other.pace(PACED)
                assert process.stdout is not None
                base.append(float(process.stdout.readline()) / PACED)
            began = started.cpu()
            time.sleep(PACED / LINE)
            idle = started.cpu()
            one.pace(PACED, started)
            ours.append((started.cpu() - idle - (idle - began)) / PACED)
    mine, theirs = statistics.median(ours), statistics.median(base)
    name = "os.read and pyRFXtrx's decode"
    yield Figure(f"a line of 38400, {name}", theirs * 1e6, "us cpu")
    yield Figure("a line of 38400, from the port to the job", mine * 1e6, "us cpu", name, mine / theirs, "aim 2.0")


def flat_out() -> Iterable[Figure]:
    """As many telegrams as ten ports take, all at the same time."""
    total = PORTS * FLAT
    with sticks(PORTS) as ports, node([port.path for port in ports], total) as started:
        mine, cpu = _flat(ports, started)
    with sticks(1) as (port,):
        theirs, base = sorted(_flat_bare(port, FLAT) for _ in range(ROUNDS))[ROUNDS // 2]
    name = "os.read and pyRFXtrx's decode, one port"
    yield Figure(f"flat out, {name}", 1 / theirs, "1/s", cpu=base)
    title = f"flat out from {PORTS} ports to the job, none of {total} lost"
    yield Figure(title, 1 / mine, "1/s", name, theirs / mine, "aim 5000", cpu)


def _flat(ports: Sequence[Port], started: Node) -> tuple[float, float]:
    """Seconds, by the wall and by the processor, for each telegram."""
    threads = [threading.Thread(target=port.send, args=(b"".join(port.frames(FLAT)),)) for port in ports]
    used, began = started.cpu(), time.clock_gettime(time.CLOCK_BOOTTIME)
    for thread in threads:
        thread.start()
    count, ended = started.telling()
    for thread in threads:
        thread.join()
    return (ended - began) / count, (started.cpu() - used) / count


def _flat_bare(port: Port, count: int) -> tuple[float, float]:
    with bare(port.path, count) as process:
        began = time.monotonic()
        port.send(b"".join(port.frames(count)))
        assert process.stdout is not None
        cpu = float(process.stdout.readline())
        return (time.monotonic() - began) / count, cpu / count


async def through_the_air() -> list[Figure]:
    """From the end of a telegram on the air of a simulated house to the job; baseline: another stick of it, bare."""
    async with House.parse(HOUSE).running() as house:
        times = await anyio.to_thread.run_sync(
            _hear, house.url("ours"), house.url("bare"), anyio.from_thread.run, house
        )
    found: list[Figure] = []
    for percent in (50, 99):
        base, mine = (1e3 * sorted(taken)[len(taken) * percent // 100] for taken in times)
        name = "os.read and pyRFXtrx's decode"
        found.append(Figure(f"from the air, p{percent}, {name}", base, "ms"))
        found.append(Figure(f"from the air to the job, p{percent}", mine, "ms", name, mine / base))
    return found


def _hear(ours: str, other: str, run: Any, house: House) -> tuple[list[float], list[float]]:
    """Seconds for each telegram: of the baseline, of the job."""
    with node([ours], 1) as started, bare(other, AIR, "each") as process:
        ended = run(_press, house)
        assert process.stdout is not None
        heard = [float(process.stdout.readline()) for _ in range(AIR)]
        dealt_with = [started.telling()[1] for _ in range(AIR)]
    return tuple([at - end for at, end in zip(one, ended, strict=True)] for one in (heard, dealt_with))  # type: ignore[return-value]


async def _press(house: House) -> list[float]:
    """Send telegrams; the moments at which they ended, in seconds after boot."""
    ended: list[float] = []
    for number in range(AIR):
        name = f"remote {number}"
        house.add_radio(kind="remote", name=name, code="ac", id=f"{number + 1:08X}", copies=1)
        sent = await house.press(name, "on")
        ended.append(time.clock_gettime(time.CLOCK_BOOTTIME) - house.time.now() + sent.ended)
        await anyio.sleep(0.03)
    return ended


def memory() -> Figure:
    """What one more interface takes."""
    taken = []
    for count in (1, MANY):
        with sticks(count) as ports, node([port.path for port in ports], 1) as started:
            taken.append(memory_of(started.pid)["Anonymous"])
    few, many = taken
    each = (many - few) / (MANY - 1)
    return Figure("an interface, anonymous memory", each, "MB", "a node with one interface", each / few)
