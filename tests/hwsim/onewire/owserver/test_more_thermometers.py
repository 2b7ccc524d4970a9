"""What clients read and write of families 42 and 3B, over the protocol in virtual time."""

import anyio
import pytest

from hwsim import House, ScenarioError

HOUSE = """
[[bus]]
name = "b"
[[device]]
bus = "b"
id = "42.000000000001"
temperature = 21.5
[[device]]
bus = "b"
id = "3B.000000000001"
temperature = -10.0625
address = 5
[[device]]
bus = "b"
id = "3B.000000000002"
part = "MAX31826"
temperature = 30.0
[[device]]
bus = "b"
id = "3B.000000000003"
part = "MAX31850"
temperature = 24.25
thermocouple = 480.25
address = 15
"""
CHAIN, PLAIN, EEPROM, COUPLE = "/42.000000000001", "/3B.000000000001", "/3B.000000000002", "/3B.000000000003"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{CHAIN}/temperature", "21.5"),
        (f"{CHAIN}/temperature9", "21.5"),
        (f"{CHAIN}/fasttemp", "21.5"),
        (f"{CHAIN}/latesttemp", "85"),
        (f"{CHAIN}/type", "DS28EA00"),
        (f"{CHAIN}/PIO.ALL", "0,0"),
        (f"{CHAIN}/latch.BYTE", "0"),
        (f"{CHAIN}/sensed.ALL", "1,1"),
        (f"{PLAIN}/temperature", "-10.0625"),
        (f"{PLAIN}/prog_addr", "5"),
        (f"{PLAIN}/temphigh", "75"),
        (f"{PLAIN}/type", "DS1825"),
        (f"{EEPROM}/type", "DS1825"),
        (f"{EEPROM}/temperature", "-0.0625"),
        (f"{EEPROM}/prog_addr", "0"),
        (f"{COUPLE}/type", "DS1825"),
        (f"{COUPLE}/temperature", "24.25"),
        (f"{COUPLE}/temperature12", "24.25"),
        (f"{COUPLE}/latesttemp", "0"),
        (f"{COUPLE}/thermocouple", "30"),
        (f"{COUPLE}/fault", "0"),
        (f"{COUPLE}/prog_addr", "15"),
    ],
)
async def test_values(client, path, text):
    assert await client.read(path) == text


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        (f"{CHAIN}/temperature", 0.76),
        (f"{CHAIN}/temperature9", 0.11),
        (f"{EEPROM}/temperature", 0.16),
        (f"{COUPLE}/temperature", 0.11),
        (f"{COUPLE}/thermocouple", 0.11),
    ],
)
async def test_how_long_a_conversion_takes(client, path, seconds):
    began = anyio.current_time()
    await client.read(f"/uncached{path}")
    assert anyio.current_time() - began == pytest.approx(seconds, abs=0.001)


async def test_each_part_lists_its_own_files(client):
    listed = {path: {name.rpartition("/")[2] for name in await client.list(path)} for path in (PLAIN, EEPROM, COUPLE)}
    common = {"temperature", "temperature12", "latesttemp", "tempres", "power", "prog_addr", "scratchpad"}
    assert common < listed[PLAIN] & listed[EEPROM] & listed[COUPLE]
    assert listed[PLAIN] - listed[EEPROM] - listed[COUPLE] == {
        "temphigh", "templow", "temperature9", "temperature10", "temperature11", "fasttemp",
    }  # fmt: skip
    assert listed[EEPROM] - listed[PLAIN] - listed[COUPLE] == {"memory", "pages"}
    assert listed[COUPLE] - listed[PLAIN] - listed[EEPROM] == {
        "thermocouple", "fault", "open_circuit", "ground_short", "vdd_short",
    }  # fmt: skip
    assert await client.list(f"{COUPLE}/pages") == []
    assert len(await client.list(f"{EEPROM}/pages")) == 17


async def test_what_is_not_listed_can_be_read(client):
    assert await client.read(f"{COUPLE}/temperature9") == "24.25"
    assert await client.read(f"{PLAIN}/thermocouple") == -22, "its limits look like the flags of a faulty couple"
    answer = await client.ask(2, f"{COUPLE}/memory\0".encode(), size=128)
    assert answer.payload == b"\xff" * 128


async def test_writing_the_eeprom_fails_as_it_does_in_owserver(client):
    assert await client.write(f"{EEPROM}/pages/page.1", "busgate!") == -22
    answer = await client.ask(2, f"{EEPROM}/pages/page.1\0".encode(), size=8)
    assert answer.payload == bytes(8)


async def test_a_broken_thermocouple(house, client):
    house.device(COUPLE[1:]).set("open_circuit", 1)
    assert await client.read(f"/uncached{COUPLE}/thermocouple") == -22
    assert await client.read(f"/uncached{COUPLE}/temperature") == "24.25"
    flags = [await client.read(f"/uncached{COUPLE}/{name}") for name in ("fault", "open_circuit", "ground_short")]
    assert flags == ["1", "1", "0"]


async def test_pins_of_the_thermometer_in_a_chain(house, client):
    assert await client.write(f"{CHAIN}/PIO.A", "1") == 0
    assert await client.read(f"{CHAIN}/PIO.ALL") == "1,0"
    assert await client.read(f"{CHAIN}/latch.ALL") == "1,0"
    assert await client.read(f"{CHAIN}/sensed.ALL") == "0,1"
    house.device(CHAIN[1:]).set("sensed_b", 0)
    assert await client.read(f"/uncached{CHAIN}/PIO.ALL") == "1,1", "the pins, not the latches"
    assert await client.read(f"/uncached{CHAIN}/latch.BYTE") == "1"
    assert await client.write(f"{CHAIN}/latch.BYTE", "2") == 0
    assert await client.read(f"{CHAIN}/sensed.BYTE") == "1"


async def test_garbled_pins_are_an_error(house, client):
    await house.fault("bad_crc", target=CHAIN[1:])
    assert await client.read(f"/uncached{CHAIN}/sensed.ALL") == -22
    await house.fault("bad_crc", target=COUPLE[1:])
    assert await client.read(f"/uncached{COUPLE}/fault") == -22


async def test_a_simultaneous_conversion_reaches_all(client):
    assert await client.write("/simultaneous/temperature", "1") == 0
    await anyio.sleep(0.75)
    latest = [await client.read(f"/uncached{path}/latesttemp") for path in (CHAIN, PLAIN, COUPLE)]
    assert latest == ["21.5", "-10.0625", "24.25"]


async def test_alarms(client):
    for path in (CHAIN, PLAIN):
        await client.write(f"{path}/temphigh", "-20")
        await client.read(f"/uncached{path}/temperature")
    await client.read(f"/uncached{COUPLE}/temperature")
    assert sorted(await client.list("/alarm")) == [f"/alarm{PLAIN}", f"/alarm{CHAIN}"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('id = "3B.000000000009"\npart = "MAX31825"', r"no part 'MAX31825' is simulated; did you mean 'MAX31850'"),
        ('id = "28.000000000009"\npart = "MAX31850"', "a MAX31850 is of family 3B, which the id is not"),
        ('id = "3B.000000000009"\naddress = 16', "address can't be 16; it must be from 0 to 15"),
        ('id = "3B.000000000009"\nthermocouple = 300', "a DS1825 has no such key"),
        ('id = "3B.000000000009"\npart = "MAX31850"\nresolution = 9', "a MAX31850 has no such key"),
    ],
)
def test_mistakes_in_a_scenario(keys, message):
    with pytest.raises(ScenarioError, match=message):
        House.parse(f'[[bus]]\nname = "b"\n[[device]]\nbus = "b"\n{keys}\n')
