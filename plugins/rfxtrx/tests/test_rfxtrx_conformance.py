"""The driver keeps every promise of the host's contract, and the host finds it."""

import pytest
from busgate_rfxtrx.driver import RfxtrxDriver
from busgate_rfxtrx.options import Options

from gateway.bus.options import read_options
from gateway.clock import SystemClock
from gateway.errors import ConfigError
from gateway.plugins import Plugins
from gateway.testing.driver_suite import DriverSuite, Rig


class StickRig(Rig):
    driver = RfxtrxDriver
    device, attribute = "52_1_96:03", "temperature"
    missing = "52_1_00:00"
    own = ("task stick",)

    def __init__(self, bench):
        self.bench = bench
        self.options = {"port": "memory:stick"}
        self.open_line = bench.lines.open_line
        bench.stick.at_start = bytes.fromhex("0a52012a96038141600379")

    async def unplug(self):
        self.bench.lines.unplug("memory:stick")

    async def plug(self):
        self.bench.replug()


class Hurried(SystemClock):
    """The pause after a reset is short."""

    async def sleep(self, seconds):
        await super().sleep(seconds / 20)


class TestRfxtrx(DriverSuite):
    clock = Hurried

    @pytest.fixture
    async def rig(self, real_bench):
        return StickRig(real_bench)


def test_the_plugin_is_found():
    plugins = Plugins.installed()
    (info,) = [info for info in plugins.infos if info.name == "rfxtrx"]
    assert (info.error, info.distribution, info.drivers) == ("", "busgate-rfxtrx", ("rfxtrx",))
    assert plugins.driver("rfxtrx") is RfxtrxDriver


def test_a_duty_cycle_replaces_the_default_of_its_band_alone():
    options = Options(port="/dev/ttyUSB0", duty_cycle={"433": 0.01})
    assert options.duty_cycle == {"433": 0.01, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"protocols": ["ac", "morse"]}, "protocols: no such receiving mode: morse .there are: aeblyss, "),
        ({"duty_cycle": {"433": 1.5}}, "duty_cycle.433"),
        ({"duty_cycle": {"443": 0.1}}, "duty_cycle: there is no band 443 .there is 433, "),
        ({"duty_cycle": {"433": 0}}, "duty_cycle.433"),
        ({"port": "COM3"}, "port: should be /dev/serial"),
    ],
)
def test_mistakes_are_told_in_words(options, match):
    with pytest.raises(ConfigError, match=match):
        read_options(RfxtrxDriver, {"port": "/dev/ttyUSB0"} | options)
