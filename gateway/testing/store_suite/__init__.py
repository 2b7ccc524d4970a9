"""The conformance suite that every store passes: each sentence of the contract in ``gateway.abc`` is a named test.

Subclass what fits in a test module and say how to connect; needs pytest. For example::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def connect(self, tmp_path):
            return lambda node: MyStore(tmp_path / "store", clock=SystemClock(), random=Random(1), node=node)

All connections of one test must reach one store, empty at first. The suite takes time from the store's clock, so it
runs as it is in virtual time on trio and in real time on asyncio. ``BreakSuite`` and ``ProcessSuite`` come on top
where they apply.
"""

from gateway.testing.store_suite.breaks import BreakSuite
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.testing.store_suite.processes import ProcessSuite
from gateway.testing.store_suite.suite import StoreSuite

__all__ = ["BreakSuite", "Connect", "ProcessSuite", "StoreChecks", "StoreSuite"]
