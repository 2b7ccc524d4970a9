"""Servers of a cluster of three are killed, stopped and started again under writers and watches; the log judges.

What the writers and watches were told must be possible (:mod:`gateway.testing.trial`), and a lease as long as a node's
must have survived.
"""

import sys

import pytest

from gateway.path import P
from gateway.store.nats import NatsStore
from gateway.testing.trial import Trial

HELD = P("held")
FAULTS = (
    "kill the leader",
    "freeze the leader",
    "kill a follower",
    "freeze a follower",
    "kill the host of a watch",
    "freeze the server of a node",
    "restart all",
    "restart one after the other",
)
#: These run in every test; the others in `make soak`.
QUICK = ("kill the leader", "restart all")


@pytest.mark.parametrize("fault", QUICK)
async def test_nothing_is_lost(cluster, connect, fault):
    await check(cluster, connect, fault)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_lost_ever(cluster, connect, fault, turn):
    await check(cluster, connect, fault)


async def check(cluster, connect, fault):
    trial = Trial(P("trial"))
    async with connect("a") as one, connect("b") as two, one.lease(NatsStore.lease_ttl) as lease:
        held = await one.set(HELD, "held", lease=lease)
        async with trial.on([one, two]):
            await trial.go_on(200)
            await cluster.strike(one, fault)
            await trial.go_on(200)
        assert not lease.lost.is_set(), "a node was taken for dead when a server failed"
        assert (await two.get(HELD)).revision == held
    sys.stdout.write(f"\n{fault}: {trial}\n")
    assert trial.wrongs == []
