"""The driver keeps every promise of the host's contract, and the host finds it."""

import pytest
from busgate_rflink.driver import RflinkDriver
from busgate_rflink.options import Options

from gateway.bus.options import read_options
from gateway.errors import ConfigError
from gateway.plugins import Plugins
from gateway.testing.driver_suite import DriverSuite, Rig


class BoardRig(Rig):
    driver = RflinkDriver
    device, attribute = "oregontemphygro_1a2d", "temperature"
    missing = "oregontemphygro_0000"
    own = ("task board",)

    def __init__(self, bench):
        self.bench = bench
        self.options = {"port": "memory:rflink"}
        self.open_line = bench.open_line
        bench.board.boot = 0.0
        bench.board.at_start = [b"20;b3;Oregon TempHygro;ID=1a2d;TEMP=00dd;HUM=43;BAT=OK;"]

    async def unplug(self):
        self.bench.lines.unplug("memory:rflink")

    async def plug(self):
        self.bench.replug()


class TestRflink(DriverSuite):
    @pytest.fixture
    async def rig(self, real_bench):
        return BoardRig(real_bench)


def test_the_plugin_is_found():
    plugins = Plugins.installed()
    (info,) = [info for info in plugins.infos if info.name == "rflink"]
    assert (info.error, info.distribution, info.drivers) == ("", "busgate-rflink", ("rflink",))
    assert plugins.driver("rflink") is RflinkDriver


def test_a_duty_cycle_replaces_the_default_of_its_band_alone():
    options = Options(port="/dev/ttyACM0", duty_cycle={"433": 0.01})
    assert options.duty_cycle == {"433": 0.01, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"protocols": {"morse": True}}, "protocols.morse"),
        ({"duty_cycle": {"433": 1.5}}, "duty_cycle.433"),
        ({"duty_cycle": {"443": 0.1}}, "duty_cycle: there is no band 443 .there is 433, "),
        ({"band": "443"}, "band: there is no band 443"),
        ({"port": "COM3"}, "port: should be /dev/serial"),
    ],
)
def test_mistakes_are_told_in_words(options, match):
    with pytest.raises(ConfigError, match=match):
        read_options(RflinkDriver, {"port": "/dev/ttyACM0"} | options)
