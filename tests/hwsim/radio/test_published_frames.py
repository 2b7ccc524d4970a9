"""What the authors of three client libraries have published, through the simulated air, read by those libraries.

The frames of the RFXtrx are from the tests of pyRFXtrx 0.34, the lines from the RFLink Protocol Reference and the
samples of rflink 0.0.68, the packets from the ESP3 specification and the tests of enocean 0.60.
"""

import anyio
import pytest
import RFXtrx
from enocean.protocol.constants import PACKET, PARSE_RESULT, RORG
from enocean.protocol.packet import Packet
from rflink.parser import decode_packet, deserialize_packet_id, encode_packet, packet_events
from RFXtrx import lowlevel

from hwsim import House

HOUSE = """
[air]
jitter = 0
rssi = -72
[[bus]]
name = "attic"
kind = "rfxtrx"
[[bus]]
name = "link"
kind = "rflink"
[[bus]]
name = "dolphin"
kind = "enocean"
base_id = "FF9C8000"
"""
RFXTRX = """
0710002a45050170 0a1400adf394ab01100060 0a1401adf394ab01100060 0a1405adf394ab01100060
09190000009ba8010100 0c1a00000a0001010300000003 0a4e0106fcd80013001379 0a4e011f6fe10018001f79
15600103077d20068611003a92c900000000014a0279 091e00000a0b42010101 0b11002a0123456705020870 0812002a0134021579
09190200009ba8010500 09030104280ab7660470 0a520211700200a72d0089 0b5502031234025001234579 082004bc8ab6ff0659
"""
RFLINK = """
20;03;Cresta;ID=8301;WINDIR=0005;WINSP=0000;WINGS=0000;WINTMP=00c3;WINCHL=00c3;BAT=LOW;
20;07;AB400D;ID=41;SWITCH=1;CMD=ON;
20;2D;UPM/Esic;ID=0001;TEMP=00cf;HUM=16;BAT=OK;
20;6A;UPM/Esic;ID=1002;WINSP=0041;WINDIR=5A;BAT=OK;
20;31;Mebus;ID=c201;TEMP=00cf;
20;A2;Auriol V2;ID=008f;TEMP=00a3;BAT=LOW;
20;0C;Cresta;ID=8001;RAIN=001c;
20;36;Alecto V1;ID=ec02;TEMP=00d1;HUM=14;
20;e5;Oregon BTHR;ID=5a6d;TEMP=00be;HUM=40;BARO=03d7;BAT=OK;
20;83;Oregon Rain2;ID=2a19;RAIN=002a;RAINTOT=0054;BAT=OK;
20;32;Oregon Wind;ID=1a89;WDIR=0045;WINSP=0068;AWINSP=0050;BAT=OK;
20;ba;Oregon UVN128/138;ID=ea7c;UV=0030;BAT=OK;
20;FC;Plieger York;ID=dd01;CHIME=02;
20;12;Pir;ID=aa66;PIR=ON;
20;63;SmokeAlert;ID=123456;SMOKEALERT=ON;
20;E0;NewKaku;ID=cac142;SWITCH=1;CMD=ALLOFF;
20;0C;HomeEasy;ID=7900b200;SWITCH=0b;CMD=ALLON;
20;AD;FA500;ID=0d00b900;SWITCH=0001;CMD=UNKOWN;
20;04;Eurodomest;ID=03696b;SWITCH=07;CMD=ALLOFF;
20;41;Conrad RSL2;ID=010002;SWITCH=03;CMD=ON;
20;47;Blyss;ID=ff98;SWITCH=A1;CMD=ON;
20;39;RTS;ID=1a602a;SWITCH=01;CMD=DOWN;
20;01;MiLightv1;ID=F746;SWITCH=00;RGBW=3c00;CMD=ON;
"""
ESP3 = """
55000F07012BD2DDDDDDDDDDDDDDDDDD008035C40003FFFFFFFF4D0036
55000A0701EBA5000055080181B7440001FFFFFFFF2D0075
"""


def tape(stick, frame):
    return {"kind": "frame", "name": f"tape {stick} {frame[:12]}", "stick": stick, "frame": frame}


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running(ptys=False):
        yield house


async def played(house, host, stick, frame):
    """What the host gets when this is on the air."""
    host.take()
    name = house.add_radio(**tape(stick, frame)).name
    await house.press(name)
    await anyio.sleep(0.5)
    return host.take()


async def test_frames_of_the_rfxtrx(house, started):
    host = await started(house, "attic")
    await host.ask(bytes.fromhex("0D000005 03 531C FFFFFFFF 000000"))
    for text in RFXTRX.split():
        published = RFXtrx.RFXtrxTransport.parse(bytearray.fromhex(text))
        event = RFXtrx.RFXtrxTransport.parse(bytearray(await played(house, host, "rfxtrx", text)))
        assert event is not None, text
        assert published is not None, text
        assert (type(event), str(event.device)) == (type(published), str(published.device))
        heard, told = [dict(vars(each).get("values", {})) for each in (event, published)]
        assert heard.pop("Rssi numeric", 6) in {6, told.pop("Rssi numeric", None)}, "-72 dBm, if it has any"
        assert heard == told


async def test_lines_of_rflink(house, hosts):
    host = await hosts(house, "link")
    await anyio.sleep(2)
    for line in RFLINK.split("\n")[1:-1]:
        heard = (await played(house, host, "rflink", line)).decode()
        assert heard.endswith("\r\n")
        assert list(packet_events(decode_packet(heard.strip()))) == list(packet_events(decode_packet(line)))


async def test_packets_of_enocean(house, hosts):
    host = await hosts(house, "dolphin")
    await anyio.sleep(1)
    for text in ESP3.split():
        _, _, published = Packet.parse_msg(bytearray.fromhex(text))
        result, rest, packet = Packet.parse_msg(bytearray(await played(house, host, "enocean", text)))
        assert (result, list(rest)) == (PARSE_RESULT.OK, [])
        assert (packet.data, packet.dBm) == (published.data, -72)


class Transport:
    """Keeps what pyRFXtrx wants to be sent."""

    def __init__(self):
        self.sent = []

    def send(self, data):
        self.sent.append(bytes(data))


@pytest.mark.parametrize(
    ("kind", "subtype", "id_", "commands"),
    [
        (0x10, 0x01, "E5", ["send_on", "send_off"]),
        (0x11, 0x00, "0c0ffee:4", ["send_on", "send_off"]),
        (0x12, 0x00, "f:3ff", ["send_on", "send_off"]),
        (0x14, 0x00, "f394ab:1", ["send_on", "send_off", "send_open", "send_close", "send_stop"]),
        (0x15, 0x00, "1234:A1", ["send_on", "send_off"]),
        (0x19, 0x00, "009ba8:1", ["send_open", "send_close", "send_stop"]),
        (0x1A, 0x00, "0a0001:1", ["send_open", "send_close", "send_stop", "send_up2sec"]),
        (0x1E, 0x00, "0a0b:4201", ["send_on", "send_off", "send_alloff"]),
    ],
)
async def test_commands_of_pyrfxtrx(house, started, kind, subtype, id_, commands):
    host = await started(house, "attic")
    pkt = lowlevel.get_packet_with_id(kind, subtype, id_)
    assert pkt is not None
    device, transport = RFXtrx.get_device_from_pkt(pkt), Transport()
    for command in commands:
        getattr(device, command)(transport)
    for data in transport.sent:
        assert await host.ask(data, 2) == bytes([4, 2, 1, data[3], 0]), data.hex()
    assert len(house.air.log) == len(commands)


@pytest.mark.parametrize(
    "id_", ["newkaku_0000c6c2_1", "kaku_41_1", "eurodomest_03696b_07", "x10_000041_1", "rts_1a602a_0"]
)
@pytest.mark.parametrize("command", ["on", "off"])
async def test_commands_of_rflink(house, hosts, id_, command):
    host = await hosts(house, "link")
    await anyio.sleep(2)
    order = encode_packet({**deserialize_packet_id(id_), "command": command})
    assert (await host.ask(order.encode() + b"\r\n")).decode() == "20;01;OK;\r\n"


@pytest.mark.parametrize(
    ("rorg", "function", "kind", "values"),
    [
        (RORG.RPS, 0x02, 0x02, {"R1": 1, "EB": 1}),
        (RORG.BS1, 0x00, 0x01, {"CO": 0}),
        (RORG.BS4, 0x20, 0x01, {"CV": 50, "TMP": 21.5}),
        (RORG.VLD, 0x01, 0x01, {"command": 1, "DV": 0, "IO": 0, "OV": 50}),
    ],
)
async def test_commands_of_enocean(house, hosts, rorg, function, kind, values):
    host = await hosts(house, "dolphin")
    await anyio.sleep(1)
    host.take()
    order = Packet.create(
        PACKET.RADIO_ERP1, rorg=rorg, rorg_func=function, rorg_type=kind, sender=[0xFF, 0x9C, 0x80, 0x05], **values
    )
    _, _, answer = Packet.parse_msg(bytearray(await host.ask(bytes(order.build()))))
    assert (answer.packet_type, answer.response) == (PACKET.RESPONSE, 0)
    (entry,) = house.air.log
    assert [entry.content.rorg, *entry.content.data] == order.data[:-5]
