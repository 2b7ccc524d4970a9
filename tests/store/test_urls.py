"""From a URL to a store."""

import re
import sys
from random import Random

import pytest

from gateway.errors import ConfigError, StoreUnusable
from gateway.path import P
from gateway.store import open_store
from gateway.testing.clocks import VirtualClock

KNOWN = "(known: memory:, sqlite:, nats:, tls:)"


async def test_each_memory_store_is_private():
    async with open_store("memory:", clock=VirtualClock()) as one, open_store("memory:", clock=VirtualClock()) as two:
        assert one.id != two.id
        await one.set(P("a"), 1)
        assert (await two.get(P("a"))).revision == 0


async def test_the_random_decides_the_ids():
    one, two = (open_store("memory:", clock=VirtualClock(), random=Random(5), node="n") for _ in range(2))
    assert one.id == two.id
    assert one.lease(1).id == two.lease(1).id


class TestSqlite:
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    async def test_a_path_names_the_file(self, tmp_path):
        url = f"sqlite:{tmp_path / 'store.db'}"
        async with open_store(url) as store:
            await store.set(P("a"), 1)
        assert (tmp_path / "store.db").exists()
        async with open_store(url) as store:
            assert (await store.get(P("a"))).value == 1


def test_without_its_library_a_store_on_servers_says_what_to_install(monkeypatch):
    for module in [name for name in sys.modules if name.startswith("gateway.store.nats")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "nats", None)
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)
    with pytest.raises(ConfigError, match=re.escape("install it: pip install 'busgate[nats]'")):
        open_store("nats://localhost")


async def test_a_store_on_servers_refuses_another_event_loop():
    with pytest.raises(StoreUnusable, match="runs on asyncio alone"):
        async with open_store("nats://localhost"):
            pass


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (
            "sqlte:/tmp/x",
            "store: 'sqlte:/tmp/x' has no known scheme, did you mean 'sqlite' " + KNOWN,
        ),
        (
            "Memory:",
            "store: 'Memory:' has no known scheme, did you mean 'memory' " + KNOWN,
        ),
        ("redis://x", "store: 'redis://x' has no known scheme " + KNOWN),
        ("/tmp/x", "store: '/tmp/x' has no known scheme " + KNOWN),
        ("memory", "store: 'memory' has no known scheme, did you mean 'memory' " + KNOWN),
        ("sqlite:", "store: 'sqlite:' names no file (write 'sqlite:PATH')"),
        (
            "nat://me:secret@x",
            "store: 'nat://me:***@x' has no known scheme, did you mean 'nats' " + KNOWN,
        ),
        ("nats:x", "store: the URL should look like nats://HOST:PORT,HOST:PORT/BUCKET"),
        ("nats://a,/x", "store: '' is no HOST or HOST:PORT of a server"),
        ("nats://a:b/x", "store: 'a:b' is no HOST or HOST:PORT of a server"),
        (
            "nats://me:se/cret@a",
            "store: the part behind the servers should be the name of a bucket: letters, digits, '_' and '-'",
        ),
        (
            "tls://a/b.c",
            "store: the part 'b.c' behind the servers should be the name of a bucket: letters, digits, '_' and '-'",
        ),
        ("memory:x", "store: 'memory:x' has a name, but a memory store is private (write 'memory:')"),
    ],
)
def test_a_url_that_cannot_be_read_says_what_can(url, complaint):
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert str(caught.value) == complaint
