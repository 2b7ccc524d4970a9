"""1-Wire down to the wire: transactions per second through a simulated DS2480B, and the time to start."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from random import Random

import anyio
import anyio.to_thread
from figures import Figure, Timing, interleaved
from pyownet import protocol

from hwsim import House
from hwsim.onewire.bus import OneWireBus, Place
from hwsim.onewire.families import DS18B20
from hwsim.onewire.rom import RomId
from hwsim.onewire.wire.ds2480b import Ds2480b
from hwsim.onewire.wire.line import Line

SLAVES = 100
ROUNDS = 5
READS = 200
BYTES_PER_SECOND = 960
"""Of a serial line at 9600 baud, which is what owserver uses with a DS2480B."""
_RESET, _MATCH, _READ_SCRATCHPAD = b"\xc5", b"\x55", b"\xbe" + b"\xff" * 9
ON_PAPER = BYTES_PER_SECOND / (2 * len(_RESET) + 1 + 9 + 10 + 1)
"""Transactions per second: reset and its answer, which the host waits for, E1, id, command and scratchpad, E3."""


def figures() -> list[Figure]:
    """Both benchmarks."""
    return [*transactions(), *through_owserver()]


def transactions() -> list[Figure]:
    """The chip alone, without a terminal: select one of so many slaves and read its scratchpad."""
    one, many = interleaved(ROUNDS, Bench(1).work, Bench(SLAVES).work)
    base = f"9600 baud on paper ({ON_PAPER:.0f}/s)"
    return [
        Figure("scratchpads read, 1 slave", 1 / one.wall, "/s", base, 1 / one.wall / ON_PAPER, "aim 10", one.cpu),
        Figure(
            f"scratchpads read, {SLAVES} slaves",
            1 / many.wall,
            "/s",
            base,
            1 / many.wall / ON_PAPER,
            "aim 10",
            many.cpu,
        ),
    ]


class Bench:
    """A chip with slaves that are read by turns."""

    def __init__(self, slaves: int) -> None:
        bus = OneWireBus("bench")
        self._chip = Ds2480b(Line(bus, Random(1)), time.monotonic)
        self._roms = [RomId(DS18B20.family, Random(number).randbytes(6)) for number in range(slaves)]
        for rom in self._roms:
            bus.attach(DS18B20(rom, time.monotonic), Place())

    def work(self) -> int:
        for number in range(READS):
            rom = self._roms[number % len(self._roms)]
            data = (_MATCH + rom.wire + _READ_SCRATCHPAD).replace(b"\xe3", b"\xe3\xe3")
            self._chip.receive(_RESET)
            answer = self._chip.receive(b"\xe1" + data + b"\xe3")
            if not answer.endswith(b"\x10\x1c"):
                raise RuntimeError(f"a wrong scratchpad: {answer.hex()}")
        return READS


def through_owserver() -> list[Figure]:
    """The real owserver at the terminal of an adapter: from nothing to a listing, then scratchpads by turns."""
    if shutil.which("owserver") is None:
        return [Figure("through owserver: skipped, Debian's owserver is not installed", 0, "")]
    started, listed, read = anyio.run(_drive, backend="asyncio")
    base = f"9600 baud on paper ({ON_PAPER:.0f}/s)"
    return [
        Figure(f"house with {SLAVES} slaves, until its terminal is there", started, "s"),
        Figure("owserver, until it has listed them", listed, "s"),
        Figure("scratchpads through owserver", 1 / read.wall, "/s", base, 1 / read.wall / ON_PAPER, "aim 10", read.cpu),
    ]


async def _drive() -> tuple[float, float, Timing]:
    text = 'seed = 1\n[[bus]]\nname = "attic"\nkind = "ds2480b"\n'
    ids = [f"28.{Random(number).randbytes(6).hex().upper()}" for number in range(SLAVES)]
    text += "".join(f'[[device]]\nbus = "attic"\nid = "{id_}"\n' for id_ in ids)
    began = time.perf_counter()
    async with House.parse(text).running() as house:
        started = time.perf_counter() - began
        return started, *await anyio.to_thread.run_sync(_owserver, house.url("attic"), ids)


def _owserver(path: str, ids: list[str]) -> tuple[float, Timing]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    server = subprocess.Popen(
        ["owserver", "--foreground", "-d", path, "-p", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        proxy = _wait_for(port, server)
        if len(proxy.dir("/uncached/bus.0")) < len(ids):
            raise RuntimeError("some slaves were not found")
        listed = time.perf_counter() - began
        (per_read,) = interleaved(ROUNDS, lambda: _read_all(proxy, ids))
        return listed, per_read
    finally:
        server.send_signal(signal.SIGKILL)  # it waits for its clients otherwise
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> protocol._Proxy:
    while True:
        try:
            return protocol.proxy("127.0.0.1", port, persistent=True)
        except protocol.ConnError:
            if server.poll() is not None:
                raise RuntimeError(f"owserver ended with {server.returncode}") from None
            time.sleep(0.02)


def _read_all(proxy: protocol._Proxy, ids: list[str]) -> int:
    for id_ in ids:
        proxy.read(f"/uncached/bus.0/{id_}/scratchpad")
    return len(ids)
