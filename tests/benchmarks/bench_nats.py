"""The store on three NATS servers (each write on the disk) against bare nats-py on the same servers."""

from __future__ import annotations

import re
import statistics
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import anyio
import msgpack
import nats
from anyio.from_thread import start_blocking_portal
from figures import Figure, Timing, interleaved
from nats.js.api import ConsumerConfig, DeliverPolicy

from gateway.path import P
from gateway.store import open_store
from gateway.testing.nats_servers import NatsServers
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from anyio.from_thread import BlockingPortal
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js.client import JetStreamContext

    from gateway.abc import Store

VALUE = {"value": 21.5, "unit": "°C", "time": 1_800_000_000.0, "quality": "ok"}
PACKED = msgpack.packb(VALUE)
TOP = P("bench")
IN_FLIGHT = 128
ENTRIES = 20_000
WATCHERS = 10
ROUNDS = 7
BARE = "bare nats-py"
BUCKET = "bench"
#: Seconds between writes whose way to the watchers is timed.
PACE = 0.005


def figures() -> Iterable[Figure]:
    with NatsServers(3) as servers, start_blocking_portal() as portal:
        url = f"{servers.url}/{BUCKET}"
        with (
            portal.wrap_async_context_manager(open_store(url, wait=True)) as store,
            portal.wrap_async_context_manager(bare(servers.url)) as client,
        ):
            yield from _writing(portal, store, client.jetstream())
            yield from _fan_out(portal, store, client.jetstream())
            since = portal.call(_fill, store)
            yield from _reading(portal, store, client.jetstream(), since)
        yield from _memory(portal, servers.url)


@asynccontextmanager
async def bare(servers: str) -> AsyncIterator[Client]:
    addresses = servers.removeprefix("nats://").split(",")
    client = await nats.connect([f"nats://{one}" for one in addresses])
    try:
        yield client
    finally:
        await client.close()


def _rate(name: str, timing: Timing, base: Timing | None = None, aim: str = "") -> Figure:
    ratio = base.wall / timing.wall if base else None
    return Figure(name, 1 / timing.wall, "1/s", BARE if base else "", ratio, aim, timing.cpu)


def _writing(portal: BlockingPortal, store: Store, stream: JetStreamContext) -> Iterable[Figure]:
    own, plain = partial(_own_set, store), partial(_bare_set, stream)
    works = [
        partial(portal.call, _in_flight, write, tasks, 300 if tasks == 1 else 30)
        for tasks in (1, IN_FLIGHT)
        for write in (plain, own)
    ]
    base, single, base_burst, burst = interleaved(ROUNDS, *works)
    yield _rate("bare: publish, one at a time", base)
    yield _rate("set, one at a time", single, base, "aim 0.8 x")
    yield _rate(f"bare: publish, {IN_FLIGHT} in flight", base_burst)
    yield _rate(f"set, {IN_FLIGHT} in flight", burst, base_burst, "aim 0.7 x")


async def _own_set(store: Store, number: int) -> None:
    await store.set(TOP / "set" / number, VALUE)


async def _bare_set(stream: JetStreamContext, number: int) -> None:
    await stream.publish(f"$KV.{BUCKET}.bare.set.{number}", msgpack.packb(VALUE))


async def _in_flight(write: Callable[[int], Awaitable[None]], tasks: int, each: int) -> int:
    """Some callers, each of whom writes one entry again and again."""

    async def caller(number: int) -> None:
        for _ in range(each):
            await write(number)

    async with anyio.create_task_group() as group:
        for number in range(tasks):
            group.start_soon(caller, number)
    return tasks * each


def _fan_out(portal: BlockingPortal, store: Store, stream: JetStreamContext) -> Iterable[Figure]:
    """The way of a write to each of ten watchers on one connection."""
    numbers = count()
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS):
        taken[0].extend(portal.call(_bare_ways, stream, next(numbers), 100))
        taken[1].extend(portal.call(_own_ways, store, next(numbers), 100))
    base, own = (statistics.median(ways) for ways in taken)
    yield Figure(f"bare: from publish to each of {WATCHERS} consumers, p50", 1e3 * base, "ms")
    yield Figure(
        f"from set to its change in each of {WATCHERS} watches, p50", 1e3 * own, "ms", BARE, own / base, "aim 1.3 x"
    )


async def _own_ways(store: Store, number: int, times: int) -> list[float]:
    found: list[float] = []
    top = TOP / "ways" / number

    async def watch(events: AsyncIterator[object]) -> None:
        for _ in range(times):
            event = await anext(events)
            assert isinstance(event, Change)
            found.append(time.perf_counter() - event.value)

    async with AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(store.watch(top, fetch=False)) for _ in range(WATCHERS)]
        for events in watches:
            await anext(events)
        async with anyio.create_task_group() as group:
            for events in watches:
                group.start_soon(watch, events)
            for each in range(times):  # a path each: values of one path may be passed over
                await anyio.sleep(PACE)
                group.start_soon(store.set, top / each, time.perf_counter())
    return found


async def _bare_ways(stream: JetStreamContext, number: int, times: int) -> list[float]:
    found: list[float] = []
    complete = anyio.Event()
    subject = f"$KV.{BUCKET}.bare.ways.{number}"

    async def received(message: Msg) -> None:
        found.append(time.perf_counter() - msgpack.unpackb(message.data))
        if len(found) == WATCHERS * times:
            complete.set()

    consumers = [
        await stream.subscribe(f"{subject}.>", cb=received, ordered_consumer=True, deliver_policy=DeliverPolicy.NEW)
        for _ in range(WATCHERS)
    ]
    async with anyio.create_task_group() as group:
        for each in range(times):
            await anyio.sleep(PACE)
            group.start_soon(stream.publish, f"{subject}.{each}", msgpack.packb(time.perf_counter()))
        await complete.wait()
    for consumer in consumers:
        await consumer.unsubscribe()
    return found


async def _fill(store: Store) -> int:
    """Write entries; return a revision from before."""
    revision = await store.set(TOP / "first", VALUE)

    async def write(task: int) -> None:
        for number in range(task, ENTRIES, IN_FLIGHT):
            await store.set(TOP / "many" / number, VALUE)

    async with anyio.create_task_group() as group:
        for task in range(IN_FLIGHT):
            group.start_soon(write, task)
    return revision


def _reading(portal: BlockingPortal, store: Store, stream: JetStreamContext, since: int) -> Iterable[Figure]:
    base, own, base_all, all_ = interleaved(
        ROUNDS,
        partial(portal.call, _bare_changes, stream, since),
        partial(portal.call, _own_changes, store, since),
        partial(portal.call, _bare_snapshot, stream),
        partial(portal.call, _own_snapshot, store),
    )
    yield _rate("bare: messages of an ordered consumer", base)
    yield _rate(f"changes into one watch that resumes {ENTRIES} behind", own, base, "aim 0.7 x")
    yield _rate(f"bare: snapshot of {ENTRIES} keys by KeyValue.watch", base_all)
    yield _rate(f"snapshot of {ENTRIES} entries", all_, base_all)


async def _own_changes(store: Store, since: int) -> int:
    seen = 0
    async with store.watch(TOP / "many", since=(store.id, since)) as events:
        while seen < ENTRIES:
            seen += isinstance(await anext(events), Change)
    return seen


async def _bare_changes(stream: JetStreamContext, since: int) -> int:
    seen, complete = 0, anyio.Event()

    async def received(message: Msg) -> None:
        nonlocal seen
        assert message.metadata.sequence.stream > since
        msgpack.unpackb(message.data)
        seen += 1
        if seen == ENTRIES:
            complete.set()

    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=since + 1)
    subject = f"$KV.{BUCKET}.bench.many.>"
    consumer = await stream.subscribe(subject, cb=received, ordered_consumer=True, config=config)
    await complete.wait()
    await consumer.unsubscribe()
    return seen


async def _own_snapshot(store: Store) -> int:
    seen = 0
    async with store.watch(TOP / "many") as events:
        while not isinstance(await anext(events), Ready):
            seen += 1
    assert seen == ENTRIES
    return seen


async def _bare_snapshot(stream: JetStreamContext) -> int:
    watcher: Any = await (await stream.key_value(BUCKET)).watch("bench.many.>")
    seen = 0
    while (entry := await watcher.updates(timeout=30)) is not None:
        assert entry.revision
        assert entry.value is not None
        msgpack.unpackb(entry.value)
        seen += 1
    await watcher.stop()
    assert seen == ENTRIES
    return seen


def _memory(portal: BlockingPortal, servers: str) -> Iterable[Figure]:
    base, own = (portal.call(_elsewhere, what, servers) for what in ("bare", "own"))
    yield Figure(f"bare: a process that has read {ENTRIES} keys, at most", base, "MB")
    yield Figure(f"a process that watches {ENTRIES} entries, at most", own, "MB", BARE, own / base)


async def _elsewhere(what: str, servers: str) -> float:
    done = await anyio.run_process([sys.executable, __file__, what, servers], stderr=None)
    return float(done.stdout)


async def _read_all(what: str, servers: str) -> None:
    if what == "bare":
        async with bare(servers) as client:
            await _bare_snapshot(client.jetstream())
    else:
        async with open_store(f"{servers}/{BUCKET}") as store:
            await _own_snapshot(store)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", File("/proc/self/status").read_text())
    print(int(peak) / 1024)


if __name__ == "__main__":
    anyio.run(_read_all, sys.argv[1], sys.argv[2])
