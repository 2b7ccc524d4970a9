"""Members: who is counted, who is told, and when nothing is decided."""

from contextlib import asynccontextmanager
from random import Random

import anyio
import pytest

from gateway.cluster.group_state import Group
from gateway.cluster.members import Members, runners_of
from gateway.locations import Locations
from gateway.path import Path
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock

WHERE = Locations()


class World:
    """The store of the node ``me``, and another connection by which the others come and go."""

    def __init__(self, store, other):
        self.store = store
        self.other = other
        self.told = []

    async def come(self, name, *runners):
        await self.other.set(WHERE.presence / name, {"runners": list(runners or ["all.house"])})

    async def go(self, name):
        await self.other.delete(WHERE.presence / name)

    async def settings(self, value, group="house"):
        await self.other.set(WHERE.groups / group, value)

    @asynccontextmanager
    async def watching(self, **options):
        members = Members(self.store, WHERE, "me", **options)
        async with anyio.create_task_group() as tasks:
            await tasks.start(members.run)
            with members.listener("all", "house", lambda: self.told.append(members.group("all", "house"))):
                yield members
            tasks.cancel_scope.cancel()


@pytest.fixture
async def world(anyio_backend):
    server = MemoryServer(Random(1))

    def connect(name):
        return MemoryStore(server, clock=VirtualClock(), random=Random(1), node=name)

    async with connect("me") as store, connect("other") as other:
        yield World(store, other)


def complete(*members, nodes=2):
    return Group("complete", members, nodes)


def partial(*members, nodes):
    return Group("partial", members, nodes)


def detached(nodes=2):
    return Group("detached", ("me",), nodes)


async def test_what_was_there_is_known_when_it_has_started(world):
    await world.come("n1")
    await world.settings({"nodes": 3})
    async with world.watching() as members:
        assert members.group("all", "house") == partial("me", "n1", nodes=3)
    assert world.told == []


async def test_each_change_is_told_once(world):
    async with world.watching():
        await world.come("n1")
        await anyio.sleep(1)
        await world.come("n1", "all.house", "at.house")  # something else of it has changed
        await anyio.sleep(1)
        await world.settings({"nodes": 3})
        await anyio.sleep(1)
        await world.go("n1")
        await anyio.sleep(1)
    assert world.told == [complete("me", "n1"), partial("me", "n1", nodes=3), detached(3)]


async def test_kinds_and_groups_are_counted_apart(world):
    await world.come("n1", "at.house", "any.house", "all.garden")
    await world.come("n2", "all.house.front")
    await world.settings({"nodes": 5}, "garden")
    async with world.watching() as members:
        assert members.group("all", "house") == detached()
        assert members.group("any", "house") == complete("me", "n1")
        assert members.group("all", "garden") == partial("me", "n1", nodes=5)
        assert members.group("all", "house.front") == complete("me", "n2")


async def test_the_own_presence_is_counted_once(world):
    await world.come("me")
    async with world.watching() as members:
        assert members.group("all", "house") == detached()


async def test_the_option_comes_before_the_settings(world):
    await world.settings({"nodes": 5})
    async with world.watching(nodes=1) as members:
        assert members.group("all", "house") == complete("me", nodes=1)


async def test_a_broken_store_is_told_with_the_members(world):
    await world.come("n1")
    async with world.watching(broken=True) as members:
        assert members.group("all", "house") == Group("broken", ("me", "n1"), 2)


async def test_nothing_is_decided_while_the_view_is_resynchronised(world):
    await world.come("n1")
    async with world.watching():
        world.store.cut()
        await world.go("n1")
        await world.come("n2")
        await anyio.sleep(1)
        assert world.store.link.state == "uncertain"
        world.store.mend(resync="too far behind")
        await anyio.sleep(1)
    assert world.told == [complete("me", "n2")]


async def test_cut_off_it_knows_nobody_and_then_what_is_true(world):
    await world.come("n1")
    await world.settings({"nodes": 3})
    async with world.watching():
        await world.come("n2")
        await anyio.sleep(1)
        world.store.cut()
        await anyio.sleep(1)
        assert world.told == [complete("me", "n1", "n2", nodes=3)]
        await world.go("n1")
        await anyio.sleep(10)
        assert world.told[1:] == [detached(3)]
        world.store.mend()
        await anyio.sleep(1)
    assert world.told[2:] == [partial("me", "n2", nodes=3)]


async def test_a_death_while_it_was_cut_off_is_never_told_as_complete(world):
    await world.come("n1")
    async with world.watching():
        world.store.cut()
        await anyio.sleep(10)
        await world.go("n1")
        world.store.mend()
        await anyio.sleep(10)
    assert world.told == [detached()]


async def test_a_second_break_is_no_different(world):
    await world.come("n1")
    async with world.watching():
        for _ in range(2):
            world.store.cut()
            await anyio.sleep(10)
            world.store.mend()
            await anyio.sleep(10)
    assert world.told == [detached(), complete("me", "n1")] * 2


async def test_records_that_are_none_count_for_nothing(world, caplog):
    for name, value in [("n1", "?"), ("n2", {}), ("n3", {"runners": "all.house"}), ("n4", {"runners": [None]})]:
        await world.other.set(WHERE.presence / name, value)
    await world.other.set(WHERE.presence + Path(5), {"runners": ["all.house"]})
    await world.settings({"nodes": "many"})
    async with world.watching() as members:
        assert members.group("all", "house") == detached()
        assert "group house: nodes: input should be a valid integer, not 'many'; 2 nodes are taken" in caplog.text
        await world.settings({"nodes": 1})
        await anyio.sleep(1)
    assert world.told == [complete("me", nodes=1)]


async def test_settings_that_are_deleted_mean_the_default_again(world):
    await world.settings({"nodes": 1})
    async with world.watching():
        await world.other.delete(WHERE.groups / "house")
        await anyio.sleep(1)
    assert world.told == [detached()]


def test_runners_of_a_presence():
    assert runners_of({"runners": ["at.a", "all.a", 5]}) == {"at.a", "all.a"}
    assert runners_of(None) == runners_of({"runners": 7}) == set()
