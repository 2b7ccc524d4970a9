"""From a URL to a store."""

from random import Random

import pytest

from gateway.errors import ConfigError
from gateway.path import P
from gateway.store import open_store
from gateway.testing.clocks import VirtualClock


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


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlte:/tmp/x", "store: 'sqlte:/tmp/x' has no known scheme, did you mean 'sqlite' (known: memory:, sqlite:)"),
        ("Memory:", "store: 'Memory:' has no known scheme, did you mean 'memory' (known: memory:, sqlite:)"),
        ("redis://x", "store: 'redis://x' has no known scheme (known: memory:, sqlite:)"),
        ("/tmp/x", "store: '/tmp/x' has no known scheme (known: memory:, sqlite:)"),
        ("memory", "store: 'memory' has no known scheme, did you mean 'memory' (known: memory:, sqlite:)"),
        ("sqlite:", "store: 'sqlite:' names no file (write 'sqlite:PATH')"),
        ("memory:x", "store: 'memory:x' has a name, but a memory store is private (write 'memory:')"),
    ],
)
def test_a_url_that_cannot_be_read_says_what_can(url, complaint):
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert str(caught.value) == complaint
