"""Real servers, one or a cluster of three, and what can befall these."""

import itertools
from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.store.nats import NatsStore
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers

BUCKETS = itertools.count()


class Cluster:
    """Three servers, and what their stream says of itself."""

    def __init__(self, servers):
        self.servers = servers

    async def strike(self, store, fault):
        """Do what the fault is; the store, which works, tells whom to."""
        act, whom = FAULTS[fault]
        await act(self.servers, await getattr(self, whom)(store))

    async def leader(self, store):
        info = await store._connection.session().ask(f"$JS.API.STREAM.INFO.{store._subjects.stream}")
        return self.servers.number_of(info["cluster"]["leader"])

    async def follower(self, store):
        return (await self.leader(store) + 1) % 3

    async def host(self, store):
        """The server that keeps the consumer of a watch."""
        info = await store._connection.session().ask(f"$JS.API.CONSUMER.LIST.{store._subjects.stream}", timeout=5)
        return self.servers.number_of(info["consumers"][0]["cluster"]["leader"])

    async def connected_to(self, store):
        return self.servers.number_of(store._connection.session().server["server_name"])


async def kill(servers, number):
    servers.kill(number)
    await anyio.sleep(3)
    servers.start(number)


async def freeze(servers, number):
    servers.freeze(number)
    try:
        await anyio.sleep(8)
    finally:
        servers.thaw(number)


async def restart_all(servers, _):
    for number in range(3):
        servers.kill(number)
    await anyio.sleep(1)
    for number in range(3):
        servers.start(number)


async def roll(servers, _):
    for number in range(3):
        servers.stop(number)
        await anyio.sleep(1)
        servers.start(number)
        await anyio.sleep(10)  # an operator would wait until all replicas are current


FAULTS = {
    "kill the leader": (kill, "leader"),
    "freeze the leader": (freeze, "leader"),
    "kill a follower": (kill, "follower"),
    "freeze a follower": (freeze, "follower"),
    "kill the host of a watch": (kill, "host"),
    "freeze the server of a node": (freeze, "connected_to"),
    "restart all": (restart_all, "leader"),
    "restart one after the other": (roll, "leader"),
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def server():
    """One server for all tests of this process; each test has a bucket of its own."""
    with NatsServers(1) as servers:
        yield servers


@pytest.fixture
def bucket():
    return f"test-{next(BUCKETS)}"


@pytest.fixture
def open_on(server, bucket):
    """A store on the server, by the name of its node."""

    def connect(node, url=server.url, replicas=1, **options):
        return NatsStore(
            [url] if isinstance(url, str) else url,
            bucket,
            StoreOptions(replicas=replicas),
            clock=SystemClock(),
            random=Random(node),
            node=node,
            **options,
        )

    return connect


@pytest.fixture
def cluster():
    with NatsServers(3) as servers:
        yield Cluster(servers)


@pytest.fixture
def connect(cluster, open_on):
    """A store on all servers of the cluster, by the name of its node."""
    servers = [cluster.servers.url_of(number) for number in range(3)]
    return lambda node: open_on(node, url=servers, replicas=3, wait=True)
