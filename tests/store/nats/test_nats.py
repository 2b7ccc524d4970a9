"""The distributed store passes the suite on a real server."""

from contextlib import asynccontextmanager

import anyio
import pytest

from gateway.store.nats import NatsStore
from gateway.testing.cables import Cable
from gateway.testing.store_suite import BreakSuite, ProcessSuite, StoreSuite


class TestOnOneServer(StoreSuite):
    ttl = 2.0  # the servers count whole seconds
    grace = 1.5

    @pytest.fixture
    def connect(self, open_on):
        return open_on


class TestBehindACable(BreakSuite):
    cables: dict[NatsStore, Cable]
    ttl = 2.0
    grace = 1.5

    @pytest.fixture
    def connect(self, open_on, server):
        self.cables = {}

        @asynccontextmanager
        async def connect(node):
            async with (
                Cable(server.port_of(0)).plugged() as cable,
                open_on(node, url=f"nats://127.0.0.1:{cable.port}") as store,
            ):
                self.cables[store] = cable
                yield store

        return connect

    async def cut(self, store):
        link = store.link
        await self.cables[store].pull()
        with anyio.fail_after(self.patience):
            await store.wait_link(link)

    async def mend(self, store, *, resync):
        store.horizon = 0.0 if resync else None
        await self.cables[store].plug()
        with anyio.fail_after(self.patience):
            while store.link.state != "connected":
                await store.wait_link(store.link)


class TestBetweenProcesses(ProcessSuite):
    ttl = 2.0
    grace = 1.5

    @pytest.fixture
    def connect(self, open_on):
        return open_on

    @pytest.fixture
    async def url(self, open_on, server, bucket):
        async with open_on("first"):  # makes the bucket, for one server
            return f"{server.url}/{bucket}"
