"""The house as others use it: endpoints, devices, schedule, restarts; in virtual time."""

import anyio
import pytest

from hwsim import House, HwsimError, PortInUse, QuantityError, ScenarioError, UnknownTarget

TWO = """
seed = 7
start = "15:00"
[[bus]]
name = "attic"
[[bus]]
name = "cellar"
[[device]]
bus = "attic"
id = "28.67C6697351FF"
alias = "kitchen"
temperature = { curve = "day", mean = 21.0, swing = 3.0 }
[[device]]
bus = "cellar"
id = "28.000000000001"
temperature = { curve = "walk", mean = 18.0, swing = 2.0 }
"""


async def test_each_bus_has_an_endpoint_while_the_house_runs(connect):
    house = House.parse(TWO)
    assert house.endpoints == []
    with pytest.raises(HwsimError, match="does not run"):
        house.url("attic")
    async with house.running():
        assert [(e.bus, e.kind, e.url) for e in house.endpoints] == [
            ("attic", "onewire", house.url("attic")),
            ("cellar", "onewire", house.url("cellar")),
        ]
        client = await connect(house.url("attic"))
        assert await client.read("/kitchen/temperature") == "24"
        assert await client.read("/28.000000000001/temperature") == -1, "that is on the other bus"
        url = house.url("attic")
    with pytest.raises(OSError, match=r"refused|failed"):
        await connect(url)


async def test_a_house_can_run_again():
    house = House.parse(TWO)
    for _ in range(2):
        async with house.running():
            with pytest.raises(RuntimeError, match="runs already"):
                async with house.running():
                    pass


async def test_an_error_within_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with House.parse(TWO).running():
            raise ZeroDivisionError


async def test_a_port_in_use_is_named_and_nothing_stays_open():
    house = House.parse(TWO)
    async with house.running():
        taken = house.url("cellar").rsplit(":", 1)[1]
        other = House.parse(TWO.replace('name = "cellar"', f'name = "cellar"\nport = {taken}'))
        with pytest.raises(PortInUse, match=rf"bus 'cellar' can't listen on 127\.0\.0\.1:{taken}: address already"):
            async with other.running():
                pass
    async with other.running():
        assert other.url("cellar").endswith(taken)


async def test_two_runs_of_a_scenario_read_the_same():
    async def readings():
        house = House.parse(TWO)
        async with house.running():
            await anyio.sleep(5000)
            return house.device("28.000000000001").get("temperature")

    assert await readings() == await readings()


async def test_fast_motion(connect):
    house = House.parse("speed = 3600.0\n" + TWO)
    async with house.running():
        assert house.device("kitchen").get("temperature") == pytest.approx(24.0)
        await anyio.sleep(12)
        assert house.device("kitchen").get("temperature") == pytest.approx(18.0)


async def test_devices_are_found_by_any_form_of_their_id_or_alias():
    house = House.parse(TWO)
    device = house.device("28.67C6697351FF")
    assert house.device("2867c6697351ff") is device
    assert house.device("28.67C6697351FF.68") is device
    assert house.device("kitchen") is device
    with pytest.raises(UnknownTarget, match="did you mean 'kitchen'"):
        house.device("kitchn")


async def test_devices_come_and_go(connect):
    house = House.parse(TWO)
    async with house.running():
        client = await connect(house.url("cellar"))
        device = house.add_device(bus="cellar", id="3A.000000000002", sensed_a=0)
        assert await client.read("/3A.000000000002/sensed.ALL") == "0,1"
        device.set("sensed_a", 1)
        assert await client.read("/uncached/3A.000000000002/sensed.ALL") == "1,1"
        house.remove_device("3A.000000000002")
        assert await client.read("/3A.000000000002/type") == -22
        assert "/uncached/3A.000000000002" not in await client.list("/uncached")


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"bus": "cellar", "id": "28.000000000001"}, ValueError, "already"),
        ({"bus": "celar", "id": "28.000000000003"}, UnknownTarget, "did you mean 'cellar'"),
        ({"bus": "cellar", "id": "28.000000000003", "tmp": 3}, ScenarioError, "device: tmp: a DS18B20 has no such key"),
        ({"bus": "cellar", "id": "28.000000000003", "under": "1F.000000000009:aux"}, UnknownTarget, "1F.000000000009"),
        ({"bus": "cellar", "id": "28.000000000003", "channel": 4}, ValueError, "no channel 4"),
    ],
)
def test_a_device_that_can_not_be_added(keys, error, message):
    with pytest.raises(error, match=message):
        House.parse(TWO).add_device(**keys)


def test_a_device_is_changed_before_the_house_runs():
    device = House.parse(TWO).device("kitchen")
    device.set("temperature", 31.5)
    assert device.get("temperature") == 31.5
    with pytest.raises(QuantityError):
        device.set("humidity", 3)


async def test_faults_happen_when_the_scenario_says():
    house = House.parse(
        TWO
        + """
[[fault]]
at = 30.0
for = 5.0
kind = "unplug"
target = "28.67C6697351FF"
[[fault]]
at = 10.0
every = 20.0
kind = "power_cycle"
target = "28.000000000001"
"""
    )
    async with house.running():
        device = house.device("kitchen")
        seen = []
        for _ in range(12):
            await anyio.sleep(4)
            seen.append(device.connected)
        assert seen == [True] * 7 + [False] + [True] * 4
        began = sorted((round(fault.began), fault.kind, round(fault.ended or 0)) for fault in house.faults)
        assert began == [(10, "power_cycle", 10), (30, "power_cycle", 30), (30, "unplug", 35)]


async def test_faults_need_a_running_house():
    with pytest.raises(HwsimError, match="does not run"):
        await House.parse(TWO).fault("restart", target="attic")


async def test_hubs_may_stand_behind_what_hangs_on_them(connect):
    house = House.parse(
        """
[[bus]]
name = "b"
[[device]]
bus = "b"
id = "28.000000000001"
under = "1F.000000000002:aux"
temperature = 7
[[device]]
bus = "b"
id = "1F.000000000002"
under = "1F.000000000003:main"
[[device]]
bus = "b"
id = "1F.000000000003"
"""
    )
    async with house.running():
        client = await connect(house.url("b"))
        path = "/1F.000000000003/main/1F.000000000002/aux/28.000000000001/temperature"
        assert await client.read(path) == "7"
        assert await client.read(f"/uncached/bus.0{path}") == "7"


async def test_a_clock_of_ones_own():
    class Stopped:
        def now(self):
            return 0.0

        async def sleep(self, seconds):
            await anyio.sleep_forever()

    house = House.parse(TWO, clock=Stopped())
    async with house.running():
        await anyio.sleep(3600)
        assert house.time.now() == 0
