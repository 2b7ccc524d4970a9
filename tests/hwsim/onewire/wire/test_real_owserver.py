"""The real owserver drives simulated slaves through a simulated DS2480B, as if both were hardware; in real time."""

from __future__ import annotations

import os

import anyio
import anyio.to_thread
import pytest

from hwsim import House

pytestmark = pytest.mark.realpart

BUS = '[[bus]]\nname = "attic"\nkind = "ds2480b"\nconversion_scale = 0.02\n'
HUB = "1F.00000000000A"
ONE = "28.000000000001"


def device(id_, **keys):
    """One `[[device]]` of a scenario."""
    lines = [f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in keys.items()]
    return "\n".join(['[[device]]\nbus = "attic"', f'id = "{id_}"', *lines, ""])


@pytest.fixture
def anyio_backend():
    return "trio"


@pytest.fixture(params=[0, *(pytest.param(run, marks=pytest.mark.soak) for run in range(1, 21))])
def again(request):
    """Once, and in `make soak` twenty times more: a byte that gets lost shows only now and then."""
    return request.param


async def until(read, wanted, seconds=60):
    """Ask until the answer is the wanted one; owserver has no event for what it notices."""
    with anyio.fail_after(seconds):
        while (answer := await read()) != wanted:  # noqa: ASYNC110
            await anyio.sleep(0.05)
    return answer


async def test_thermometers(drive, again):
    """Temperatures in each number format, a parasite, and what the adapter is taken for."""
    house = House.parse(
        BUS
        + device("28.67C6697351FF", temperature=21.5)
        + device("28.000000000002", temperature=-10.0625, power="parasite")
        + device("10.000000000003", temperature=-4.25)
        + device("22.000000000004", temperature=33.3)
    )
    async with house.running():
        client = await drive(house)
        devices = {path for path in await client.list("/bus.0") if path[7:9] in ("28", "10", "22")}
        assert devices == {f"/bus.0/{slave.id}" for slave in house.devices()}
        assert await client.read("/bus.0/interface/settings/name") == "DS9097U"
        for slave, temperature in zip(house.devices(), ["21.5", "-10.0625", "-4.25", "33.3125"], strict=True):
            assert await client.read(f"/uncached/{slave.id}/temperature") == temperature
            assert await client.read(f"/{slave.id}/power") == str(int(slave.externally_powered()))


async def test_a_hundred_slaves_are_found_and_read(drive, again):
    ids = [f"28.{n * 0x9E3779B97F4A % 2**48:012X}" for n in range(1, 101)]
    house = House.parse(BUS + "".join(device(id_, temperature=n / 4) for n, id_ in enumerate(ids)))
    async with house.running():
        client = await drive(house)
        found = [path.removeprefix("/uncached/bus.0/") for path in await client.list("/uncached/bus.0")]
        assert [id_ for id_ in ids if id_ not in found] == []
        assert await client.write("/simultaneous/temperature", "1") == 0
        await anyio.sleep(0.02)
        for n, id_ in enumerate(ids):
            assert await client.read(f"/uncached/{id_}/latesttemp") == f"{n / 4:g}"


async def test_alarms_are_seen_and_acknowledged(drive, again):
    house = House.parse(BUS + device("29.000000000001") + device("29.000000000002") + device(ONE, temperature=40.0))
    async with house.running():
        client = await drive(house)
        for number in (1, 2):
            switch = f"/29.00000000000{number}"
            assert await client.write(f"{switch}/set_alarm", "133333333") == 0
            assert await client.write(f"{switch}/latch.BYTE", "0") == 0
            assert await client.write(f"{switch}/por", "0") == 0
        assert await client.list("/uncached/alarm") == []
        house.set("29.000000000002", "sensed_4", 0)
        assert await client.list("/uncached/alarm") == ["/uncached/alarm/29.000000000002"]
        assert await client.read("/uncached/29.000000000002/latch.BYTE") == "16"
        assert await client.write("/29.000000000002/latch.BYTE", "16") == 0
        assert await client.list("/uncached/alarm") == []
        assert await client.write(f"/{ONE}/temphigh", "35") == 0
        assert await client.read(f"/uncached/{ONE}/temperature") == "40"
        assert await client.list("/uncached/alarm") == [f"/uncached/alarm/{ONE}"]


async def test_hub_branches_are_listed_and_read(drive, again):
    house = House.parse(
        BUS
        + device(HUB)
        + device(ONE, temperature=11.0)
        + device("28.00000000000B", under=f"{HUB}:main", temperature=33.0)
        + device("28.00000000000C", under=f"{HUB}:aux", temperature=44.0)
        + device("1F.00000000000D", under=f"{HUB}:aux")
        + device("3A.00000000000E", under="1F.00000000000D:main", sensed_a=0)
    )
    async with house.running():
        client = await drive(house)
        for _ in range(3):
            assert f"/uncached/{HUB}/main/28.00000000000B" in await client.list(f"/uncached/{HUB}/main")
            assert f"/uncached/{HUB}/main/28.00000000000C" not in await client.list(f"/uncached/{HUB}/main")
            assert await client.read(f"/uncached/{HUB}/main/28.00000000000B/temperature") == "33"
            assert await client.read(f"/uncached/{HUB}/aux/28.00000000000C/temperature") == "44"
            assert await client.read(f"/uncached/{ONE}/temperature") == "11"
            deep = f"/uncached/{HUB}/aux/1F.00000000000D/main/3A.00000000000E"
            assert await client.read(f"{deep}/sensed.ALL") == "0,1"
            top = [path for path in await client.list("/uncached/bus.0") if "/28." in path]
            assert top == [f"/uncached/bus.0/{ONE}"]
        await house.unplug(HUB)
        assert await client.list(f"/uncached/bus.0/{HUB}/main") == -5


async def test_one_owserver_drives_several_adapters(start_owserver, connect):
    cellar = "".join((BUS, device("28.000000000002", temperature=8.5))).replace("attic", "cellar")
    house = House.parse(BUS + device(ONE, temperature=21.5) + cellar)
    async with house.running():
        adapters = [word for bus in ("attic", "cellar") for word in ("-d", house.url(bus))]
        port = await anyio.to_thread.run_sync(start_owserver, *adapters)
        client = await connect(f"owserver://127.0.0.1:{port}")
        for channel, id_, temperature in ((0, ONE, "21.5"), (1, "28.000000000002", "8.5")):
            folder = f"/uncached/bus.{channel}"
            assert [path for path in await client.list(folder) if "/28." in path] == [f"{folder}/{id_}"]
            assert await client.read(f"{folder}/{id_}/temperature") == temperature


@pytest.mark.soak
async def test_eprom_is_written(drive):
    house = House.parse(BUS + device("12.000000000001"))
    async with house.running():
        client = await drive(house)
        assert await client.write("/settings/timeout/serial", "1") == 0  # it waits for an answer to F1, which has none
        assert await client.write("/12.000000000001/pages/page.1", "A") == 0
        assert (await client.ask(2, b"/uncached/12.000000000001/pages/page.1\0", size=2)).payload == b"A\xff"


class TestFaults:
    """What clients of a real owserver get to see of them."""

    @pytest.fixture
    async def house(self):
        house = House.parse(BUS + device(ONE, temperature=21.5) + device("28.000000000002", temperature=22.0))
        async with house.running():
            yield house

    @staticmethod
    def temperature(client, id_=ONE):
        """With nine bits, since owserver waits only a tenth of a second for those that it can't ask."""
        return client.read(f"/uncached/{id_}/temperature9")

    @pytest.mark.parametrize(
        ("kind", "seen"),
        [("stuck_85", "85"), ("bad_crc", -22), pytest.param("brown_out", "85", marks=pytest.mark.soak)],
    )
    async def test_a_sick_device(self, house, drive, kind, seen, again):
        client = await drive(house)
        fault = await house.fault(kind, target=ONE)
        assert await self.temperature(client) == seen
        assert await self.temperature(client, "28.000000000002") == "22"
        await house.end_fault(fault)
        assert await self.temperature(client) == "21.5"

    async def test_bad_checksums_are_counted(self, house, drive):
        client = await drive(house)
        before = int(await client.read("/statistics/errors/CRC8_errors"))
        await house.fault("bad_crc", target=ONE)
        await self.temperature(client)
        assert int(await client.read("/statistics/errors/CRC8_errors")) > before

    async def test_a_lost_slave_comes_back(self, house, drive):
        client = await drive(house)
        assert f"/uncached/bus.0/{ONE}" in await client.list("/uncached/bus.0")
        await house.unplug(ONE)
        assert f"/uncached/bus.0/{ONE}" not in await client.list("/uncached/bus.0")
        assert await client.read(f"/uncached/bus.0/{ONE}/latesttemp") == -22
        await house.plug(ONE)
        assert f"/uncached/bus.0/{ONE}" in await client.list("/uncached/bus.0")
        assert await self.temperature(client) == "21.5"

    @pytest.mark.soak
    async def test_a_slow_conversion_outlasts_the_patience(self, house, drive):
        client = await drive(house)
        await house.fault("slow_conversion", target=ONE, factor=1000.0)
        assert await self.temperature(client) == "85"

    @pytest.mark.parametrize("kind", ["short_circuit", pytest.param("no_presence", marks=pytest.mark.soak)])
    async def test_a_broken_line(self, house, drive, kind):
        client = await drive(house)
        assert await self.temperature(client) == "21.5"
        fault = await house.fault(kind, target="attic")
        assert await client.read(f"/uncached/bus.0/{ONE}/temperature9") in (-5, -22)
        await house.end_fault(fault)
        await until(lambda: self.temperature(client), "21.5")

    @pytest.mark.soak
    async def test_bits_that_flip(self, house, drive):
        client = await drive(house)
        fault = await house.fault("bit_errors", target="attic", rate=0.02)
        readings = [await client.read(f"/uncached/bus.0/{ONE}/latesttemp") for _ in range(20)]
        assert house.adapter("attic").line.traffic.flipped > 0
        assert -22 in readings  # a wrong value with a right checksum comes through now and then
        await house.end_fault(fault)
        await until(lambda: self.temperature(client), "21.5")

    @pytest.mark.soak
    async def test_two_devices_of_one_id(self, house, drive):
        client = await drive(house)
        fault = await house.fault("address_collision", target=ONE, values={"temperature": -10.0})
        assert await self.temperature(client) == -22
        await house.end_fault(fault)
        assert await self.temperature(client) == "21.5"

    @pytest.mark.soak
    async def test_noise_on_the_serial_line(self, house, drive):
        client = await drive(house)
        for _ in range(5):
            await house.fault("noise", target="attic", length=3)
            assert await self.temperature(client) == "21.5"

    async def test_an_adapter_that_is_pulled_and_plugged_in_again(self, house, drive):
        client = await drive(house)
        assert await self.temperature(client) == "21.5"
        url = house.url("attic")
        await house.unplug("attic")
        assert not os.path.lexists(url)
        assert (await client.read(f"/uncached/bus.0/{ONE}/temperature9")) < 0
        await house.plug("attic")
        assert house.url("attic") == url
        await until(lambda: client.read(f"/uncached/bus.0/{ONE}/temperature9"), "21.5")

    @pytest.mark.soak
    async def test_an_adapter_that_loses_its_settings(self, house, drive):
        client = await drive(house)
        assert await self.temperature(client) == "21.5"
        await house.fault("restart", target="attic")
        await until(lambda: self.temperature(client), "21.5")
