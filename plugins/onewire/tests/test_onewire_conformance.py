"""The driver keeps every promise of the host's contract."""

import pytest
from busgate_onewire.driver import OneWireDriver

from gateway.testing.driver_suite import DriverSuite, Rig
from hwsim import House

HOUSE = """
seed = 7
[[bus]]
name = "attic"
kind = "onewire"
conversion_scale = 0.02
[[device]]
bus = "attic"
id = "28.67C6697351FF"
temperature = 21.5
[[device]]
bus = "attic"
id = "3A.9F585CE8E4D9"
"""


class Attic(Rig):
    driver = OneWireDriver
    device, attribute = "28.67C6697351FF", "temperature"
    writable = ("3A.9F585CE8E4D9", "PIO.A", (True, False))
    missing = "28.000000000000"
    own = ("task hwsim",)

    def __init__(self, house):
        self.house = house
        self.options = {"url": house.url("attic"), "suspect_delay": 0.0}
        self.fault = None

    async def unplug(self):
        self.fault = await self.house.fault("restart", target="attic", duration=3600)

    async def plug(self):
        await self.house.end_fault(self.fault)


class TestOneWire(DriverSuite):
    @pytest.fixture
    async def rig(self):
        house = House.parse(HOUSE)
        async with house.running():
            yield Attic(house)
