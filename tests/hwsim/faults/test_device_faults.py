"""Sick devices as clients see them, in virtual time; what they do to a temperature is in test_readings."""

import anyio
import pytest

from hwsim import House

HOUSE = """
[[bus]]
name = "b"
[[device]]
bus = "b"
id = "28.000000000001"
temperature = 21.5
alias = "kitchen"
"""
SENSOR = "28.000000000001"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


@pytest.mark.parametrize("code", [-1, -5, -22])
async def test_one_device_answers_with_an_error(house, client, code):
    fault = await house.fault("error", target=SENSOR, code=code)
    assert await client.read(f"/{SENSOR}/temperature") == code
    assert await client.write(f"/{SENSOR}/temphigh", "3") == code
    assert fault.ended is None
    await house.end_fault(fault)
    assert await client.read(f"/{SENSOR}/temperature") == "21.5"


async def test_unplugged_and_plugged_in_again(house, client):
    await client.read(f"/{SENSOR}/temperature")
    await house.fault("unplug", target="kitchen", duration=10.0)
    assert "/uncached/bus.0/kitchen" not in await client.list("/uncached/bus.0")
    await anyio.sleep(10.1)
    assert "/uncached/bus.0/kitchen" in await client.list("/uncached/bus.0")
    assert await client.read(f"/uncached/{SENSOR}/latesttemp") == "85"


async def test_the_branches_of_a_hub_that_is_gone_can_not_be_listed(connect):
    house = House.parse(HOUSE + '[[device]]\nbus = "b"\nid = "1F.000000000002"\n')
    async with house.running():
        client = await connect(house.url("b"))
        assert await client.list("/uncached/bus.0/1F.000000000002/main") == []
        await house.unplug("1F.000000000002")
        assert await client.list("/uncached/bus.0/1F.000000000002/main") == -5


async def test_a_power_cycle_loses_the_last_temperature(house, client):
    await client.read(f"/{SENSOR}/temperature")
    await house.fault("power_cycle", target=SENSOR)
    assert await client.read(f"/uncached/{SENSOR}/latesttemp") == "85"
    assert await client.read(f"/uncached/{SENSOR}/temperature") == "21.5"


@pytest.mark.parametrize(("kind", "sick"), [("bad_crc", -22), ("stuck_85", "85"), ("brown_out", "85")])
async def test_flaws_heal_when_the_fault_ends(house, client, kind, sick):
    await house.fault(kind, target=SENSOR, duration=60.0)
    assert await client.read(f"/uncached/{SENSOR}/temperature") == sick
    await anyio.sleep(60)
    assert await client.read(f"/uncached/{SENSOR}/temperature") == "21.5"


async def test_an_alias_that_is_not_ascii(house, client):
    await house.fault("alias", target=SENSOR, text="Küche", duration=5.0)
    assert "/bus.0/Küche" in await client.list("/bus.0")
    assert await client.read("/Küche/temperature") == "21.5"
    await anyio.sleep(5.1)
    assert "/bus.0/kitchen" in await client.list("/bus.0")
