"""A memory store, and procedures stored in it."""

from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.code import CodeRoot, ModuleRoot
from gateway.locations import Locations
from gateway.path import P
from gateway.runner.error_log import ErrorLog
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock


@pytest.fixture
def clock(anyio_backend_name):
    return VirtualClock if anyio_backend_name == "trio" else SystemClock


@pytest.fixture
async def store(clock):
    async with MemoryStore(MemoryServer(Random(1)), clock=clock(), random=Random(1), node="n1") as opened:
        yield opened


class Procedures:
    """Writes procedures and waits until the root has them."""

    def __init__(self, store, root, errors):
        self.store = store
        self.root = root
        self.errors = errors

    async def put(self, path, code, **fields):
        await self.put_map(path, {"code": code, **fields})

    async def put_map(self, path, value):
        done = anyio.Event()
        with self.root.listener(lambda _: done.set()):
            await self.store.set(Locations().procedures + P(path), value)
            with anyio.move_on_after(1):
                await done.wait()
        await anyio.wait_all_tasks_blocked()

    async def delete(self, path):
        await self.store.delete(Locations().procedures + P(path))
        await anyio.wait_all_tasks_blocked()

    async def open_errors(self):
        return {str(one.place): one for one in await self.errors.list() if one.entry.resolved is None}


@pytest.fixture
async def procedures(store):
    errors = ErrorLog(store, Locations(), "n1")
    return Procedures(store, await CodeRoot.as_handler(store, errors=errors), errors)


class Modules:
    """Writes modules and lets the root load them."""

    def __init__(self, store, root, errors):
        self.store = store
        self.root = root
        self.errors = errors
        self.told: list[set[str]] = []

    async def put(self, path, code, **fields):
        await self.put_map(path, {"code": code, **fields})

    async def put_map(self, path, value):
        await self.store.set(Locations().modules + P(path), value)
        await anyio.wait_all_tasks_blocked()

    async def delete(self, path):
        await self.store.delete(Locations().modules + P(path))
        await anyio.wait_all_tasks_blocked()

    async def open_errors(self):
        """The open error records by place."""
        await self.errors.flush()
        return {str(one.place): one.entry for one in await self.errors.list() if one.entry.resolved is None}

    async def problems(self):
        """The messages of the open error records by place."""
        return {place: entry.message for place, entry in (await self.open_errors()).items()}


@pytest.fixture
async def modules(store):
    errors = ErrorLog(store, Locations(), "n1")
    made = Modules(store, await ModuleRoot.as_handler(store, errors=errors), errors)
    with made.root.listener(lambda names: made.told.append(set(names))):
        yield made
