"""Each fault of an owserver and its devices from a scenario, by a request of the command, and from Python."""

import anyio
import pytest

from hwsim import House
from hwsim.faults import FAULTS, ONE_WIRE
from hwsim.faults.fault import Place
from hwsim.faults.kinds import fits
from hwsim.requests import Fault

BUS, SENSOR = "b", "28.000000000001"
HOUSE = f'[[bus]]\nname = "{BUS}"\n[[device]]\nbus = "{BUS}"\nid = "{SENSOR}"\ntemperature = 21.5\n'
PLACES = {BUS: Place("bus", ONE_WIRE), SENSOR: Place("device", ONE_WIRE)}
KINDS = [
    (kind, target)
    for kind, faults in FAULTS.items()
    for target, place in PLACES.items()
    if any(fits(fault, place) for fault in faults)
]


def test_no_kind_is_left_out():
    wanted = {"restart", "hang", "slow_bus", "bad_crc", "unplug", "slow_conversion", "brown_out", "address_collision"}
    assert wanted <= {kind for kind, _ in KINDS}
    assert len(KINDS) == 19


async def from_a_scenario(kind, target):
    house = House.parse(f'{HOUSE}[[fault]]\nkind = "{kind}"\ntarget = "{target}"\nat = 0.0\nfor = 5.0\n')
    return house, None


async def by_request(kind, target):
    return House.parse(HOUSE), lambda house: Fault(kind=kind, target=target, duration=5.0).run(house)


async def from_python(kind, target):
    return House.parse(HOUSE), lambda house: house.fault(kind, target=target, duration=5.0)


@pytest.mark.parametrize(("kind", "target"), KINDS)
@pytest.mark.parametrize("way", [from_a_scenario, by_request, from_python])
async def test_it_comes_and_goes_and_leaves_no_trace(connect, kind, target, way):
    house, begin = await way(kind, target)
    async with house.running():
        if begin is not None:
            await begin(house)
        await anyio.sleep(0.01)
        (fault,) = house.faults
        assert (fault.kind, fault.target, fault.ended) == (kind, target, None)
        await anyio.sleep(5.0)
        assert fault.ended == pytest.approx(5.0, abs=0.05)
        client = await connect(house.url(BUS))
        names = ["interface", SENSOR, "simultaneous", "alarm"]
        assert await client.list("/uncached/bus.0") == [f"/uncached/bus.0/{name}" for name in names]
        assert await client.read(f"/uncached/{SENSOR}/temperature") == "21.5"
