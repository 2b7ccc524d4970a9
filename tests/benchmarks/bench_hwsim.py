"""hwsim: reads against the real owserver, the processor time of an idle house, and the time to start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEVICES = 100
CLIENTS = 8
ROUNDS = 7
PASSES = 5
IDLE_SECONDS = 10.0
STARTS = 5
READ, DIRALL, FLAGS = 2, 7, 0x104
HEADER = struct.Struct(">6i")
TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server of its own process: the port it listens on."""

    pid: int
    port: int

    def processor_seconds(self) -> float:
        """What it has used so far, in all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK


def figures() -> list[Figure]:
    """All of them."""
    return [*reads(), *idle(), *starts()]


def reads() -> list[Figure]:
    """The same requests to `owserver --tester` and to a simulated house; both have the values at hand."""
    if shutil.which("owserver") is None:
        return [Figure("reads: skipped, Debian's owserver is not installed", 0, "")]
    with real() as owserver, simulated() as house:
        return [
            *_compared("one client", owserver, house, 1),
            *_compared(f"{CLIENTS} clients", owserver, house, CLIENTS),
        ]


def _compared(name: str, owserver: Server, house: Server, clients: int) -> list[Figure]:
    used = [0.0, 0.0]
    works = [_work(server, clients, used, index) for index, server in enumerate((owserver, house))]
    for work in works:
        work()
    used[:] = [0.0, 0.0]
    timings = interleaved(ROUNDS, *works)
    count = ROUNDS * PASSES * DEVICES
    return [
        Figure(f"reads, {name}, owserver", 1 / timings[0].wall, "reads/s", cpu=used[0] / count),
        Figure(
            f"reads, {name}, hwsim",
            1 / timings[1].wall,
            "reads/s",
            "owserver",
            timings[0].wall / timings[1].wall,
            "aim 1.0",
            used[1] / count,
        ),
    ]


def _work(server: Server, clients: int, used: list[float], index: int) -> Callable[[], int]:
    """Reads all devices `PASSES` times, so many at once; adds to `used[index]` what the server needs for it."""
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(clients)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    paths = _ask(sockets[0], _request(DIRALL, "/")).split(",")
    requests = [_request(READ, f"{path}/temperature") for path in paths if path.startswith("/28.")]
    if len(requests) != DEVICES:
        raise RuntimeError(f"{len(requests)} devices instead of {DEVICES}")

    def work() -> int:
        before = server.processor_seconds()
        for _ in range(PASSES):
            for start in range(0, DEVICES, clients):
                asked = list(zip(sockets, requests[start : start + clients], strict=False))
                for one, request in asked:
                    one.sendall(request)
                for one, _ in asked:
                    float(_answer(one))
        used[index] += server.processor_seconds() - before
        return PASSES * DEVICES

    return work


def _request(kind: int, path: str) -> bytes:
    payload = path.encode() + b"\0"
    return HEADER.pack(0, len(payload), kind, FLAGS, 8192 if kind == READ else 0, 0) + payload


def _ask(one: socket.socket, request: bytes) -> str:
    one.sendall(request)
    return _answer(one)


def _answer(one: socket.socket) -> str:
    while True:
        _, length, ret, *_ = HEADER.unpack(_exactly(one, HEADER.size))
        if length < 0:
            continue
        if ret < 0:
            raise RuntimeError(f"owserver return value {ret}")
        return _exactly(one, length).rstrip(b"\0").decode()


def _exactly(one: socket.socket, count: int) -> bytes:
    data = one.recv(count)
    while len(data) < count:
        more = one.recv(count - len(data))
        if not more:
            raise RuntimeError("the server has hung up")
        data += more
    return data


def idle() -> list[Figure]:
    """A house that nobody asks anything, each device on a curve."""
    with simulated() as house:
        time.sleep(1)
        before, began = house.processor_seconds(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        share = (house.processor_seconds() - before) / (time.perf_counter() - began)
    return [Figure(f"idle house of {DEVICES} devices", share * 100, "% cpu", aim="aim below 1")]


def starts() -> list[Figure]:
    """From the command to the first client that is accepted."""
    names: list[tuple[str, Callable[[], object]]] = [("hwsim serve", simulated)]
    if shutil.which("owserver") is not None:
        names.insert(0, ("owserver", real))
    seconds: dict[str, list[float]] = {name: [] for name, _ in names}
    for _ in range(STARTS):
        for name, start in names:
            began = time.perf_counter()
            with start():  # type: ignore[attr-defined]
                seconds[name].append(time.perf_counter() - began)
    return [Figure(f"start with {DEVICES} devices, {name}", statistics.median(seconds[name]), "s") for name, _ in names]


@contextmanager
def real() -> Iterator[Server]:
    """A real owserver with made-up thermometers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kinds = ",".join(["28"] * DEVICES)  # by family code: a longer list overflows a buffer of owserver 3.2
    process = subprocess.Popen(
        ["owserver", "--foreground", f"--tester={kinds}", "-p", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with _ended(process):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                if process.poll() is not None:
                    raise RuntimeError(f"owserver ended with {process.returncode}") from None
                time.sleep(0.01)
            else:
                break
        yield Server(process.pid, port)


@contextmanager
def simulated() -> Iterator[Server]:
    """A house with as many thermometers, in a process of its own."""
    text = 'seed = 1\n[[bus]]\nname = "house"\nconversion_scale = 0\n'
    for number in range(DEVICES):
        text += f'[[device]]\nbus = "house"\nid = "28.0000000000{number:02X}"\n'
        text += 'temperature = { curve = "walk", mean = 20.0, swing = 3.0 }\n'
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "house.toml")
        scenario.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "hwsim", "serve", str(scenario), "--json", "--socket", f"{folder}/steer"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with _ended(process):
            if process.stdout is None:
                raise RuntimeError("no output")
            url = json.loads(process.stdout.readline())["url"]
            yield Server(process.pid, int(url.rpartition(":")[2]))


@contextmanager
def _ended(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)  # a real owserver waits for its clients otherwise
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
