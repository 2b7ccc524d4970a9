"""1-Wire: cached reads against bare pyownet, and one cycle of conversions on two buses."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from busgate_onewire.driver import OneWireDriver
from busgate_onewire.options import Options
from figures import Figure, Timing, interleaved
from pyownet import protocol

from gateway.abc import DriverContext
from gateway.clock import SystemClock
from hwsim import House

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICES = 100
ROUNDS = 7
PASSES = 3


def figures() -> list[Figure]:
    """Both benchmarks."""
    return [*cached_reads(), *conversions()]


def cached_reads() -> list[Figure]:
    """100 DS18B20 of the real ``owserver --tester``, read from its cache."""
    if shutil.which("owserver") is None:
        return [Figure("cached reads: skipped, Debian's owserver is not installed", 0, "")]
    with tester(DEVICES) as port:
        bare, ours, single = anyio.run(_compare, port, backend="asyncio")
    name = f"cached reads of {DEVICES} devices"
    base = "pyownet, sequential, persistent"
    return [
        Figure(f"{name}, pyownet", 1 / bare.wall, "reads/s", cpu=bare.cpu),
        Figure(f"{name}, driver", 1 / ours.wall, "reads/s", base, bare.wall / ours.wall, "aim 2.5", ours.cpu),
        Figure(
            f"{name}, driver, one by one", 1 / single.wall, "reads/s", base, bare.wall / single.wall, cpu=single.cpu
        ),
    ]


@contextmanager
def tester(devices: int) -> Iterator[int]:
    """A real owserver with so many made-up thermometers; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kinds = ",".join(["28"] * devices)  # by family code: a longer list overflows a buffer of owserver 3.2
    server = subprocess.Popen(
        ["owserver", "--foreground", f"--tester={kinds}", "-p", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.send_signal(signal.SIGKILL)  # it waits for its clients otherwise
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            protocol.proxy("127.0.0.1", port)
        except protocol.ConnError:
            if server.poll() is not None:
                raise RuntimeError(f"owserver ended with {server.returncode}") from None
            time.sleep(0.05)
        else:
            return


async def _compare(port: int) -> list[Timing]:
    async with OneWireDriver().open(Options(url=f"owserver://127.0.0.1:{port}"), _context()) as bus:
        found = [device.id for device in await bus.scan()]
        wanted = [(id_, "cached/temperature") for id_ in found]
        bare = protocol.proxy("127.0.0.1", port, persistent=True)

        def sequential() -> int:
            for _ in range(PASSES):
                for id_ in found:
                    float(bare.read(f"/bus.0/{id_}/temperature", timeout=5))
            return PASSES * len(found)

        async def together() -> int:
            for _ in range(PASSES):
                readings = await bus.read_many(wanted)
                if any(reading.quality not in ("ok", "suspect") for reading in readings):
                    raise RuntimeError("a read has failed")
            return PASSES * len(found)

        async def one_by_one() -> int:
            for id_, attribute in wanted:
                await bus.read(id_, attribute)
            return len(found)

        def run(work: Any) -> Any:
            return lambda: anyio.from_thread.run(work)

        sequential()
        await together()
        return await anyio.to_thread.run_sync(interleaved, ROUNDS, sequential, run(together), run(one_by_one))


def _context() -> DriverContext:
    return DriverContext("bench", "bench", SystemClock(), random.Random(1), logging.getLogger("bench"))


SENSORS = 10
SEQUENTIAL = 7.7  # seconds: ten conversions of 0.75 s, one after the other, with their transactions


def conversions() -> list[Figure]:
    """Ten powered DS18B20 on two simulated buses, each of which takes 0.75 s for a conversion."""
    ours, one_by_one = anyio.run(_cycle, backend="asyncio")
    base = "one conversion after the other"
    return [
        Figure(f"{SENSORS} conversions on 2 buses, one after the other", one_by_one, "s"),
        Figure(f"{SENSORS} conversions on 2 buses, one cycle", ours, "s", base, one_by_one / ours, "aim at most 1.0 s"),
    ]


async def _cycle() -> tuple[float, float]:
    text = 'seed = 1\n[[bus]]\nname = "house"\nkind = "onewire"\nchannels = 2\n'
    ids = [f"28.0000000000{n:02X}" for n in range(SENSORS)]
    for n, id_ in enumerate(ids):
        text += f'[[device]]\nbus = "house"\nid = "{id_}"\nchannel = {n % 2}\ntemperature = {20 + n}\n'
    house = House.parse(text)
    async with house.running(), OneWireDriver().open(Options(url=house.url("house")), _context()) as bus:
        await bus.scan()
        began = time.perf_counter()
        readings = await bus.read_many([(id_, "temperature") for id_ in ids])
        ours = time.perf_counter() - began
        if [reading.value for reading in readings] != [20.0 + n for n in range(SENSORS)]:
            raise RuntimeError(f"wrong temperatures: {readings}")
        began = time.perf_counter()
        for id_ in ids:
            await bus.read(id_, "temperature")
        return ours, time.perf_counter() - began
