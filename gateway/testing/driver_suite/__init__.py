"""The conformance suite that every driver passes: each promise of ``gateway.abc.Interface`` is a named check.

Subclass it in a test module, and give it a rig: hardware, most likely simulated, that can be unplugged. For example::

    class MyRig(Rig):
        driver = MyDriver
        device, attribute = "28.67C6697351FF", "temperature"

        def __init__(self, simulator):
            self.options = {"port": simulator.port}
        ...

    class TestMyDriver(DriverSuite):
        @pytest.fixture
        async def rig(self):
            async with start_simulator() as simulator:
                yield MyRig(simulator)

It needs pytest, runs in real time, on asyncio and, where it is installed, on trio. A driver for one of them alone
overrides the fixture ``anyio_backend``.
"""

from gateway.testing.driver_suite.rig import Rig
from gateway.testing.driver_suite.suite import DriverSuite

__all__ = ["DriverSuite", "Rig"]
