"""A job of any node goes on elsewhere when its node dies, with a store on three NATS servers."""

from itertools import groupby
from random import Random

import pytest

from gateway.path import P
from gateway.store.nats import NatsStore
from gateway.testing.nats_servers import NatsServers

REGISTER = P("register")


@pytest.fixture
def servers():
    with NatsServers(3) as servers:
        yield servers


@pytest.fixture
def store_url(servers):
    return f"{servers.url}/house"


def written(cluster, path):
    return [change.value for _, change in cluster.changes if change.path == path and not change.deleted]


async def check_kills(cluster, times, seed, **options):
    """Kill holders; what they wrote must show one after the other, with rising tokens."""
    print(f"seed {seed}")
    async with cluster.store():  # the servers are ready
        pass
    await cluster.tasks.start(cluster.watch, REGISTER, cluster.state_path)
    took = await cluster.kill_holders(times, Random(seed), guarded=True, **options)
    print(f"from the kill to the first line elsewhere: {cluster.distribution(took)}")
    register = written(cluster, REGISTER)
    print(f"writes: {len(cluster.device_writes())} to devices, {len(await cluster.store_writes())} to the store,")
    print(f"{len(register)} to the register under {len({token for token, _ in register})} tokens")
    assert cluster.overlaps() == []
    assert await cluster.double_runs() == set()
    assert [told for told in cluster.told if told.what == "refused"] == []
    assert (await cluster.state())["runs"] == times + 1
    assert [run for run, _ in groupby(run for _, run in register)] == [one.run for one in cluster.runs]
    for values in (register, [[state["token"]] for state in written(cluster, cluster.state_path)]):
        tokens = [value[0] for value in values]
        assert tokens == sorted(tokens)
        assert len(set(tokens)) == times + 1
    return took


async def test_it_goes_on_at_once_when_the_death_is_told(cluster):
    took = await check_kills(cluster, 2, seed=6, names="ab", release=True)
    assert max(took) < NatsStore.lease_ttl / 2, "the machine is loaded, but the lease must not be needed"


@pytest.mark.soak
async def test_it_goes_on_at_once_through_many_kills_that_are_told(cluster):
    await check_kills(cluster, 20, seed=7, release=True)


@pytest.mark.soak
async def test_it_goes_on_when_the_lease_has_run_out(cluster):
    took = await check_kills(cluster, 20, seed=8)
    assert max(took) < NatsStore.lease_ttl + 1.0
