"""asyncowfs and aio-ownet, as they are, against the simulator with a device of each family; in real time."""

import importlib
import math

import anyio
import pytest

from hwsim import House
from hwsim.onewire.families import FAMILIES, PARTS

pytestmark = pytest.mark.realpart

IDS = {name: f"{part.family:02X}.0000000000{number:02X}" for number, (name, part) in enumerate(PARTS.items())}
HUB = IDS["DS2409"]
BEHIND_HUB = "28.0000000000FF"


def scenario():
    """One of each part, half of them on the second wire, and a thermometer behind the hub."""
    text = '[[bus]]\nname = "b"\nconversion_scale = 0.05\nchannels = 2\n'
    for number, (name, id_) in enumerate(IDS.items()):
        text += f'[[device]]\nbus = "b"\nid = "{id_}"\npart = "{name}"\nchannel = {number % 2}\n'
        text += "temperature = 21.5\n" if "temperature" in PARTS[name].ranges else ""
    channel = list(IDS).index("DS2409") % 2
    return text + f'[[device]]\nbus = "b"\nid = "{BEHIND_HUB}"\nunder = "{HUB}:aux"\nchannel = {channel}\n'


@pytest.fixture
async def house():
    house = House.parse(scenario())
    async with house.running():
        yield house


@pytest.fixture
def port(house):
    return int(house.url("b").rsplit(":", 1)[1])


class TestAsyncowfs:
    """Builds its classes from /structure, pipelines on one connection, and reconnects by itself."""

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request):
        return request.param

    @pytest.fixture
    async def owfs(self, port):
        async with importlib.import_module("asyncowfs").OWFS() as owfs:
            owfs.server = await owfs.add_server("127.0.0.1", port)
            yield owfs

    async def device(self, owfs, id_):
        (found,) = [device for device in owfs.devices if device.id.startswith(id_)]
        return found

    async def test_its_scan_finds_all_on_both_wires_and_behind_the_hub(self, owfs):
        paths = {device.id[:15]: device.bus.path for device in owfs.devices}
        hub_bus = f"bus.{list(IDS).index('DS2409') % 2}"
        assert set(paths) == {*IDS.values(), BEHIND_HUB}
        (hub,) = [device.id for device in owfs.devices if device.id.startswith("1F.")]
        assert paths[BEHIND_HUB] == (hub_bus, hub, "aux")

    @pytest.mark.parametrize("family", [f"{family:02X}" for family in FAMILIES])
    async def test_what_its_structure_says_can_be_read(self, owfs, family):
        devices = [device for device in owfs.devices if device.id.startswith(f"{family}.")]
        simple = [name for name, field in type(devices[0]).fields.items() if field[1] is None and field[3][0] == "r"]
        assert {"address", "alias", "type", "family", "locator"} <= set(simple)
        for device in devices:
            values = {name: await getattr(device, f"get_{name}")() for name in simple if name != "thermocouple"}
            assert values["family"] == family
            assert values["type"] == FAMILIES[int(family, 16)].part
            assert not any(math.isnan(value) for value in values.values() if isinstance(value, float))

    async def test_arrays_and_folders(self, house, owfs):
        switch = await self.device(owfs, IDS["DS2408"])
        await switch.set_PIO(3, True)
        assert await switch.PIO_all == [False, False, False, True, False, False, False, False]
        converter = await self.device(owfs, IDS["DS2450"])
        house.device(IDS["DS2450"]).set("volt_c", 2.5)
        assert (await converter.volt_all)[2] == pytest.approx(2.5, abs=0.001)
        await converter.set_alarm.set_voltlow(2, 3.0)
        assert await converter.set_alarm.voltlow[2] == pytest.approx(3.0)
        assert await converter.alarm.low_all == [False, False, False, False]

    async def test_many_requests_at_once_on_one_connection(self, house, owfs):
        answers = {}

        async def read(device):
            answers[device.id[:15]] = await device.attr_get("family")

        async with anyio.create_task_group() as tasks:
            for device in owfs.devices:
                tasks.start_soon(read, device)
        assert answers == {id_: id_[:2].encode() for id_ in [*IDS.values(), BEHIND_HUB]}
        assert house.traffic["b"].open_connections == 1

    async def test_it_polls_temperatures_with_simultaneous_conversions(self, house, owfs):
        thermometer = await self.device(owfs, IDS["DS18S20"])
        async with owfs.events as events:
            with anyio.fail_after(20):
                await thermometer.set_polling_interval("temperature", 0.05)
                async for event in events:
                    if getattr(event, "attribute", None) == "temperature":
                        break
        assert event.value == 21.5
        assert any("simultaneous" in write.path for write in house.traffic["b"].writes)

    async def test_it_widens_the_limits_of_a_thermometer_in_alarm(self, owfs):
        thermometer = await self.device(owfs, IDS["DS18S20"])
        await thermometer.set_temphigh(20)
        await thermometer.temperature
        async with owfs.events as events:
            for id_ in (IDS["DS2408"], IDS["DS2450"]):  # both report their power-on, and it has no code for that
                sleeper = await self.device(owfs, id_)
                await (sleeper.set_por(False) if "29." in id_ else sleeper.set_alarm.set_high_all([False] * 4))
            await thermometer.bus.poll("alarm")
            with anyio.fail_after(5):
                async for event in events:
                    if type(event).__name__ == "DeviceAlarm" and event.device.id == thermometer.id:
                        break
        assert await thermometer.temphigh == 23

    async def test_it_asks_again_when_the_server_hangs_up(self, house, owfs):
        """It does not outlive a server that refuses connections for a moment: its own error handling ends it."""
        switch = await self.device(owfs, IDS["DS2413"])
        await house.fault("close", target="b", where="before", count=1)
        with anyio.fail_after(20):
            assert await switch.attr_get("family") == b"3A"
        assert house.traffic["b"].connections == 2


class TestAioOwnet:
    """What Home Assistant uses: a new connection for each request, on asyncio only."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture
    async def proxy(self, port):
        proxy = importlib.import_module("aio_ownet.proxy").OWServerStatelessProxy("127.0.0.1", port)
        await proxy.validate()
        return proxy

    @pytest.fixture
    def errors(self):
        return importlib.import_module("aio_ownet.exceptions")

    async def test_the_discovery_of_home_assistant(self, proxy):
        found = {}
        for path in await proxy.dir("/"):
            found[path.strip("/")] = (await proxy.read(f"{path}type"), await proxy.read(f"{path}family"))
        types = {name: FAMILIES[part.family].part for name, part in PARTS.items()}
        assert found == {id_: (types[name].encode(), id_[:2].encode()) for name, id_ in IDS.items()}
        assert await proxy.dir(f"/{HUB}/aux") == [f"/{HUB}/aux/{BEHIND_HUB}/"]
        assert await proxy.dir(f"/{HUB}/main") == []

    async def test_reading_and_writing(self, proxy):
        assert float(await proxy.read(f"/{IDS['DS28EA00']}/temperature")) == 21.5
        await proxy.write(f"/{IDS['DS2405']}/PIO", b"1")
        assert await proxy.read(f"/uncached/{IDS['DS2405']}/sensed") == b"0"

    async def test_errors_have_the_words_of_the_server(self, proxy, errors):
        with pytest.raises(errors.OWServerReturnError, match="command line parameters invalid"):
            await proxy.read("/28.0000000000AA/temperature")
        with pytest.raises(errors.OWServerReturnError, match=r"[Nn]ot supported"):
            await proxy.write(f"/{IDS['DS2401']}/type", b"1")

    async def test_it_waits_through_signs_of_life(self, house, proxy):
        await house.fault("keepalives", target="b", frames=3)
        assert await proxy.read(f"/{IDS['DS2401']}/family") == b"01"

    async def test_it_notices_a_server_that_is_gone(self, house, proxy, errors):
        fault = await house.fault("restart", target="b", duration=3600.0)
        with pytest.raises(errors.OWServerConnectionError):
            await proxy.read(f"/{IDS['DS2401']}/family")
        await house.end_fault(fault)
        assert await proxy.read(f"/{IDS['DS2401']}/family") == b"01"

    @pytest.mark.parametrize("where", ["before", "header", "payload"])
    async def test_it_notices_a_torn_answer(self, house, proxy, errors, where):
        await house.fault("close", target="b", where=where, count=1)
        with pytest.raises(errors.OWServerShortReadError):
            await proxy.read(f"/{IDS['DS2401']}/family")
