"""Devices of a bus that several nodes have, in virtual time."""

import random
from contextlib import asynccontextmanager

import anyio
import pytest
from pydantic import BaseModel

from gateway.abc import Driver, Interface
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.bus.remote import serve_buses
from gateway.cli.bus_access import scan
from gateway.cli.context import Session
from gateway.errors import BusFault, InterfaceDown
from gateway.locations import Locations
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import Device


class Options(BaseModel):
    pass


class Radio(Driver, Interface):
    """Hears what its bus options say; None: its scan fails."""

    name = "radio"
    options = Options
    heard: dict[str, dict[str, int] | None] = {}

    @asynccontextmanager
    async def open(self, options, context):
        self.me = context.name
        yield self

    async def scan(self, *, alarmed=False):
        await anyio.lowlevel.checkpoint()
        if (heard := self.heard[self.me]) is None:
            raise BusFault("no answer")
        return [Device(name, "ac", details={"count": count, "last": 1.0}) for name, count in heard.items()]


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Session(None, "memory:", "me", as_json=False)


@pytest.fixture
async def cluster():
    server = MemoryServer()

    def store(name):
        return MemoryStore(server, clock=VirtualClock(), random=random.Random(name), node=name)

    async def live(node, bus, *, task_status):
        spec = InterfaceSpec(node, bus, "radio")
        async with (
            store(node) as own,
            Interfaces([spec], lambda name: Radio, node=node, clock=own.clock, random=own.random) as interfaces,
        ):
            await interfaces.handle(bus).wait_up()
            (shown,) = interfaces.snapshot()
            await own.set(Locations().presence / node, {"interfaces": {node: shown}})
            async with anyio.create_task_group() as tasks:
                await tasks.start(serve_buses, own, node, interfaces)
                task_status.started()
                await anyio.sleep_forever()

    async with store("cli") as mine, anyio.create_task_group() as tasks:

        async def join(node, bus, **heard):
            Radio.heard[node] = heard
            await tasks.start(live, node, bus)

        yield mine, join
        tasks.cancel_scope.cancel()


async def test_all_nodes_with_the_bus_are_asked(session, cluster):
    store, join = cluster
    await join("a", "rfx", lamp=3, door=1)
    await join("b", "rfx", lamp=2, gate=1)
    await join("c", "other", bell=9)
    found = await scan(session, store, "rfx")
    assert {one.id: one.details["count"] for one in found} == {"lamp": 3, "door": 1, "gate": 1}


async def test_a_node_that_fails_counts_only_when_all_do(session, cluster):
    store, join = cluster
    await join("a", "rfx", lamp=3)
    await join("b", "rfx")
    Radio.heard["b"] = None
    await store.set(Locations().presence / "gone", {"interfaces": {"x": {"bus": "rfx", "state": "up"}}})
    assert [one.id for one in await scan(session, store, "rfx")] == ["lamp"]
    Radio.heard["a"] = None
    with pytest.raises((BusFault, InterfaceDown)):
        await scan(session, store, "rfx")
