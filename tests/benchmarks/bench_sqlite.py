"""The embedded store against bare sqlite3 with the same durability (WAL, synchronous=FULL)."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path as File
from random import Random
from typing import TYPE_CHECKING

import anyio
from anyio.from_thread import start_blocking_portal
from figures import Figure, Timing, interleaved

from gateway.clock import SystemClock
from gateway.path import P, Path
from gateway.store.sqlite import SqliteStore
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from anyio.abc import Process

    from gateway.values import WatchEvent

VALUE = {"value": 21.5, "unit": "°C", "time": 1_800_000_000.0, "quality": "ok"}
TOP = P("bench")
PATHS = [TOP / number for number in range(100)]
ROUNDS = 7
BARE = "bare sqlite3, one at a time"


def figures() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(dir=File.cwd()) as folder:
        file = File(folder) / "store.db"
        yield from _writing(File(folder) / "bare.db", file)
        yield from _reading(file)
        yield _watching(file)
        yield from _across(file)


def open_store(file: File) -> SqliteStore:
    return SqliteStore(file, clock=SystemClock(), random=Random())


def _writing(bare: File, file: File) -> Iterable[Figure]:
    connection = _bare(bare)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_store(file)) as store:
        base, single, burst = interleaved(
            ROUNDS,
            partial(_bare_sets, connection, 200),
            partial(portal.call, _single_sets, store, 200),
            partial(portal.call, _at_once, store, TOP, 20),
        )
    connection.close()
    yield _rate("bare: insert or replace, commit", base)
    yield _rate("set, one at a time", single, base, "aim 0.5 x")
    yield _rate("set, 100 at once", burst, base, "aim 10 x")


def _rate(name: str, timing: Timing, base: Timing | None = None, aim: str = "") -> Figure:
    ratio = base.wall / timing.wall if base else None
    return Figure(name, 1 / timing.wall, "1/s", BARE if base else "", ratio, aim, timing.cpu)


def _bare(file: File) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, value BLOB)")
    return connection


def _bare_sets(connection: sqlite3.Connection, count: int) -> int:
    for number in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO entry VALUES (?, ?)", (f"bench.{number % 100}", b"x" * 60))
        connection.execute("COMMIT")
    return count


async def _single_sets(store: SqliteStore, count: int) -> int:
    for number in range(count):
        await store.set(PATHS[number % 100], VALUE)
    return count


async def _at_once(store: SqliteStore, path: Path, count: int) -> int:
    """100 callers, each of whom sets one entry ``count`` times."""

    async def caller(own: Path) -> None:
        for _ in range(count):
            await store.set(own, VALUE)

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(caller, path / number)
    return 100 * count


def _reading(file: File) -> Iterable[Figure]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_store(file)) as store:
        (single,) = interleaved(ROUNDS, partial(portal.call, _gets, store, 500))
    yield _rate("get, one at a time", single)


async def _gets(store: SqliteStore, count: int) -> int:
    for number in range(count):
        await store.get(PATHS[number % 100])
    return count


def _watching(file: File) -> Figure:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_store(file)) as store:
        (timing,) = interleaved(ROUNDS, partial(portal.call, _watched_bursts, store, 20))
    return _rate("set, 100 at once, and its change in a watch", timing, aim="aim 10000")


async def _watched_bursts(store: SqliteStore, count: int) -> int:
    seen = 0
    async with store.watch(TOP, fetch=False) as events, anyio.create_task_group() as group:
        await anext(events)
        group.start_soon(_at_once, store, TOP, count)
        while seen < 100 * count:
            seen += isinstance(await anext(events), Change)
    return seen


def _across(file: File) -> Iterable[Figure]:
    """Another process writes, this one watches."""
    with start_blocking_portal() as portal:
        delays = sorted(portal.call(_delays, file, 1000))
        live = portal.call(_flood, file, 20_000)
        behind = portal.call(_catch_up, file, 20_000)
    yield Figure("from set to its change in another process, p50", 1e3 * delays[500], "ms", aim="aim 1 ms")
    yield Figure("from set to its change in another process, p99", 1e3 * delays[990], "ms")
    yield _rate("changes seen while another process writes them", live, aim="aim 10000")
    yield _rate("changes read by a watch that resumes 20000 behind", behind, aim="aim 10000")


async def _delays(file: File, count: int) -> list[float]:
    """Seconds from the call of set in one process to the event in the other; CLOCK_BOOTTIME is common to both."""
    found: list[float] = []
    async with open_store(file) as store, store.watch(TOP / "paced", fetch=False) as events:
        await anext(events)
        async with _elsewhere(file, "paced", count):
            while len(found) < count:
                event = await anext(events)
                assert isinstance(event, Change)
                found.append(store.clock.lease_now() - event.value)
    return found


async def _flood(file: File, count: int) -> Timing:
    async with open_store(file) as store, store.watch(TOP / "flood", fetch=False) as events:
        await anext(events)
        async with _elsewhere(file, "flood", count):
            await anext(events)
            return await _timed(events, count - 1)


async def _catch_up(file: File, count: int) -> Timing:
    async with open_store(file) as store:
        async with store.watch(TOP / "flood", fetch=False) as events:
            ready = await anext(events)
            assert isinstance(ready, Ready)
        async with _elsewhere(file, "flood", count) as process:
            await process.wait()
        async with store.watch(TOP / "flood", since=(store.id, ready.revision)) as events:
            return await _timed(events, count)


async def _timed(events: AsyncIterator[WatchEvent], count: int) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        await anext(events)
    return Timing((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count)


@asynccontextmanager
async def _elsewhere(file: File, what: str, count: int) -> AsyncIterator[Process]:
    command = [sys.executable, __file__, str(file), what, str(count)]
    async with await anyio.open_process(command, stdout=None, stderr=None) as process:
        yield process


async def _main(file: File, what: str, count: int) -> None:
    async with open_store(file) as store:
        if what == "paced":
            for number in range(count):  # a path each: values of one path may be passed over
                await store.clock.sleep(0.002)
                await store.set(TOP / "paced" / number, store.clock.lease_now())
        else:
            async with anyio.create_task_group() as group:
                for number in range(100):
                    group.start_soon(_grow, store, TOP / "flood" / number, count // 100)


async def _grow(store: SqliteStore, path: Path, count: int) -> None:
    for number in range(count):
        await store.set(path / number, VALUE)


if __name__ == "__main__":
    anyio.run(_main, File(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
