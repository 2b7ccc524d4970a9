"""An EnOcean gateway as its host sees it; packets as in the ESP3 specification."""

import anyio
import pytest

from hwsim import House

STICK = '[[bus]]\nname = "dolphin"\nkind = "enocean"\nchip_id = "0401A2B3"\nbase_id = "FF9C8000"\n'
READ_BASE = bytes.fromhex("55 00 01 00 05 70 08 38")
READ_VERSION = bytes.fromhex("55 00 01 00 05 70 03 09")
RESET = bytes.fromhex("55 00 01 00 05 70 02 0E")
READY = bytes.fromhex("55 00 02 00 04 CA 04 00 54")
OK = bytes.fromhex("55 00 01 00 02 65 00 00")
WRONG_PARAM = bytes.fromhex("55 00 01 00 02 65 03 09")
NOT_SUPPORTED = bytes.fromhex("55 00 01 00 02 65 02 0E")
FOUR = '[[device]]\nkind = "weather"\nname = "bath"\ncode = "4bs"\nid = "0180ABCD"\n'


def crc8(data):
    value = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (value >> 7) ^ (byte >> bit & 1)
            value = (value << 1 & 0xFF) ^ (0x07 if carry else 0)
    return value


def packet(kind, data, optional=b""):
    head = len(data).to_bytes(2, "big") + bytes([len(optional), kind])
    body = data + optional
    return b"\x55" + head + bytes([crc8(head)]) + body + bytes([crc8(body)])


def order(sender, body="F6 10", status="30", optional="03 FF FF FF FF FF 00"):
    data = bytes.fromhex(body) + bytes.fromhex(sender) + bytes.fromhex(status)
    return packet(1, data, bytes.fromhex(optional))


@pytest.fixture
async def house():
    house = House.parse("[air]\njitter = 0\nrssi = -61\n" + STICK + FOUR)
    async with house.running(ptys=False):
        yield house


@pytest.fixture
async def host(house, hosts):
    host = await hosts(house, "dolphin")
    await anyio.sleep(0.2)
    assert host.take() == READY
    return host


async def test_the_base_id_and_how_often_it_can_change(host):
    assert await host.ask(READ_BASE) == packet(2, bytes.fromhex("00 FF 9C 80 00"), bytes([10]))


async def test_the_version(host):
    answer = await host.ask(READ_VERSION)
    assert len(answer) == 7 + 33
    assert answer[:6] == bytes.fromhex("55 00 21 00 02 26"), "the header of the specification's example"
    assert answer[6] == 0
    assert answer[15:19] == bytes.fromhex("04 01 A2 B3")
    assert answer[23:39].rstrip(b"\0") == b"GATEWAYCTRL"


async def test_an_answer_comes_within_the_time_of_the_specification(house, host):
    began = house.time.now()
    await host.ask(READ_BASE)
    await host.stream.send(READ_BASE)
    await anyio.sleep(1)
    assert host.got[-1][0] - began - 1 < 0.5


async def test_the_base_id_changes_ten_times(host):
    for count in range(10):
        assert await host.ask(packet(5, bytes([7, 0xFF, 0x80, count, 0x80]))) == OK
    assert (await host.ask(packet(5, bytes.fromhex("07 FF 80 11 00"))))[6] == 0x91
    assert await host.ask(READ_BASE) == packet(2, bytes.fromhex("00 FF 80 09 80"), bytes([0]))


@pytest.mark.parametrize("base", ["FF 70 00 00", "FF FF FF FF", "FF 80 00 01"])
async def test_base_ids_out_of_range(host, base):
    assert (await host.ask(packet(5, b"\x07" + bytes.fromhex(base))))[6] == 0x90


async def test_a_reset_is_answered_and_followed_by_ready(host):
    assert await host.ask(RESET) == OK + packet(4, bytes([4, 9]))


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (order("FF 9C 80 00"), OK),
        (order("FF 9C 80 7F"), OK),
        (order("04 01 A2 B3"), OK),
        (order("00 00 00 00"), OK),
        (order("FF 9C 80 00", optional=""), OK),
        (order("FF 9C 80 01", "A5 00 00 64 0A", "00"), OK),
        (order("FF 9C 80 01", "D2 01 00 64", "00", "03 01 00 00 01 FF 00"), OK),
        (order("FF 9C 80 80"), WRONG_PARAM),
        (order("01 02 03 04"), WRONG_PARAM),
        (order("FF 9C 80 00", "F6 10 20"), WRONG_PARAM),
        (order("FF 9C 80 00", "A5 10"), WRONG_PARAM),
        (packet(1, b"\xf6"), WRONG_PARAM),
        (packet(5, b"\x7e"), NOT_SUPPORTED),
        (packet(0x33, b"\x01"), NOT_SUPPORTED),
    ],
)
async def test_orders_and_their_responses(host, data, answer):
    assert await host.ask(data) == answer


async def test_an_order_goes_on_the_air(house, host):
    await host.ask(order("00 00 00 00"))
    (entry,) = house.air.log
    assert (entry.content.rorg, entry.content.data, entry.content.sender) == (0xF6, b"\x10", 0x0401A2B3)
    assert (entry.content.status, entry.copies) == (0x30, 3)


async def test_a_wrong_checksum_gets_no_answer_and_hides_nothing_behind_it(house, host):
    wrong = order("FF 9C 80 00")[:-1] + b"\x00"
    assert await host.ask(wrong) == b""
    assert await host.ask(wrong + READ_BASE) != b""
    assert await host.ask(b"\x55\xff\xff" + b"\x55" + READ_BASE) != b""
    assert house.stick("dolphin").firmware.broken_frames >= 3


async def test_a_packet_with_a_gap_is_dropped(host):
    await host.stream.send(READ_BASE[:4])
    await anyio.sleep(0.3)
    assert await host.ask(READ_BASE[4:]) == b""
    assert await host.ask(READ_BASE) != b""


async def test_reports_with_strength(house, host):
    house.set("bath", "temperature", 20.0)
    house.set("bath", "humidity", 40.0)
    await house.press("bath")
    await anyio.sleep(0.1)
    report = packet(1, bytes.fromhex("A5 00 64 7D 0A 01 80 AB CD 00"), bytes.fromhex("01 FF FF FF FF 3D 00"))
    assert host.take() == report


async def test_teach_in(house, host):
    await house.press("bath", "learn")
    await anyio.sleep(0.1)
    assert host.take()[7:11] == bytes.fromhex("10 08 0B 80"), "A5-04-01"


@pytest.mark.parametrize(
    "frame",
    [
        "55 00 0A 07 01 EB A5 00 00 55 08 01 81 B7 44 00 01 FF FF FF FF 2D 00 75",
        "55 00 0F 07 01 2B D2 DD DD DD DD DD DD DD DD DD 00 80 35 C4 00 03 FF FF FF FF 4D 00 36",
    ],
)
async def test_published_reports_come_with_own_strength(hosts, frame):
    house = House.parse(
        "[air]\njitter = 0\nrssi = -50\n"
        + STICK
        + f'[[device]]\nkind = "frame"\nname = "tape"\nstick = "enocean"\nframe = "{frame}"\n'
    )
    async with house.running(ptys=False):
        host = await hosts(house, "dolphin")
        await anyio.sleep(0.2)
        host.take()
        await house.press("tape")
        await anyio.sleep(0.2)
        published = bytes.fromhex(frame)
        data = published[6:-8]
        assert host.take() == packet(1, data, bytes.fromhex("01 FF FF FF FF 32 00"))
