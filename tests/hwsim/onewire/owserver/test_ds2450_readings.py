"""What clients read and write of family 20, over the protocol in virtual time."""

import anyio
import pytest

from hwsim import House

READ = 2
D = "/20.000000000001"
HOUSE = f"""
[[bus]]
name = "b"
[[device]]
bus = "b"
id = "{D[1:]}"
volt_a = 1.2
volt_b = 3.2
volt_c = 0.0
volt_d = 5.0
"""


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


async def numbers(client, path):
    return [round(float(part), 2) for part in (await client.read(path)).split(",")]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("volt.ALL", [1.2, 3.2, 0.0, 5.0]),
        ("volt2.ALL", [1.2, 2.56, 0.0, 2.56]),
        ("8bit/volt.ALL", [1.2, 3.2, 0.0, 5.0]),
        ("8bit/volt2.ALL", [1.2, 2.55, 0.0, 2.55]),
        ("volt.B", [3.2]),
        ("latestvolt.ALL", [0, 0, 0, 0]),
        ("set_alarm/volthigh.ALL", [5.1, 5.1, 5.1, 5.1]),
        ("set_alarm/volt2high.A", [2.55]),
        ("set_alarm/high.ALL", [1, 1, 1, 1]),
        ("PIO.ALL", [1, 1, 1, 1]),
        ("power", [0]),
        ("CO2/ppm", [1200]),
        ("CO2/status", [0]),
        ("CO2/Vdd", [1]),
    ],
)
async def test_values(client, name, values):
    assert await numbers(client, f"{D}/{name}") == values


async def test_co2_status_is_a_truth_value_in_the_wrong_clothes(house, client):
    assert await client.read(f"{D}/CO2/status") == "4.94066E-324"
    house.device(D[1:]).set("volt_b", 2.9)
    assert await client.read(f"/uncached{D}/CO2/status") == "0"


@pytest.mark.parametrize("path", [f"{D}/volt.ALL", f"/uncached{D}/volt.ALL"])
async def test_all_channels_are_one_conversion(house, client, path):
    began = anyio.current_time()
    await client.read(path)
    assert anyio.current_time() - began == pytest.approx(0.005)
    assert house.traffic["b"].conversions == 1
    house.device(D[1:]).set("volt_d", 1.0)
    assert await numbers(client, f"{D}/volt.D") == [5.0], "cached with the others"


async def test_one_with_its_own_supply_leaves_the_wire_to_others(house, client, connect):
    other = await connect(house.url("b"))
    await client.write(f"{D}/power", "1")
    await client.read(f"{D}/volt.A")
    ends = []

    async def read(who, path):
        await who.read(path)
        ends.append((path, anyio.current_time()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, client, f"/uncached{D}/volt.A")
        await anyio.sleep(0.001)
        tasks.start_soon(read, other, f"/uncached{D}/PIO.A")
    assert [path for path, _ in ends] == [f"/uncached{D}/PIO.A", f"/uncached{D}/volt.A"]


async def test_alarms_begin_with_the_power_on_bits(house, client):
    assert await client.list("/alarm") == [f"/alarm{D}"]
    assert await client.write(f"{D}/set_alarm/voltlow.B", "2") == 0
    assert await client.list("/alarm") == [f"/alarm{D}"], "a limit clears that of channel A only"
    assert await client.write(f"{D}/set_alarm/high.ALL", "0,1,0,0") == 0
    assert await client.list("/alarm") == []
    house.device(D[1:]).set("volt_b", 1.5)
    await client.read(f"/uncached{D}/volt.ALL")
    assert await client.list("/alarm") == [f"/alarm{D}"]
    assert await client.read(f"/uncached{D}/alarm/low.ALL") == "0,1,0,0"
    assert await client.write(f"{D}/alarm/low.B", "0") == 0
    assert await client.list("/alarm") == []


async def test_an_output_conducts_when_pio_is_0(client):
    assert await client.write(f"{D}/PIO.D", "0") == 0
    assert await client.read(f"{D}/PIO.ALL") == "1,1,1,0"
    assert await numbers(client, f"{D}/volt.D") == [0.0]
    assert await client.write(f"{D}/PIO.D", "1") == 0
    assert await numbers(client, f"/uncached{D}/volt.D") == [5.0]


async def test_a_power_loss_that_owserver_does_not_notice_doubles_the_voltage(house, client):
    assert await numbers(client, f"/uncached{D}/volt.A") == [1.2]
    await house.fault("power_cycle", target=D[1:])
    assert await numbers(client, f"/uncached{D}/volt.A") == [2.4]
    await anyio.sleep(301)
    assert await numbers(client, f"/uncached{D}/volt.A") == [1.2]


async def test_simultaneous_voltages_are_in_latestvolt(house, client):
    await client.read(f"{D}/volt.A")
    house.device(D[1:]).set("volt_a", 2.0)
    assert await client.write("/simultaneous/voltage", "1") == 0
    assert await client.read("/simultaneous/voltage") == "0"
    await anyio.sleep(0.005)
    assert await numbers(client, f"/uncached{D}/latestvolt.A") == [2.0]


async def test_memory(client):
    assert await client.write(f"{D}/pages/page.2", "\x01\x02") == 0
    assert (await client.ask(READ, f"{D}/memory\0".encode(), size=10, offset=14)).payload[:4] == b"\x08\x8c\x01\x02"
    assert await client.write(f"{D}/pages/page.0", "\x01") == -22, "results can't be written"


async def test_sick_ones(house, client):
    fault = await house.fault("bad_crc", target=D[1:])
    assert await client.read(f"/uncached{D}/volt.A") == -22
    assert await client.write(f"{D}/PIO.A", "1") == -22
    await house.end_fault(fault)
    await house.fault("slow_conversion", target=D[1:], factor=10)
    assert await numbers(client, f"/uncached{D}/volt.A") == [0.0]
