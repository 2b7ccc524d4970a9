"""A whole node: how quickly it starts, and how much memory it takes when idle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import anyio
from figures import Figure

from gateway.path import P
from gateway.store import open_store
from gateway.values import Change
from hwsim import House

ROUNDS = 7
HOUSE = """
[[bus]]
name = "attic"
kind = "onewire"
[[device]]
bus = "attic"
id = "3A.9F585CE8E4D9"
[[device]]
bus = "attic"
id = "28.67C6697351FF"
"""
BARE = "import asyncio, sqlite3, sys; print('ready', flush=True); sys.stdin.read()"


def figures() -> Iterable[Figure]:
    yield version()
    yield anyio.run(first_reading)
    yield from memory()


def busgate(*words: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *words]


def version() -> Figure:
    """Wall time of the quickest command, against starting the interpreter."""
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        for command, taken in ((busgate("--version"), ours), ([sys.executable, "-c", "pass"], bare)):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            taken.append(time.perf_counter() - began)
    mine, base = sorted(ours)[ROUNDS // 2], sorted(bare)[ROUNDS // 2]
    return Figure("busgate --version", mine, "s", "python -c pass", mine / base, "aim 0.15 s")


async def first_reading() -> Figure:
    """From starting `busgate up` to a stored reading that needs no conversion."""
    taken, bare = [], []
    async with House.parse(HOUSE).running() as house:
        for _ in range(5):
            with tempfile.TemporaryDirectory() as folder:
                taken.append(await _until_read(Path(folder), house.url("attic")))
            began = time.perf_counter()
            await anyio.run_process([sys.executable, "-c", "import asyncio, sqlite3, pydantic, msgpack"])
            bare.append(time.perf_counter() - began)
    mine, base = sorted(taken)[2], sorted(bare)[2]
    return Figure("busgate up to the first reading", mine, "s", "importing its libraries", mine / base, "aim 1.0 s")


async def _until_read(folder: Path, url: str) -> float:
    config = folder / "busgate.toml"
    config.write_text(
        f'[node]\nname = "attic"\n[store]\nurl = "sqlite:store.db"\n'
        f'[[interface]]\nbus = "attic"\ndriver = "onewire"\nurl = "{url}"\n'
    )
    job = busgate("-c", str(config), *"run -n attic set poll -c onewire.poll -t 0 --bus attic".split())
    await anyio.run_process(job)
    async with open_store(f"sqlite:{folder / 'store.db'}") as store, store.watch(P("onewire")) as events:
        began = time.perf_counter()
        node = await anyio.open_process(busgate("-c", str(config), "up"), stderr=subprocess.DEVNULL)
        async with node:
            async for event in events:
                if isinstance(event, Change):
                    break
            taken = time.perf_counter() - began
            node.terminate()
            await node.wait()
    return taken


def memory() -> Iterable[Figure]:
    """Resident and anonymous memory of an idle node, against an interpreter with asyncio and sqlite3."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "busgate.toml"
        config.write_text('[node]\nname = "attic"\n[store]\nurl = "sqlite:store.db"\n')
        node = subprocess.Popen(busgate("-c", str(config), "up"), stderr=subprocess.PIPE, text=True)
        bare = subprocess.Popen([sys.executable, "-c", BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert node.stderr is not None
        assert bare.stdout is not None
        next(line for line in node.stderr if "runs the jobs" in line)
        bare.stdout.readline()
        used = cpu_of(node.pid)
        time.sleep(10)
        idle = (cpu_of(node.pid) - used) / 10
        mine, base = memory_of(node.pid), memory_of(bare.pid)
        node.terminate()
        bare.communicate()
        node.communicate()
    name = "python with asyncio and sqlite3"
    yield Figure("idle node, resident", mine["Rss"], "MB", name, mine["Rss"] / base["Rss"], "aim 45 MB")
    yield Figure(
        "idle node, anonymous", mine["Anonymous"], "MB", name, mine["Anonymous"] / base["Anonymous"], "aim 30 MB"
    )
    yield Figure("idle node, processor", idle * 100, "% core", aim="aim 0.5 %")


def memory_of(pid: int) -> dict[str, float]:
    """Megabytes by kind (proc(5), /proc/PID/smaps_rollup)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(kilobytes) / 1000 for name, kilobytes in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}


def cpu_of(pid: int) -> float:
    """Seconds of processor time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
