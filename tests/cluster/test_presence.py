"""Presence: one process a name, a new incarnation each time, and nothing left of the dead."""

import logging
import os
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import anyio
import pytest

from gateway.abc import LEASE_TTL
from gateway.cluster.presence import Presence, boot_id, machine_name, provably_dead
from gateway.errors import NameTaken, Uncertain
from gateway.path import P
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import NotGiven

WHERE = P(":.moat.kv.presence")
LOG = logging.getLogger("test")


@pytest.fixture
def server():
    return MemoryServer(Random(1))


@pytest.fixture
async def stores(server):
    """A function that opens one more connection to the same store."""
    async with AsyncExitStack() as stack:

        async def connect():
            return await stack.enter_async_context(MemoryStore(server, clock=VirtualClock(), random=Random()))

        yield connect


@asynccontextmanager
async def running(presence):
    async with anyio.create_task_group() as tasks:
        await tasks.start(presence.run)
        yield
        tasks.cancel_scope.cancel()


async def test_the_entry_lives_as_long_as_the_node(stores):
    store = await stores()
    presence = Presence(store, WHERE, "attic", LOG)
    async with running(presence):
        entry = await store.get(WHERE / "attic")
        assert entry.value["incarnation"] == presence.incarnation
        assert entry.value["pid"] == os.getpid()
        await anyio.sleep(100 * LEASE_TTL)
        assert (await store.get(WHERE / "attic")).revision == entry.revision
    assert (await store.get(WHERE / "attic")).value is NotGiven


async def test_a_second_process_of_the_name_is_refused_with_advice(stores):
    first, second = await stores(), await stores()
    async with running(Presence(first, WHERE, "attic", LOG)):
        with pytest.raises(NameTaken, match=rf"'attic' is taken by process {os.getpid()} .*--name"):
            await Presence(second, WHERE, "attic", LOG).run()
        async with running(Presence(second, WHERE, "cellar", LOG)):
            pass


async def test_facts_are_kept_over_a_lost_lease_and_the_incarnation_is_not(server, stores):
    store, other = await stores(), await stores()
    presence = Presence(store, WHERE, "attic", LOG)
    async with running(presence):
        await presence.announce(runners=["at.default"])
        before = presence.incarnation
        async with other.watch(WHERE, fetch=False) as events:
            server.expire_all()
            async for event in events:
                if getattr(event, "value", NotGiven) is not NotGiven:
                    break
        assert event.value["runners"] == ["at.default"]
        assert event.value["incarnation"] == presence.incarnation != before


async def test_a_node_that_is_cut_off_waits_and_registers_anew(stores):
    store, other = await stores(), await stores()
    presence = Presence(store, WHERE, "attic", LOG)
    async with running(presence):
        await presence.announce(runners=["at.default"])
        before = presence.incarnation
        store.cut()
        await anyio.sleep(10 * LEASE_TTL)
        assert (await other.get(WHERE / "attic")).value is NotGiven
        store.mend()
        await anyio.sleep(LEASE_TTL)
        record = (await other.get(WHERE / "attic")).value
        assert record["incarnation"] == presence.incarnation != before
        assert record["runners"] == ["at.default"]
    assert (await other.get(WHERE / "attic")).value is NotGiven


async def test_what_is_announced_during_a_short_break_is_written_after_it(stores):
    store, other = await stores(), await stores()
    presence = Presence(store, WHERE, "attic", LOG)
    async with running(presence), anyio.create_task_group() as tasks:
        before = presence.incarnation
        store.cut()
        with anyio.fail_after(LEASE_TTL):
            tasks.start_soon(lambda: presence.announce(runners=["at.default"]))
            await anyio.sleep(1)
            store.mend()
            await anyio.sleep(1)
        record = (await other.get(WHERE / "attic")).value
        assert (record["runners"], record["incarnation"]) == (["at.default"], before)


async def test_a_write_that_landed_unseen_is_no_hindrance_for_the_next(stores):
    store, other = await stores(), await stores()
    presence = Presence(store, WHERE, "attic", LOG)
    async with running(presence):
        store.faults.lost_reply = 1.0
        with anyio.move_on_after(0.4):
            await presence.announce(runners=["at.default"])
        store.faults.lost_reply = 0.0
        assert (await other.get(WHERE / "attic")).value["runners"] == ["at.default"]
        await presence.announce(runners=["all.default"])
        assert (await other.get(WHERE / "attic")).value["runners"] == ["all.default"]


def record(**changes):
    return {"machine": machine_name(), "boot": boot_id(), "pid": os.getpid(), "since": 4e9, **changes}


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),
        ({"boot": "another"}, True),
        ({"since": 1.0}, True),
        ({"machine": "elsewhere", "pid": 2**22 + 1}, False),
        ({"pid": "?"}, False),
    ],
    ids=["alive", "no such pid", "rebooted", "pid used again", "unknown on another machine", "no record of ours"],
)
def test_what_proves_death(changes, dead):
    assert provably_dead(record(**changes)) is dead


async def test_a_dead_process_hinders_nobody(stores):
    store = await stores()
    await store.set(WHERE / "attic", record(pid=2**22 + 1, incarnation="gone"))
    async with running(Presence(store, WHERE, "attic", LOG)):
        assert (await store.get(WHERE / "attic")).value["pid"] == os.getpid()


class WithoutMajority(MemoryStore):
    """Its servers keep writes, answer none, and still answer reads."""

    silent = False

    async def set(self, path, value, **more):
        if self.silent:
            raise Uncertain("no answer")
        return await super().set(path, value, **more)


async def test_a_registration_that_lands_late_is_nobody_elses(server, stores):
    """Servers that have lost their majority may keep a write, and do it when they have one again."""
    other = await stores()
    async with WithoutMajority(server, clock=VirtualClock(), random=Random()) as store:
        presence = Presence(store, WHERE, "attic", LOG)
        with anyio.fail_after(100):
            async with running(presence):
                store.silent = True
                server.expire_all()
                await anyio.sleep(0.1)
                given_up = {**presence.process(), "incarnation": presence.incarnation}
                await anyio.sleep(5)
                assert presence.incarnation != given_up["incarnation"]
                await other.set(WHERE / "attic", given_up)
                store.silent = False
                await anyio.sleep(5)
                assert presence.registration is not None
                assert (await other.get(WHERE / "attic")).value["incarnation"] == presence.incarnation
