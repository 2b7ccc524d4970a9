"""Connections: opening, closing, the task group of a store, the link."""

from __future__ import annotations

from functools import partial

import anyio
import pytest

from gateway.errors import Detached
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.values import Entry, Link

A = P("suite.a")


class Sessions(StoreChecks):
    """Guarantees about a connection as a whole."""

    async def test_entries_outlive_the_connection_that_wrote_them(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(A, "kept")
            gone = await store.set(A / "gone", 1)
            gone = await store.delete(A / "gone", revision=gone)
        async with connect("a") as store:
            assert await store.get(A) == Entry(A, "kept", revision)
            assert await store.set(A / "gone", 2, revision=0) > gone

    async def test_the_id_stays_that_of_the_store(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = store.id
        async with connect("b") as store:
            assert store.id == first

    async def test_a_closed_store_is_detached(self, connect: Connect) -> None:
        async with connect("a") as store:
            pass
        for call in (store.get, store.delete, partial(store.set, value=1), partial(store.publish, value=1)):
            with pytest.raises(Detached):
                await call(A)

    async def test_what_was_started_in_the_store_ends_with_it(self, connect: Connect) -> None:
        ended = anyio.Event()

        async def run() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()

        with anyio.fail_after(self.patience):
            async with connect("a") as store:
                store.tasks.start_soon(run)
                await anyio.lowlevel.checkpoint()
        assert ended.is_set()

    async def test_an_error_within_leaves_as_it_is(self, connect: Connect) -> None:
        with pytest.raises((LookupError, ExceptionGroup)) as caught:
            async with connect("a"):
                raise LookupError("mine")
        assert caught.type is LookupError

    async def test_a_cancelled_block_closes_the_store(self, connect: Connect) -> None:
        with anyio.move_on_after(self.patience) as scope:
            async with connect("a") as store:
                scope.cancel()
                await anyio.sleep_forever()
        with pytest.raises(Detached):
            await store.get(A)

    async def test_one_connection_closes_and_the_other_goes_on(self, connect: Connect) -> None:
        async with connect("a") as store:
            async with connect("b") as other:
                await other.set(A, 1)
            assert [entry.value async for entry in store.tree(Path())] == [1]

    async def test_an_open_store_is_connected(self, connect: Connect) -> None:
        async with connect("a") as store:
            assert store.link.state == "connected"
            assert store.link.since <= store.clock.lease_now()
            with anyio.fail_after(self.patience):
                assert await store.wait_link(Link("detached", 0.0)) == store.link
