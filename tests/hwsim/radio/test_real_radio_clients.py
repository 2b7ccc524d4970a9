"""Libraries and a command that were written for the real sticks, with their own transports, over terminals.

They block or use asyncio, so they run in threads and processes, in real time.
"""

import contextlib
import os
import queue
import subprocess
import sys
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest
import RFXtrx
from enocean.communicators import SerialCommunicator
from enocean.protocol.constants import PACKET, RORG
from enocean.protocol.packet import Packet, RadioPacket

from hwsim import House

HOUSE = """
[air]
jitter = 0
rssi = -64
[[bus]]
name = "attic"
kind = "rfxtrx"
[[bus]]
name = "cellar"
kind = "rfxtrx"
[[bus]]
name = "link"
kind = "rflink"
[[bus]]
name = "dolphin"
kind = "enocean"
base_id = "FF9C8000"
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
unit = 3
[[device]]
kind = "weather"
name = "garden"
code = "oregon"
id = "1A2D"
temperature = -3.4
humidity = 81
interval = 1000000
[[device]]
kind = "contact"
name = "door"
code = "x10"
id = "BC8AB6"
[[device]]
kind = "remote"
name = "rocker"
code = "rps"
id = "01020304"
[[device]]
kind = "weather"
name = "bath"
code = "4bs"
id = "0180ABCD"
temperature = 20
humidity = 40
interval = 1000000
[[device]]
kind = "switch"
name = "lamp"
code = "vld"
id = "0180AAAA"
[[device]]
kind = "blind"
name = "blind"
code = "rts"
id = "1A602A"
"""
PATIENCE = 30


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


async def until(condition):
    """No event tells that a foreign process has opened a file, or that a stick has booted in real time."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)


in_thread = anyio.to_thread.run_sync


class RfxtrxClient:
    """pyRFXtrx, as Home Assistant uses it."""

    def __init__(self, path):
        self.events: queue.Queue[Any] = queue.Queue()
        self.transport = RFXtrx.PySerialTransport(path)
        self.core = RFXtrx.Connect(self.transport, self.events.put, modes=["ac", "arc", "oregon", "x10"])

    async def connect(self):
        await in_thread(self.core.connect, PATIENCE)
        assert isinstance(await self.event(), RFXtrx.ConnectionDone)

    async def event(self):
        return await in_thread(partial(self.events.get, timeout=PATIENCE))

    async def close(self):
        with contextlib.suppress(RFXtrx.RFXtrxTransportError):
            await in_thread(self.core.close_connection)


@pytest.fixture
async def rfxtrx(house):
    clients = []

    async def connect(name="attic"):
        clients.append(RfxtrxClient(house.url(name)))
        await clients[-1].connect()
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


class TestPyRfxtrx:
    async def test_the_handshake(self, rfxtrx):
        status = vars((await rfxtrx()).core)["_status"].device
        assert (status.type_string, status.firmware_version) == ("433.92MHz", 94)
        assert status.devices == ["ac", "arc", "oregon", "x10"]

    async def test_events_of_each_sender(self, house, rfxtrx):
        client = await rfxtrx()
        await house.press("hall", "level", level=9)
        event = await client.event()
        assert (event.device.type_string, event.device.id_string) == ("AC", "0ab12cd:3")
        assert (event.values["Command"], event.values["Dim level"]) == ("Set level", 62), "9 of 15 in its percent"
        assert event.values["Rssi numeric"] == 7, "-64 dBm"
        await house.press("garden")
        event = await client.event()
        assert event.values["Temperature"] == -3.4
        assert event.values["Humidity"] == 81
        assert event.values["Battery numeric"] == 9
        await house.press("door", "open")
        event = await client.event()
        assert event.device.type_string == "X10 Security"
        assert event.values["Sensor Status"] == "Alarm"

    async def test_two_hear_the_same_telegram(self, house, rfxtrx):
        first, second = await rfxtrx("attic"), await rfxtrx("cellar")
        await house.press("hall", "on")
        assert (await first.event()).device.id_string == (await second.event()).device.id_string
        assert {"attic", "cellar"} <= set(house.air.log[-1].heard_by)

    async def test_a_command_is_acknowledged_and_overheard(self, house, rfxtrx):
        first, second = await rfxtrx("attic"), await rfxtrx("cellar")
        lamp = RFXtrx.get_device(0x11, 0x00, "0c0ffee:1")
        await in_thread(lamp.send_on, first.transport)
        assert (await second.event()).values["Command"] == "On"
        assert [entry.sender for entry in house.air.log] == ["attic"]

    async def test_a_blind_goes_down(self, house, rfxtrx):
        client = await rfxtrx()
        await in_thread(RFXtrx.get_device(0x1A, 0x00, "1a602a:1").send_close, client.transport)
        await until(lambda: house.radio("blind").position)

    async def test_a_missing_acknowledgement_is_an_error(self, house, rfxtrx):
        client = await rfxtrx()
        await house.fault("no_ack", target="attic")
        with pytest.raises(RFXtrx.RFXtrxTransportError, match="No ACK received"):
            await in_thread(RFXtrx.get_device(0x11, 0x00, "0c0ffee:1").send_on, client.transport)

    async def test_unplug_is_noticed_and_the_same_path_works_again(self, house, rfxtrx):
        client = await rfxtrx()
        await house.unplug("attic")
        assert isinstance(await client.event(), RFXtrx.ConnectionLost)
        await house.plug("attic")
        again = await rfxtrx()
        await house.press("hall", "on")
        assert (await again.event()).device.id_string == "0ab12cd:3"

    async def test_short_answers_are_understood_too(self):
        house = House.parse('[[bus]]\nname = "old"\nkind = "rfxtrx"\nlong_answers = false\nfirmware_version = 71\n')
        async with house.running():
            client = RfxtrxClient(house.url("old"))
            await client.connect()
            assert vars(client.core)["_status"].device.firmware_version == 71
            await client.close()


class Rflink:
    """The command, in a process of its own."""

    def __init__(self, path):
        self.path = path

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "rflink", "-p", self.path, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    @staticmethod
    async def line(process):
        return (await in_thread(process.stdout.readline)).split()


class TestRflinkCommand:
    @pytest.fixture
    def command(self, house):
        return Rflink(house.url("link"))

    @pytest.fixture
    async def listening(self, house, command):
        """It prints events; the gateway has booted and knows that somebody listens."""
        with command.start() as process:
            await until(lambda: house.stick("link").port.opens and house.stick("link").listening)
            yield process
            process.kill()

    async def test_it_prints_events(self, house, command, listening):
        await house.press("hall", "on")
        lines = [await command.line(listening)]
        if lines[0][0] == "rflink":
            lines = [await command.line(listening)]  # the banner came first
        assert lines[0] == ["newkaku_00ab12cd_2", "on"]
        await house.press("garden")
        lines = [await command.line(listening) for _ in range(3)]
        assert lines == [
            ["oregontemphygro_1a2d_temp", "-3.4", "°C"],
            ["oregontemphygro_1a2d_hum", "81", "%"],
            ["oregontemphygro_1a2d_bat", "ok"],
        ]

    async def test_it_survives_rubbish(self, house, command, listening):
        await house.fault("torn", target="link", count=1)
        await house.press("hall", "on")
        await house.press("hall", "off")
        await house.press("hall", "off")
        lines = [await command.line(listening)]
        while lines[-1] != ["newkaku_00ab12cd_2", "off"]:
            lines.append(await command.line(listening))

    async def test_it_sends_and_waits_for_ok(self, house, command):
        await until(lambda: house.stick("link").listening)
        with command.start("on", "newkaku_00c0ffee_1") as process:
            assert await in_thread(process.wait, PATIENCE) == 0
            output = process.stdout.read()
        assert "timeout" not in output
        (entry,) = house.air.log
        assert (entry.sender, entry.content.house, entry.content.unit) == ("link", 0xC0FFEE, 1)
        assert house.stick("link").traffic.acknowledged == 1


class EnoceanClient:
    """The communicator; it reads in a thread of its own."""

    def __init__(self, path):
        self.communicator = SerialCommunicator(path)
        self.communicator.start()

    async def packet(self, kind):
        """The next packet of a kind; others are passed over."""
        while True:
            packet = await in_thread(partial(self.communicator.receive.get, timeout=PATIENCE))
            if packet.packet_type == kind:
                return packet

    async def close(self):
        self.communicator.stop()
        await in_thread(self.communicator.join)


class TestEnoceanCommunicator:
    @pytest.fixture
    async def client(self, house):
        # It boots in real time; the event that tells so would take the communicator's tries to find its base id.
        await until(lambda: house.stick("dolphin").port.lost)
        client = EnoceanClient(house.url("dolphin"))
        assert await in_thread(lambda: client.communicator.base_id) == [0xFF, 0x9C, 0x80, 0x00]
        await client.packet(PACKET.RESPONSE)
        yield client
        await client.close()

    async def test_events_of_each_sender(self, house, client):
        await house.press("bath")
        packet = await client.packet(PACKET.RADIO_ERP1)
        assert isinstance(packet, RadioPacket)
        packet.parse_eep(0x04, 0x01)
        assert packet.parsed["TMP"]["value"] == 20.0
        assert packet.parsed["HUM"]["value"] == 40.0
        assert (packet.sender_hex, packet.dBm) == ("01:80:AB:CD", -64)
        await house.press("rocker", "on")
        packet = await client.packet(PACKET.RADIO_ERP1)
        packet.parse_eep(0x02, 0x02)
        assert packet.rorg == RORG.RPS
        assert (packet.parsed["R1"]["raw_value"], packet.parsed["EB"]["raw_value"]) == (0, 1)

    async def test_teach_in_is_understood(self, house, client):
        await house.press("bath", "learn")
        packet = await client.packet(PACKET.RADIO_ERP1)
        assert packet.learn
        assert (packet.rorg_func, packet.rorg_type) == (0x04, 0x01)

    async def test_a_command_is_answered_by_the_device(self, house, client):
        order = Packet.create(
            PACKET.RADIO_ERP1,
            rorg=RORG.VLD,
            rorg_func=0x01,
            rorg_type=0x01,
            destination=[0x01, 0x80, 0xAA, 0xAA],
            sender=[0xFF, 0x9C, 0x80, 0x01],
            command=1,
            DV=0,
            IO=0,
            OV=100,
        )
        client.communicator.send(order)
        assert (await client.packet(PACKET.RESPONSE)).response == 0
        answer = await client.packet(PACKET.RADIO_ERP1)
        answer.select_eep(0x01, 0x01, command=4)
        answer.parse_eep()
        assert answer.parsed["OV"]["raw_value"] == 100
        assert answer.destination_hex == "FF:9C:80:01"
        assert house.radio("lamp").state["on"]

    async def test_a_foreign_sender_is_refused(self, client):
        order = RadioPacket.create(
            rorg=RORG.BS4, rorg_func=0x20, rorg_type=0x01, sender=[0x01, 0x02, 0x03, 0x04], CV=50
        )
        client.communicator.send(order)
        assert (await client.packet(PACKET.RESPONSE)).response == 3

    async def test_unplug_ends_its_thread(self, house, client):
        await house.unplug("dolphin")
        await in_thread(client.communicator.join, PATIENCE)
        assert not client.communicator.is_alive()
