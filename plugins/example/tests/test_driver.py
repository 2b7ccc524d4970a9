"""The driver keeps every promise, and registers itself."""

import pytest
from busgate_example.driver import ExampleDriver

from gateway.plugins import Plugins
from gateway.testing.driver_suite import DriverSuite, Rig


class FolderRig(Rig):
    driver = ExampleDriver
    device, attribute = "hwmon0/temp1", "temperature"
    writable = ("hwmon0/temp1", "maximum", (60.5, 100))
    missing = "hwmon7/temp1"

    def __init__(self, folder):
        self.folder = folder / "hwmon"
        self.away = folder / "away"
        self.options = {"path": str(self.folder)}
        (self.folder / "hwmon0").mkdir(parents=True)
        (self.folder / "hwmon0" / "temp1_input").write_text("41500\n")
        (self.folder / "hwmon0" / "temp1_max").write_text("90000\n")

    async def unplug(self):
        self.folder.rename(self.away)

    async def plug(self):
        self.away.rename(self.folder)


class TestExample(DriverSuite):
    @pytest.fixture
    def rig(self, tmp_path):
        return FolderRig(tmp_path)

    async def test_thousandths_become_degrees(self, rig):
        async with self.opened(rig) as interface:
            reading = await interface.read("hwmon0/temp1", "temperature")
        assert (reading.value, reading.unit) == (41.5, "°C")

    async def test_a_file_without_a_number_is_a_bus_error(self, rig):
        (rig.folder / "hwmon0" / "temp1_input").write_text("\n")
        async with self.opened(rig) as interface:
            assert (await interface.read("hwmon0/temp1", "temperature")).quality == "bus_error"


def test_the_driver_is_registered():
    assert Plugins.installed().driver("example") is ExampleDriver
