"""What happens to a job that does not read its messages."""

import anyio
import pytest

from gateway.path import P


class TestOverflow:
    READER = """
import anyio
await _self.watch("x")
await anyio.sleep(delay)
found = []
async for msg in _info:
    if msg is None:
        found.append("none")
        if linger:
            await anyio.sleep(linger)
    elif isinstance(msg, _cls.ChangeMsg):
        found.append(msg.value)
        if msg.value == last:
            break
return found
"""

    async def flood(self, node, **fields):
        data = {"delay": 5, "linger": 0, "last": 19} | fields.pop("data", {})
        await node.code("a", self.READER)
        await node.now("a", data=data, delay=1000.0, **fields)
        await node.running("a")
        await anyio.sleep(1)
        for number in range(20):
            await node.store.set(P("x"), number)
            await anyio.sleep(0.01)  # else the store may leave out values
        return await node.ended("a")

    async def test_stall(self, node):
        assert (await self.flood(node)).result == [*range(9), "none"]

    async def test_stall_ends_a_run_that_does_not_end(self, node):
        """MoaT-KV left it running, deaf for good."""
        state = await self.flood(node, data={"linger": 1000})
        assert (state.end, state.backoff) == ("stalled", 1)
        assert state.stopped - state.started == pytest.approx(11, abs=0.1)
        message = (await node.errors())["at.n1.default.a"].message
        assert message == "more than 10 messages had to wait, and the code did not end within 10 s after it got None"

    async def test_coalesce(self, node):
        assert (await self.flood(node, overflow="coalesce")).result == [19]

    async def test_block(self, node):
        found = (await self.flood(node, overflow="block", queue=3)).result
        assert found[-1] == 19
        assert "none" not in found

    async def test_a_longer_queue(self, node):
        assert (await self.flood(node, queue=30)).result == list(range(20))
