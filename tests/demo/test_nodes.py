"""The processes of the demonstration."""

import anyio
import pytest

from gateway.demo.jobs import LOCATIONS
from gateway.demo.nodes import Nodes
from gateway.store import open_store
from gateway.values import Change


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def registered(store, node):
    """Wait until a node has registered in the store; it can be told to stop by then."""
    async with open_store(store) as opened, opened.watch(LOCATIONS.presence / node) as events:
        async for event in events:
            if isinstance(event, Change):
                return


async def test_a_node_that_ends_by_itself_is_reported_with_what_it_said_last(tmp_path):
    (tmp_path / "file").write_text("")
    news = anyio.Event()
    nodes = Nodes(tmp_path, f"sqlite:{tmp_path}/file/store.db", ['a"plugin'], news.set)
    nodes.configure("attic", [{"bus": "über", "driver": "onewire", "url": "owserver://127.0.0.1:1"}])
    async with nodes.alive():
        await nodes.start("attic")
        with anyio.fail_after(60):
            await news.wait()
    (line,) = nodes.fallen
    assert line.startswith("node attic has ended with status 3: error: ")
    assert "store.db" in line


async def test_what_was_killed_or_stopped_on_purpose_is_not_reported(tmp_path):
    nodes = Nodes(tmp_path, "sqlite:store.db", [], lambda: None)
    async with nodes.alive():
        for name in ("attic", "cellar"):
            nodes.configure(name, [])
            await nodes.start(name)
        await nodes.kill("attic")
        with anyio.fail_after(60):
            await registered(f"sqlite:{tmp_path}/store.db", "cellar")
        await nodes.stop()
    assert nodes.fallen == []
    assert "node cellar has stopped" in (tmp_path / "cellar.log").read_text()
