"""The driver keeps every promise of the host's contract, on any event loop."""

import anyio
import pytest
from busgate_enocean.driver import EnoceanDriver

from gateway.testing.driver_suite import DriverSuite, Rig

WARM = "A5 00005508 0181B744 00"


class Stick(Rig):
    """A thermometer speaks whenever the stick is asked for its base id for the first time."""

    driver = EnoceanDriver
    device, attribute = "0181B744", "TMP"
    missing = "0181B745"
    own = ("task plugins", "task conftest", "task tests", "task Desk")

    def __init__(self, desk, paper, tasks):
        self.desk = desk
        self.paper = paper
        self.tasks = tasks
        self.options = {"port": desk.url, "device": [{"id": self.device, "eep": "A5-02-05"}]}
        self.open_line = desk.lines.open_line

    async def unplug(self):
        self.desk.lines.unplug(self.desk.url)

    async def plug(self):
        stick = self.desk.new_stick()
        answer = stick.answer
        warm = self.paper.report(WARM)
        stick.answer = lambda packet: answer(packet) + (warm if packet[1] == b"\x08" else b"")
        self.tasks.start_soon(self.desk.run, stick, name="Desk.run")


class TestEnocean(DriverSuite):
    @pytest.fixture
    async def rig(self, make_desk, paper, anyio_backend):
        desk = make_desk()
        async with anyio.create_task_group() as tasks:
            rig = Stick(desk, paper, tasks)
            await rig.plug()
            yield rig
            tasks.cancel_scope.cancel()
