"""A server that led, and does not know that it doesn't any more, refuses writes which the true leader takes.

Here a client of the servers plays it: it gets each write too, and mostly answers first, as it has nothing to store.
"""

from contextlib import asynccontextmanager

import nats
import pytest

from gateway.errors import Conflict, Uncertain
from gateway.path import P
from gateway.values import Entry

A = P("a")
UNDER_WAY = '{"error": {"code": 400, "err_code": 10164, "description": "wrong last sequence"}, "seq": 0}'
BEHIND = '{"error": {"code": 400, "err_code": 10071, "description": "wrong last sequence: 1"}, "seq": 0}'
NO_LEADER = '{"error": {"code": 503, "description": "raft: not leader"}, "seq": 0}'


@asynccontextmanager
async def deposed(server, bucket, answer):
    client = await nats.connect(server.url)
    try:

        async def refuse(message):
            await message.respond(answer.encode())

        await client.subscribe(f"$KV.{bucket}.>", cb=refuse)
        await client.flush()
        yield
    finally:
        await client.close()


@pytest.mark.parametrize("answer", [UNDER_WAY, BEHIND], ids=["under way", "behind"])
async def test_what_it_refuses_is_known_by_its_mark(server, bucket, open_on, answer):
    async with open_on("a") as store, deposed(server, bucket, answer):
        revision = 0
        for value in range(10):
            revision = await store.set(A, value, revision=revision)
            assert (await store.get(A)).revision == revision
        gone = await store.delete(A, revision=revision)
        assert gone > revision
        assert await store.set(A, "again", revision=0) > gone


@pytest.mark.parametrize("answer", [UNDER_WAY, BEHIND], ids=["under way", "behind"])
async def test_what_another_has_written_is_a_conflict_all_the_same(server, bucket, open_on, answer):
    async with open_on("a") as store, open_on("b") as other:
        revision = await store.set(A, 1)
        newest = await other.set(A, 2, revision=revision)
        async with deposed(server, bucket, answer):
            with pytest.raises(Conflict) as caught:
                await store.set(A, 3, revision=revision)
        assert caught.value.current == Entry(A, 2, newest)


async def test_what_it_can_not_take_may_have_been_taken(server, bucket, open_on):
    async with open_on("a") as store, deposed(server, bucket, NO_LEADER):
        for value in range(10):
            try:
                await store.set(A, value)
            except Uncertain:
                assert (await store.get(A)).value == value


async def test_a_lease_outlives_its_refusals(server, bucket, open_on):
    async with open_on("a") as store, store.lease(3.0) as lease:
        revision = await store.set(A, 1, lease=lease)
        async with deposed(server, bucket, UNDER_WAY):
            await store.clock.sleep(2.5)
        await store.clock.sleep(2.0)
        assert not lease.lost.is_set()
        assert (await store.get(A)).revision == revision
