"""Moving a store between backends: from a file to servers on a real server, and back."""

from datetime import UTC, datetime
from random import Random

import pytest

from gateway.clock import SystemClock
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.record import same
from gateway.store import open_store
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers
from gateway.transfer import export, files, restore
from gateway.transfer.restore import NodesRun

PLACES = Locations()
JOB = PLACES.jobs + P("any.default.j")
STATE = PLACES.states + P("any.default.j")
ENTRIES = {
    P(":"): "the root",
    P("a"): {"x": [1, 1.0, True, None, b"\xff", P("x.y:5"), datetime(2026, 1, 1, tzinfo=UTC)]},
    Path("b c", 1.5, None, b"k", (1, "t"), "ü*>"): "text",
    Path("a", "28.67C6697351FF", "temperature"): {"value": 0.0},
    P("empty"): {},
    JOB: {"code": P("c"), "target": 5.0},
    STATE: {"started": 5.0, "token": 2**40},
} | {P("many") / number: "x" * 200 for number in range(500)}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def server():
    with NatsServers(1) as servers:
        yield servers


@pytest.fixture
def opened(server, tmp_path):
    """A fresh store of a kind."""

    def open_kind(kind):
        url = f"{server.url}/{tmp_path.name}" if kind == "nats" else f"sqlite:{tmp_path / 'store.db'}"
        return open_store(url, clock=SystemClock(), random=Random(kind), node=kind, options=StoreOptions(replicas=1))

    return open_kind


async def contents(store):
    return {entry.path: entry.value async for entry in store.tree(P(":"))}


@pytest.mark.parametrize(("source", "target"), [("sqlite", "nats"), ("nats", "sqlite")])
async def test_everything_arrives(opened, source, target, tmp_path):
    file = tmp_path / "archive"
    async with opened(source) as store:
        for path, value in ENTRIES.items():
            await store.set(path, value)
        await store.set(PLACES.presence / "attic", {"incarnation": "i"})
        files.write(file, await export(store, P(":"), PLACES))
    async with opened(target) as store:
        done = await restore(store, files.read(file), PLACES)
        assert (done.written, done.equal, done.differing, done.unequal) == (len(ENTRIES), 0, [], [])
        wanted = ENTRIES | {STATE: {"started": 5.0, "token": 0}}
        found = await contents(store)
        assert found.keys() == wanted.keys()
        assert all(same(found[path], wanted[path]) for path in wanted)
        assert list(found) == sorted(wanted)
        again = await restore(store, files.read(file), PLACES)
        assert (again.written, again.equal) == (0, len(ENTRIES))


async def test_servers_keep_what_is_newer(opened):
    async with opened("sqlite") as store:
        await store.set(P("a"), 1)
        await store.set(P("b"), 1)
        archive = await export(store, P(":"), PLACES)
    async with opened("nats") as store:
        await store.set(P("a"), 2)
        revision = (await store.get(P("a"))).revision
        done = await restore(store, archive, PLACES)
        assert (done.written, done.differing) == (1, [P("a")])
        assert (await store.get(P("a"))).revision == revision
        await store.set(PLACES.presence / "attic", {})
        with pytest.raises(NodesRun, match="stop attic first"):
            await restore(store, archive, PLACES, overwrite=True)
        await store.delete(PLACES.presence / "attic")
        assert (await restore(store, archive, PLACES, overwrite=True)).written == 1
        assert (await store.get(P("a"))).value == 1
