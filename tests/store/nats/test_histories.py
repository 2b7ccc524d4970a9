"""Compare-and-sets stay linearizable while servers of a cluster of three are killed, stopped and started again.

Several connections contend for each of several entries. What the clients were told of each entry must be possible
(:mod:`gateway.testing.linearizability`).
"""

import sys
from contextlib import AsyncExitStack

import anyio
import pytest

from gateway.path import P
from gateway.testing.contention import Contention

ENTRIES = 3
#: Seconds in which the servers must have agreed on a leader again: 4 to 9 s by design, and a busy machine.
PATIENCE = 60
FAULTS = (
    "kill the leader",
    "freeze the leader",
    "kill a follower",
    "freeze the server of a node",
    "restart all",
    "restart one after the other",
)


async def check(cluster, connect, fault, turns=1):
    histories = [Contention(P("contended") / number) for number in range(ENTRIES)]
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(connect(node)) for node in "abc"]
        async with anyio.create_task_group() as clients:
            for store in stores:
                for history in histories:
                    clients.start_soon(history.client, store, store.name)
            for _ in range(turns):
                await go_on(histories)
                await cluster.strike(stores[0], fault)
            await go_on(histories)
            for history in histories:
                history.end()
        with anyio.fail_after(PATIENCE):
            wrongs = [wrong for history in histories for wrong in await history.wrongs(stores[1])]
    counts = {outcome: sum(h.count(outcome) for h in histories) for outcome in ("ok", "refused", "uncertain")}
    sys.stdout.write(f"\n{fault}, {turns} times: {counts}, {len(wrongs)} contradictions\n")
    assert wrongs == []
    assert counts["refused"] > 10


async def go_on(histories):
    """Wait until each entry has been set some more times."""
    with anyio.fail_after(PATIENCE):
        for history in histories:
            await history.succeed(20)


async def test_what_clients_were_told_is_possible(cluster, connect):
    await check(cluster, connect, "kill the leader")


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
async def test_what_clients_were_told_is_possible_ever(cluster, connect, fault):
    await check(cluster, connect, fault, turns=5)
