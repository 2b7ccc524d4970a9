"""The driver and Debian's owserver, with devices that it makes up."""

import os
import shutil
import signal
import socket
import subprocess
import time

import anyio.to_thread
import pytest
from busgate_onewire.families import FAMILIES, from_structure
from busgate_onewire.inventory import channels
from pyownet import protocol

from gateway.errors import InterfaceDown, NoSuchAttribute, WriteRefused
from hwsim import House

pytestmark = pytest.mark.realpart


class RealOwserver:
    """One that can be killed and started again on the same port."""

    def __init__(self, *arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.arguments = arguments
        self.start()

    @property
    def url(self):
        return f"owserver://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            ["owserver", "--foreground", *self.arguments, "-p", f"127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                return protocol.proxy("127.0.0.1", self.port)
            except protocol.ConnError:
                assert self.process.poll() is None, "owserver has ended"
                assert time.monotonic() < deadline, "owserver does not answer"
                time.sleep(0.02)

    def kill(self):
        """SIGTERM would wait for its clients."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def owserver():
    """Start a real one: ``owserver("--tester=28,3A")``; killed in the end."""
    if shutil.which("owserver") is None:
        assert os.environ.get("CI") != "true", "Debian's package owserver is needed"
        pytest.skip("Debian's package owserver is not installed")
    running = []

    def start(*arguments):
        running.append(RealOwserver(*arguments))
        return running[-1]

    yield start
    for server in running:
        server.kill()


async def test_it_finds_and_reads_what_is_there(owserver, open_bus):
    server = owserver("--tester=DS18B20,DS2408,DS2413,DS2423", "--fake=10,26")
    async with open_bus(server.url) as bus:
        found = {device.id: device for device in await bus.scan()}
        assert sorted(device.kind for device in found.values()) == [
            "DS18B20",
            "DS18S20",
            "DS2408",
            "DS2413",
            "DS2423",
            "DS2438",
        ]
        assert {device.details["channel"] for device in found.values()} == {"bus.0", "bus.1"}
        wanted = [(id_, name) for id_, device in found.items() for name in device.readable]
        readings = await bus.read_many(wanted)
        assert len(wanted) > 80
        strange = [(w, r) for w, r in zip(wanted, readings, strict=True) if r.quality not in ("ok", "suspect")]
        assert strange == []
        assert await bus.scan(alarmed=True) == []
        assert bus.health()["CRC8_errors"] == 0


WIRE = """
[[bus]]
name = "attic"
kind = "ds2480b"
conversion_scale = 0.02
[[device]]
bus = "attic"
id = "28.000000000001"
temperature = 21.5
[[device]]
bus = "attic"
id = "28.000000000002"
temperature = -10.0625
power = "parasite"
[[device]]
bus = "attic"
id = "29.000000000003"
[[device]]
bus = "attic"
id = "1F.000000000004"
[[device]]
bus = "attic"
id = "10.000000000005"
under = "1F.000000000004:aux"
temperature = 40.5
"""


async def test_it_goes_all_the_way_down_to_a_wire(owserver, open_bus):
    """Driver, real owserver, serial adapter, time slots, silicon; the last three are simulated."""
    house = House.parse(WIRE)
    async with house.running():
        server = await anyio.to_thread.run_sync(owserver, "-d", house.url("attic"))
        async with open_bus(server.url) as bus:
            assert {device.id for device in await bus.scan()} == {slave.id for slave in house.devices()}
            thermometers = ["28.000000000001", "28.000000000002", "10.000000000005"]
            readings = await bus.read_many([(id_, "temperature") for id_ in thermometers])
            assert [(r.value, r.quality) for r in readings] == [(21.5, "ok"), (-10.0625, "ok"), (40.5, "ok")]
            await bus.write("29.000000000003", "PIO.3", True)
            assert not (await bus.read("29.000000000003", "sensed.3")).value
            await house.fault("bad_crc", target="28.000000000001")
            assert (await bus.read("28.000000000001", "temperature")).quality == "stale"  # "crc" when it goes on
            await house.unplug("28.000000000002")
            assert "28.000000000002" not in {device.id for device in await bus.scan()}
            assert bus.health()["CRC8_errors"] > 0
            await house.plug("28.000000000002")
            assert (await bus.read("28.000000000002", "temperature")).value == -10.0625


async def test_a_hub_that_shows_itself_on_its_branches_has_an_end(owserver, open_bus):
    async with open_bus(owserver("--tester=DS18B20,DS2409,DS2409").url) as bus:
        found = await bus.scan()
        assert sorted(device.kind for device in found) == ["DS18B20", "DS2409", "DS2409"]
        assert all(device.details["path"].count("/") == 2 for device in found)


async def test_errors_are_told_in_words(owserver, open_bus):
    async with open_bus(owserver("--tester=DS18B20,DS2408").url) as bus:
        thermometer, switch = await bus.scan()
        with pytest.raises(NoSuchAttribute, match="has no attribute 'foo'"):
            await bus.read(thermometer.id, "foo")
        with pytest.raises(WriteRefused, match="read-only"):
            await bus.write(thermometer.id, "temperature", 5)
        with pytest.raises(NoSuchAttribute, match=r"has no attribute 'PIO.8'"):
            await bus.write(switch.id, "PIO.8", True)
        assert (await bus.read("28.AAAAAAAAAAAA", "temperature")).quality == "absent"


async def test_a_device_keeps_its_id_when_somebody_names_it(owserver, open_bus):
    server = owserver("--tester=DS18B20")
    async with open_bus(server.url) as bus:
        (device,) = await bus.scan()
        await bus.write(device.id, "alias", "Küche")
        (named,) = await bus.scan()
        assert (named.id, named.details["alias"]) == (device.id, "Küche")
        by_alias, by_id = await bus.read_many([("Küche", "temperature"), (device.id, "temperature")])
        assert by_alias.quality == by_id.quality == "ok"


async def test_a_family_outside_of_the_table_is_learnt_from_the_server(owserver, open_bus):
    async with open_bus(owserver("--tester=30").url) as bus:
        (device,) = await bus.scan()
        assert device.kind
        assert {"temperature", "volt", "current"} <= set(device.readable)
        readings = await bus.read_many([(device.id, "temperature"), (device.id, "volt")])
        assert [(r.unit, r.quality) for r in readings] == [("°C", "ok"), ("V", "ok")]


async def test_it_is_killed_and_comes_back(owserver, open_bus):
    server = owserver("--tester=DS18B20")
    async with open_bus(server.url) as bus:
        (device,) = await bus.scan()
        assert (await bus.read(device.id, "temperature")).quality == "ok"
        server.kill()
        with pytest.raises(InterfaceDown, match="can't connect: connection refused"):
            await bus.read(device.id, "temperature")
        await anyio.to_thread.run_sync(server.start)
        assert (await bus.read(device.id, "temperature")).quality == "ok"


async def test_it_is_stopped_and_goes_on(owserver, open_bus):
    server = owserver("--tester=DS18B20")
    async with open_bus(server.url) as bus:
        (device,) = await bus.scan()
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(InterfaceDown, match="no answer"):
            await bus.read(device.id, "temperature")
        assert time.monotonic() - began < 5
        server.process.send_signal(signal.SIGCONT)
        assert (await bus.read(device.id, "temperature")).quality == "ok"


async def test_a_hundred_thermometers_out_of_the_cache(owserver, open_bus):
    async with open_bus(owserver("--tester=" + ",".join(["28"] * 100)).url) as bus:
        found = await bus.scan()
        assert len(found) == 100
        readings = await bus.read_many([(device.id, "cached/temperature") for device in found])
        single = [await bus.read(device.id, "cached/temperature") for device in found]
        assert [r.value for r in readings] == [r.value for r in single]


def test_the_table_of_families_says_what_the_server_says(owserver):
    link = protocol.proxy("127.0.0.1", owserver("--tester=DS18B20").port, persistent=True)
    wrong = []
    for code, family in FAMILIES.items():
        for ours in family.attributes:
            line = link.read(f"/structure/{code}/{ours.name}", timeout=5).decode()
            theirs = from_structure(ours.name, line)
            if theirs is None or (ours.form, ours.access, ours.change) != (theirs.form, theirs.access, theirs.change):
                wrong.append((code, ours, line))
    assert wrong == []
    assert channels(b"/bus.0/") == ["bus.0"]
