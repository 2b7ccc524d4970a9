"""Reads that are answered at once say the same as those that take the long way, whatever has happened meanwhile."""

import anyio
import pytest

from hwsim import House

READ = 2
SENSOR = "28.000000000001"
HOUSE = f"""
[[bus]]
name = "b"
channels = 2
[[device]]
bus = "b"
id = "{SENSOR}"
temperature = 21.5
[[device]]
bus = "b"
id = "3A.000000000002"
channel = 1
"""
PATH = f"/{SENSOR}/temperature"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    client = await connect(house.url("b"))
    for _ in range(2):
        await client.read(PATH)
    return client


@pytest.mark.parametrize(
    "fields",
    [{"size": 8192}, {"size": 3}, {"size": 0}, {"size": -1}, {"size": 65537}, {"size": 8192, "offset": 3},
     {"size": 8192, "offset": 12}, {"size": 8192, "flags": 0x10106}, {"size": 8192, "flags": 0x146},
     {"size": 8192, "flags": 0x102}],
)  # fmt: skip
@pytest.mark.parametrize("path", [PATH, f"/bus.0{PATH}", f"/bus.1{PATH}", f"/28000000000001/{PATH[17:]}"])
async def test_the_answer_is_the_same_again(house, connect, path, fields):
    answers = []
    for _ in range(3):
        client = await connect(house.url("b"))
        answers.append(await client.ask(READ, path.encode() + b"\0", **fields))
    assert answers[0] == answers[1] == answers[2]


async def test_it_takes_no_wire_and_is_counted(house, client):
    talks = house.traffic["b"].transactions
    names = ("/statistics/read/success", "/statistics/read/bytes", "/statistics/cache/device/hits")
    before = [int(await client.read(name)) for name in names]
    for _ in range(10):
        assert await client.read(PATH) == "21.5"
    after = [int(await client.read(name)) for name in names]
    assert house.traffic["b"].transactions == talks
    assert house.traffic["b"].requests["READ"] == 2 + 10 + 6
    assert after[0] - before[0] == 10 + 3
    assert after[1] - before[1] == 12 * (10 + 3)
    assert after[2] - before[2] == 2 * 10


async def test_a_value_that_is_too_old_is_read_anew(house, client):
    house.device(SENSOR).set("temperature", 30)
    await anyio.sleep(14)
    assert await client.read(PATH) == "21.5"
    await anyio.sleep(1.1)
    assert await client.read(PATH) == "30"


async def test_a_simultaneous_conversion_makes_it_old(house, client):
    house.device(SENSOR).set("temperature", 30)
    await anyio.sleep(0.1)
    await client.write("/simultaneous/temperature", "1")
    await anyio.sleep(1)
    assert await client.read(PATH) == "30"


async def test_faults_have_their_way(house, client):
    fault = await house.fault("error", target=SENSOR, code=-5)
    assert await client.read(PATH) == -5
    await house.end_fault(fault)
    await house.fault("keepalives", target="b", frames=2, count=1)
    assert await client.read(PATH) == "21.5"
    assert len(client.signs) == 2
    await house.fault("short_value", target="b", length=4, count=1)
    assert await client.read(PATH) == ""
    assert await client.read(PATH) == "21.5"
    await house.fault("hang", target="b", duration=5.0)
    began = anyio.current_time()
    assert await client.read(PATH) == "21.5"
    assert anyio.current_time() - began == pytest.approx(5.0, abs=0.01)


async def test_an_alias_that_moves_to_another_device(house, client):
    await client.write(f"/{SENSOR}/alias", "lamp")
    assert [await client.read("/lamp/family") for _ in range(3)] == ["28"] * 3
    await client.read("/lamp/temperature")
    await client.write(f"/{SENSOR}/alias", "")
    await client.write("/3A.000000000002/alias", "lamp")
    assert await client.read("/lamp/family") == "3A"
    assert await client.read("/lamp/temperature") == -1


async def test_a_write_is_seen(client):
    path = f"/{SENSOR}/temphigh"
    for value in ("30", "31", "32"):
        await client.write(path, value)
        assert [await client.read(path) for _ in range(3)] == [value] * 3


async def test_one_that_never_stops_asking_does_not_stop_the_others(house, client, connect):
    other = await connect(house.url("b"))
    for _ in range(5):
        for _ in range(200):
            await client.put(READ, PATH.encode() + b"\0", size=100)
        await other.read(PATH)
        assert {(await client.frame()).payload for _ in range(200)} == {b"        21.5"}
