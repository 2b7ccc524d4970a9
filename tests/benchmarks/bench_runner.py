"""Runners: from a job's entry to its first line of code, many jobs at once, many idle jobs, events."""

from __future__ import annotations

import math
import random
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path as File

import anyio
import anyio.lowlevel
from bench_node import busgate, cpu_of, memory_of
from figures import Figure, interleaved

from gateway.abc import Store
from gateway.locations import Locations, Place
from gateway.path import P, Path
from gateway.runner import RunnerEntry
from gateway.runner.event_queue import EventQueue
from gateway.runner.messages import TopicMsg
from gateway.store import open_store
from gateway.values import Change, Message, NotGiven

WHERE = Locations()
STARTS = 200
BURST = 1000
IDLE = 10_000
EVENTS = 20_000
#: Returns the moment of its first line; CLOCK_REALTIME is common to all processes of the machine.
MOMENT = "import time\nreturn time.time()"
BARE = "from set to its change on another connection"


def figures() -> Iterable[Figure]:
    yield from anyio.run(starts)
    yield anyio.run(burst)
    yield from anyio.run(idle)
    yield from events()


@asynccontextmanager
async def group(*names: str) -> AsyncIterator[tuple[Store, str]]:
    """Nodes with all runners on one store, started and idle; yields a connection of our own, and the store's URL."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:{folder}/store.db"
        async with open_store(url) as store:
            await store.set(WHERE.procedures / "moment", {"code": MOMENT, "is_async": None})
            with _processes(folder, names):
                yield store, url


@contextmanager
def _processes(folder: str, names: Iterable[str]) -> Iterator[dict[str, subprocess.Popen[str]]]:
    words = ("--store", f"sqlite:{folder}/store.db", "up")
    config = File(folder) / "busgate.toml"
    config.touch()
    started: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in names:
            command = busgate("-c", str(config), "--name", name, *words)
            started[name] = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for process in started.values():
            assert process.stderr is not None
            next(line for line in process.stderr if "runs the jobs" in line)
        yield started
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.communicate()


async def starts() -> list[Figure]:
    """All nodes alive and idle; one job after the other, at random moments."""
    found: list[Figure] = []
    async with group("a", "b", "c") as (store, url):
        bare = await _bare_delays(store, url)
        for title, place in (("all-node", Place("all", "default", "a")), ("any-node", Place("any", "default"))):
            delays = sorted([delay async for delay in _delays(store, place)])
            for percent, aim in ((50, "aim 10 ms"), (99, "aim 100 ms")):
                mine, base = (1e3 * values[len(values) * percent // 100] for values in (delays, bare))
                name = f"{title} job, entry written to first line, p{percent}"
                found.append(Figure(name, mine, "ms", BARE, mine / base, aim))
    return found


async def _delays(store: Store, place: Place) -> AsyncIterator[float]:
    states = WHERE.states_of(place)
    source = random.Random(1)
    async with store.watch(states, fetch=False, min_depth=1) as changes:
        await anext(changes)
        for number in range(STARTS):
            await anyio.sleep(source.uniform(0.0, 0.05))
            path = Path("job", number)
            written = await _set_due(store, place, path, "moment")
            async for change in changes:
                if isinstance(change, Change) and change.path == states + path and change.value.get("end"):
                    yield change.value["result"] - written
                    break


async def _set_due(store: Store, place: Place, path: Path, code: str) -> float:
    now = time.time()
    await store.set(WHERE.jobs_of(place) + path, RunnerEntry(code=P(code), target=now).to_map())
    return now


async def _bare_delays(store: Store, url: str) -> list[float]:
    """What the store alone takes: another connection watches what this one writes."""
    found: list[float] = []
    topic = Path("bare")
    async with open_store(url) as other, other.watch(topic, fetch=False) as changes:
        await anext(changes)
        for number in range(STARTS):
            await store.set(topic / number, time.time())
            change = await anext(changes)
            assert isinstance(change, Change)
            found.append(time.time() - change.value)
    return sorted(found)


async def burst() -> Figure:
    """Many jobs of one node, set as fast as they can be, until the last one has run; against the bare sets."""
    place = Place("at", "default", "a")
    async with group("a") as (store, _):
        began = time.perf_counter()
        await _together(BURST, lambda number: store.set(Path("bare", number), number))
        bare = time.perf_counter() - began
        states, left = WHERE.states_of(place), BURST
        last = 0.0
        async with store.watch(states, fetch=False, min_depth=1) as changes:
            await anext(changes)
            first = time.time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_together, BURST, lambda number: _set_due(store, place, Path("job", number), "moment"))
                async for change in changes:
                    if isinstance(change, Change) and change.value is not NotGiven and change.value.get("end"):
                        last = max(last, change.value["result"])
                        left -= 1
                        if not left:
                            break
    mine = last - first
    return Figure(f"{BURST} jobs set at once, all started", mine, "s", "setting as many values", mine / bare, "aim 2 s")


async def _together(count: int, write: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def writer() -> None:
        for number in numbers:
            await write(number)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(writer)


async def idle() -> list[Figure]:
    """A node with many jobs that wait, against one without."""
    found: dict[int, tuple[float, float, float]] = {}
    for count in (0, IDLE):
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(f"sqlite:{folder}/store.db") as store:
                await store.set(WHERE.procedures / "moment", {"code": MOMENT, "is_async": None})
                for place in (Place("at", "default", "a"), Place("any", "default")):
                    await _set_later(store, WHERE.jobs_of(place), count // 2)
            began = time.perf_counter()
            with _processes(folder, ["a"]) as processes:
                taken = time.perf_counter() - began
                await anyio.sleep(2)
                used = cpu_of(processes["a"].pid)
                await anyio.sleep(10)
                busy = (cpu_of(processes["a"].pid) - used) / 10
                found[count] = memory_of(processes["a"].pid)["Rss"], busy, taken
    (base, idle_base, start_base), (mine, busy, start) = found[0], found[IDLE]
    without = "without them"
    return [
        Figure(f"{IDLE} idle jobs, memory more", mine - base, "MB", without, mine / base, "aim 20 MB"),
        Figure(f"{IDLE} idle jobs, processor", 100 * busy, "% core", without, busy / idle_base, "aim: no more"),
        Figure(f"{IDLE} idle jobs, start-up", start, "s", without, start / start_base),
    ]


async def _set_later(store: Store, jobs: Path, count: int) -> None:
    entry = RunnerEntry(code=P("moment"), target=time.time() + 1e6).to_map()
    await _together(count, lambda number: store.set(jobs / "job" / number, entry))


def events() -> Iterable[Figure]:
    """Messages through `_info`, one task to another, against a bare memory stream of anyio."""
    ours, bare = interleaved(5, lambda: anyio.run(_through_queue), lambda: anyio.run(_through_stream))
    name = "bare anyio memory stream"
    yield Figure("events through _info", 1 / ours.wall, "1/s", name, bare.wall / ours.wall, cpu=ours.cpu)
    mine, base = (1e6 * _median(anyio.run(work)) for work in (_queue_delays, _stream_delays))
    yield Figure("from put to the code, p50", mine, "us", name, mine / base)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _message() -> TopicMsg:
    return TopicMsg(Message(Path("a"), 1, "n", 1))


async def _through_queue() -> int:
    queue, message = EventQueue(10, "block"), _message()

    async def put() -> None:
        for _ in range(EVENTS):
            await queue.put(message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anext(queue)  # ReadyMsg(0)
        for _ in range(EVENTS):
            await anext(queue)
    return EVENTS


async def _through_stream() -> int:
    send, receive = anyio.create_memory_object_stream[TopicMsg](10)
    message = _message()

    async def put() -> None:
        for _ in range(EVENTS):
            await send.send(message)

    async with anyio.create_task_group() as tasks, send, receive:
        tasks.start_soon(put)
        for _ in range(EVENTS):
            await receive.receive()
    return EVENTS


async def _queue_delays() -> list[float]:
    queue, found = EventQueue(10, "block"), []
    put_at = math.nan

    async def put() -> None:
        nonlocal put_at
        for _ in range(EVENTS // 10):
            await anyio.lowlevel.checkpoint()
            put_at = time.perf_counter()
            await queue.put(_message())
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anext(queue)
        for _ in range(EVENTS // 10):
            await anext(queue)
            found.append(time.perf_counter() - put_at)
    return found


async def _stream_delays() -> list[float]:
    send, receive = anyio.create_memory_object_stream[TopicMsg](10)
    found = []
    put_at = math.nan

    async def put() -> None:
        nonlocal put_at
        for _ in range(EVENTS // 10):
            await anyio.lowlevel.checkpoint()
            put_at = time.perf_counter()
            await send.send(_message())
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks, send, receive:
        tasks.start_soon(put)
        for _ in range(EVENTS // 10):
            await receive.receive()
            found.append(time.perf_counter() - put_at)
    return found
