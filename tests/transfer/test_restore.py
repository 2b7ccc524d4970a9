"""From one store into another."""

from contextlib import asynccontextmanager
from random import Random

import pytest

from gateway.errors import Uncertain
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.transfer import export, restore
from gateway.transfer.restore import NodesRun
from gateway.values import NotGiven

PLACES = Locations()
JOB = PLACES.jobs + P("any.default.j")
STATE = PLACES.states + P("any.default.j")


@asynccontextmanager
async def opened(server=None):
    async with MemoryStore(
        server or MemoryServer(Random(1)), clock=VirtualClock(), random=Random(2), node="a"
    ) as store:
        yield store


async def archive_of(values):
    async with opened() as source:
        for path, value in values.items():
            await source.set(path, value)
        return await export(source, P(":"), PLACES)


async def values_of(store):
    return {entry.path: entry.value async for entry in store.tree(P(":"))}


async def test_everything_but_what_belongs_to_running_nodes():
    values = {P("a"): 1, P("a.b"): {"x": 1.0}, JOB: {"code": P("c")}}
    moment: dict[Path, object] = {PLACES.presence + P("attic"): {}, PLACES.claims + P("default.j"): {}}
    archive = await archive_of(values | moment)
    async with opened() as target:
        done = await restore(target, archive, PLACES)
        assert (done.written, done.equal, done.differing, done.unequal) == (3, 0, [], [])
        assert await values_of(target) == values


async def test_a_subtree():
    async with opened() as source:
        for path in ("a", "a.b", "c"):
            await source.set(P(path), path)
        assert list((await export(source, P("a"), PLACES)).entries) == [P("a"), P("a.b")]


async def test_again_changes_nothing():
    archive = await archive_of({P("a"): 1, P("b"): 2})
    async with opened() as target:
        await restore(target, archive, PLACES)
        revision = (await target.get(P("a"))).revision
        done = await restore(target, archive, PLACES)
        assert (done.written, done.equal) == (0, 2)
        assert (await target.get(P("a"))).revision == revision


async def test_what_is_there_stays_unless_told_otherwise():
    archive = await archive_of({P("a"): 1, P("b"): 2})
    async with opened() as target:
        await target.set(P("a"), 1.0)
        done = await restore(target, archive, PLACES)
        assert (done.written, done.differing) == (1, [P("a")])
        assert (await target.get(P("a"))).value == 1.0
        done = await restore(target, archive, PLACES, overwrite=True)
        assert (done.written, done.equal, done.differing) == (1, 1, [])
        assert type((await target.get(P("a"))).value) is int


async def test_nothing_is_overwritten_under_nodes():
    archive = await archive_of({P("a"): 1})
    async with opened() as target:
        await target.set(PLACES.presence + P("attic"), {})
        with pytest.raises(NodesRun, match="stop attic first"):
            await restore(target, archive, PLACES, overwrite=True)
        assert (await target.get(P("a"))).value is NotGiven


async def test_a_token_of_another_store_keeps_nobody_out():
    archive = await archive_of({STATE: {"started": 5.0, "token": 2**50}})
    async with opened() as target:
        await restore(target, archive, PLACES)
        assert (await target.get(STATE)).value == {"started": 5.0, "token": 0}
        assert (await restore(target, archive, PLACES)).equal == 1


async def test_a_job_comes_after_its_state():
    archive = await archive_of({JOB: {}, STATE: {"token": 0}, P("z"): 1})
    async with opened() as target:
        await restore(target, archive, PLACES)
        revisions = {entry.path: entry.revision async for entry in target.tree(P(":"))}
        assert max(revisions, key=lambda path: revisions[path]) == JOB


async def test_broken_off_it_goes_on():
    archive = await archive_of({P("n") / number: number for number in range(300)})
    server = MemoryServer(Random(1))
    async with opened(server) as target, opened(server) as other:
        target.faults.lost_request = 0.01
        with pytest.raises(BaseExceptionGroup) as caught:
            await restore(target, archive, PLACES)
        assert caught.group_contains(Uncertain)
        there = len(await values_of(other))
        assert 0 < there < 300
        done = await restore(other, archive, PLACES)
        assert (done.written, done.equal) == (300 - there, there)
        assert await values_of(other) == archive.entries
