"""What clients read and write of families 05 and 01, over the protocol in virtual time."""

import pytest

from hwsim import House

SWITCH, ALONE, KEY = "/05.000000000001", "/05.000000000002", "/01.000000000003"


@pytest.fixture
async def house():
    devices = "".join(f'[[device]]\nbus = "b"\nid = "{path[1:]}"\n' for path in (SWITCH, ALONE, KEY))
    house = House.parse(f'[[bus]]\nname = "b"\n{devices}')
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


async def test_2405_at_rest(client):
    readings = [await client.read(f"{SWITCH}/{name}") for name in ("PIO", "sensed", "type", "family")]
    assert readings == ["0", "1", "DS2405", "05"]
    assert await client.list("/alarm") == []


async def test_2405_is_switched_only_when_it_has_to_be(client):
    for value, sensed in (("1", "0"), ("1", "0"), ("0", "1"), ("0", "1"), ("1", "0")):
        assert await client.write(f"{SWITCH}/PIO", value) == 0
        assert await client.read(f"{SWITCH}/PIO") == value
        assert await client.read(f"/uncached{SWITCH}/sensed") == sensed
    assert await client.list("/alarm") == [f"/alarm{SWITCH}"]
    assert await client.read(f"{ALONE}/PIO") == "0"


async def test_2405_says_what_the_world_does_to_its_pin(house, client):
    house.device(SWITCH[1:]).set("sensed", 0)
    assert await client.read(f"{SWITCH}/sensed") == "0"
    assert await client.read(f"{SWITCH}/PIO") == "0"


async def test_2405_that_is_gone(house, client):
    await client.read(f"{SWITCH}/PIO")
    await house.fault("unplug", target=SWITCH[1:])
    assert await client.read(f"/uncached{SWITCH}/PIO") == -2
    assert await client.write(f"/bus.0{SWITCH}/PIO", "1") == -22


async def test_2405_has_no_checksum_to_notice_a_bad_line(house, client):
    house.device(SWITCH[1:]).set("sensed", 0)
    await house.fault("bad_crc", target=SWITCH[1:])
    assert await client.read(f"/uncached{SWITCH}/sensed") == "1"


async def test_2401_is_an_id_and_nothing_else(client):
    names = [path.rpartition("/")[2] for path in await client.list(KEY)]
    assert names == "address alias crc8 family id locator r_address r_id r_locator type".split()
    assert await client.read(f"{KEY}/type") == "DS2401"
    assert await client.read(f"{KEY}/present") == -1


async def test_2401_is_held_to_a_reader_and_taken_away(house, client):
    assert f"/uncached{KEY}" in await client.list("/uncached")
    await house.unplug(KEY[1:])
    assert f"/uncached{KEY}" not in await client.list("/uncached")
    await house.plug(KEY[1:])
    assert f"/uncached{KEY}" in await client.list("/uncached")
