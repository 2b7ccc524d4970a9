"""Two devices with one id, as clients of an owserver meet them; in virtual time."""

import pytest

from hwsim import House

WARM, USUAL, SWITCH, OLD_SWITCH = "28.000000000001", "28.000000000002", "3A.000000000001", "05.000000000001"
COUNTER, CONVERTER = "1D.000000000001", "20.000000000001"
HOUSE = "".join(
    f'[[device]]\nbus = "b"\nid = "{id_}"\n{rest}\n'
    for id_, rest in {
        WARM: "temperature = 21.5",
        USUAL: "",
        SWITCH: "",
        OLD_SWITCH: "",
        COUNTER: "counter_a = 5",
        CONVERTER: "volt_a = 3.0",
    }.items()
)


@pytest.fixture
async def house():
    house = House.parse(f'[[bus]]\nname = "b"\n{HOUSE}')
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


async def test_a_search_finds_one(house, client):
    before = await client.list("/uncached/bus.0")
    await house.fault("address_collision", target=WARM)
    assert await client.list("/uncached/bus.0") == before


@pytest.mark.parametrize("path", [f"{WARM}/temperature", f"{COUNTER}/counter.A", f"{CONVERTER}/volt.A"])
async def test_different_answers_are_an_error(house, client, path):
    good = await client.read(f"/uncached/{path}")
    fault = await house.fault("address_collision", target=path[:15])
    assert await client.read(f"/uncached/{path}") == -22
    assert await client.read(f"/{path[:15]}/family") == path[:2]
    await house.end_fault(fault)
    assert await client.read(f"/uncached/{path}") == good


async def test_the_same_answers_are_not(house, client):
    await house.fault("address_collision", target=USUAL)
    assert await client.read(f"/uncached/{USUAL}/temperature") == "20"
    house.device(USUAL).twin.set("temperature", 25)
    assert await client.read(f"/uncached/{USUAL}/temperature") == -22
    assert await client.read("/statistics/errors/CRC8_errors") != "0"


async def test_writes_reach_both(house, client):
    await house.fault("address_collision", target=SWITCH)
    assert await client.write(f"/{SWITCH}/PIO.ALL", "1,0") == 0
    assert (
        house.device(SWITCH).read_status() == house.device(SWITCH).twin.read_status() == bytes([0b1100 | 0b0011 << 4])
    )
    house.device(SWITCH).twin.set("sensed_b", 0)
    assert await client.read(f"/uncached/{SWITCH}/sensed.ALL") == -22


async def test_without_a_checksum_a_wrong_value_is_believed(house, client):
    await client.write(f"/{OLD_SWITCH}/PIO", "1")
    await house.fault("address_collision", target=OLD_SWITCH)
    assert await client.read(f"/uncached/{OLD_SWITCH}/PIO") == "1"
    assert await client.write(f"/{OLD_SWITCH}/PIO", "0") == 0
    assert not house.device(OLD_SWITCH).in_alarm()
    assert house.device(OLD_SWITCH).twin.in_alarm(), "each toggles, so one of them is always on"
    assert await client.list("/alarm") == [f"/alarm/{CONVERTER}", f"/alarm/{OLD_SWITCH}"]
    assert await client.read(f"/uncached/{OLD_SWITCH}/sensed") == "0"


async def test_a_simultaneous_conversion_reaches_both(house, client):
    await house.fault("address_collision", target=USUAL)
    await client.write("/simultaneous/temperature", "1")
    assert house.device(USUAL).busy()
    assert house.device(USUAL).twin.busy()
