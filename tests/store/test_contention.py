"""Compare-and-sets of stores are linearizable, also when requests and replies get lost; a bad store is caught."""

import re
from contextlib import AsyncExitStack
from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.path import P
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.store.sqlite import SqliteStore
from gateway.testing.clocks import VirtualClock
from gateway.testing.contention import Contention

PATH = P("contended")


async def contend(stores, rounds, settle=0.0):
    history = Contention(PATH)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(store) for store in stores]
        async with anyio.create_task_group() as tasks:
            for number, store in enumerate(opened):
                tasks.start_soon(history.client, store, f"client {number}", rounds)
        await anyio.sleep(settle)
        for store in opened:
            if isinstance(store, MemoryStore):
                store.faults.lost_request = store.faults.lost_reply = store.faults.late = 0.0
        return history, await history.wrongs(opened[0])


def memory_stores(seed, server):
    random = Random(seed)
    for name in "abcde":
        store = MemoryStore(server, clock=VirtualClock(), random=Random(random.random()), node=name)
        store.faults.delay, store.faults.stale_get = 0.01, 0.2
        store.faults.lost_request = store.faults.lost_reply = store.faults.late = 0.05
        yield store


@pytest.mark.parametrize("seed", range(10))
async def test_the_memory_store_under_faults(seed):
    history, wrongs = await contend(memory_stores(seed, MemoryServer(Random(seed))), rounds=60, settle=10.0)
    assert wrongs == []
    assert min(history.count("ok"), history.count("refused"), history.count("uncertain")) > 10


class Careless(MemoryServer):
    """Looks at the revision nine times of ten."""

    calls = 0

    def write(self, path, data, *, revision=None, **keywords):
        self.calls += 1
        return super().write(path, data, revision=revision if self.calls % 10 else None, **keywords)


class Forgetful(MemoryServer):
    """Acknowledges each tenth write and does nothing."""

    calls = 0

    def write(self, path, data, *, revision=None, **keywords):
        self.calls += 1
        if self.calls % 10 or revision != self.read(path).entry().revision:
            return super().write(path, data, revision=revision, **keywords)
        return self.revision + 1


@pytest.mark.parametrize(
    ("server", "what"), [(Careless, "stale|double win|lost"), (Forgetful, "nobody|lost|double win")]
)
async def test_a_bad_store_is_caught(server, what):
    _, wrongs = await contend(memory_stores(1, server(Random(1))), rounds=60, settle=10.0)
    assert wrongs
    assert all(re.match(what, wrong) for wrong in wrongs)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_sqlite_store(tmp_path):
    stores = [SqliteStore(tmp_path / "db", clock=SystemClock(), random=Random(n), node=str(n)) for n in range(3)]
    history, wrongs = await contend(stores, rounds=60)
    assert wrongs == []
    assert min(history.count("ok"), history.count("refused")) > 10
