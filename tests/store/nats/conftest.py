"""Real servers, and a way to cut one store off from them."""

import itertools
from random import Random

import pytest

from gateway.clock import SystemClock
from gateway.store.nats import NatsStore
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers

BUCKETS = itertools.count()


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
