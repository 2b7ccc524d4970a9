"""One job in the short and the long form of the documentation of MoaT-KV."""

import anyio
import pytest

from gateway.path import P
from gateway.values import NotGiven

# The two forms of one job that the documentation of MoaT-KV puts side by side; its queue is anyio's of that time.
DATA = """
async def process_data(msg):
    if getattr(msg, "path", None) is not None:  # the long form also sees that the store has delivered all
        await _self.set("found." + str(msg.path[1]), msg.value)
async def process_timeout():
    await _self.set("found.timeout", True)
"""
SHORT_OF_TWO = (
    DATA
    + """
await _self.watch(_P("some.special.path"))
await _self.watch(_P("some.other.path"))
await _self.timer(100)
async for msg in _info:
    if msg is None:
        return  # system was stalled
    elif isinstance(msg, _cls.TimerMsg):
        await process_timeout()
    elif isinstance(msg, _cls.ChangeMsg):
        await process_data(msg.msg)
"""
)
LONG_OF_TWO = (
    DATA
    + """
import anyio
async with _client.watch(_P("some.special.path")) as w1:
    async with _client.watch(_P("some.other.path")) as w2:
        put, q = anyio.create_memory_object_stream(10)
        async def _watch(w):
            async for msg in w:
                await put.send(msg)
        async def _timeout(t):
            await anyio.sleep(t)
            await process_timeout()
        await _self.spawn(_watch, w1)
        await _self.spawn(_watch, w2)
        await _self.spawn(_timeout, 100)
        async for msg in q:
            await process_data(msg)
"""
)


@pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("text", [SHORT_OF_TWO, LONG_OF_TWO], ids=["short", "long"])
async def test_the_two_documented_forms_do_the_same(node, text):
    await node.store.set(P("some.special.path"), 1)
    await node.code("a", text)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(10)
    await node.store.set(P("some.other.path"), 2)
    await anyio.sleep(80)
    assert [await node.value(f"found.{name}") for name in ("special", "other")] == [1, 2]
    assert await node.value("found.timeout") is NotGiven
    await anyio.sleep(20)
    assert await node.value("found.timeout") is True
    assert (await node.state("a")).node == "n1"
