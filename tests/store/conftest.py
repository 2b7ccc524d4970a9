"""How a single test of the store suite is run on a store made for it, and judged."""

from random import Random

import pytest

from gateway.errors import StoreError
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.testing.store_suite import BreakSuite, StoreSuite

#: How a test of the suite fails; anything else would be a mistake in the broken store.
FAILURES = (AssertionError, TimeoutError, StoreError, pytest.fail.Exception)


class Suite(StoreSuite, BreakSuite):
    async def cut(self, store):
        store.cut()

    async def mend(self, store, *, resync):
        store.mend("as asked" if resync else "")


async def run(kind, check, parameters):
    server = (kind if issubclass(kind, MemoryServer) else MemoryServer)(Random(1))
    store = kind if issubclass(kind, MemoryStore) else MemoryStore

    def connect(node):
        return store(server, clock=VirtualClock(), random=Random(node), node=node)

    await getattr(Suite(), f"test_{check}")(connect, **parameters)


def causes(error):
    if isinstance(error, BaseExceptionGroup):
        return [cause for part in error.exceptions for cause in causes(part)]
    return [error]


@pytest.fixture
def accept():
    async def accept(check, parameters):
        await run(MemoryServer, check, parameters)

    return accept


@pytest.fixture
def reject():
    async def reject(broken, check, parameters):
        with pytest.raises((*FAILURES, BaseExceptionGroup)) as caught:
            await run(broken, check, parameters)
        for cause in causes(caught.value):
            assert isinstance(cause, FAILURES), "it broke in another way"

    return reject
