"""The embedded store passes the suite in real time, on asyncio and on trio, within a process and between processes."""

from random import Random

import pytest

from gateway.clock import SystemClock
from gateway.store.sqlite import SqliteStore
from gateway.testing.store_suite import ProcessSuite, StoreSuite


class TestOnAsyncio(StoreSuite, ProcessSuite):
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "store.db"

    @pytest.fixture
    def connect(self, file):
        return lambda node: SqliteStore(file, clock=SystemClock(), random=Random(node), node=node)

    @pytest.fixture
    def url(self, file):
        return f"sqlite:{file}"


class TestOnTrio(TestOnAsyncio):
    @pytest.fixture
    def anyio_backend(self):
        return "trio"
