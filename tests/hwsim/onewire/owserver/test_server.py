"""Connections: persistence, signs of life, listings entry by entry, limits; in virtual time."""

import struct
from collections import deque

import anyio
import pytest

from hwsim import House

DIR, DIRALL, DIRALLSLASH, READ, NOP = 4, 7, 9, 2, 1
HOUSE = """
[[bus]]
name = "b"
[[device]]
bus = "b"
id = "28.000000000001"
temperature = 21.5
power = "parasite"
[[device]]
bus = "b"
id = "3A.000000000006"
"""
SENSOR = b"/28.000000000001"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


async def closed(client):
    """Whether the server has hung up."""
    try:
        return await client.stream.receive(1) == b""
    except anyio.EndOfStream:
        return True


async def test_without_persistence_one_answer_and_the_end(house, connect):
    client = await connect(house.url("b"))
    answer = await client.ask(NOP, flags=0x102)
    assert answer.flags == 0x102
    assert await closed(client)


async def test_flags_come_back_unchanged(house, connect):
    client = await connect(house.url("b"))
    flags = -(1 << 31) | 0x5040126
    assert (await client.ask(NOP, flags=flags | 4)).flags == flags | 4


async def test_twenty_get_persistence(house, connect):
    clients = [await connect(house.url("b")) for _ in range(22)]
    granted = [(await client.ask(NOP)).flags & 4 for client in clients]
    assert granted == [4] * 20 + [0] * 2
    assert await closed(clients[20])
    await clients[0].stream.aclose()
    await anyio.sleep(0.1)
    late = await connect(house.url("b"))
    assert (await late.ask(NOP)).flags & 4


async def test_requests_in_one_go_are_answered_in_order(house, connect):
    client = await connect(house.url("b"))
    paths = [SENSOR + b"/type\0", b"/3A.000000000006/type\0"] * 10
    for path in paths:
        await client.put(READ, path, size=100)
    types = [(await client.frame()).payload for _ in paths]
    assert types == [b"DS18B20", b"DS2413"] * 10


async def test_signs_of_life_come_after_each_second(house, connect):
    house.device("28.000000000001").conversion_scale = 1
    await house.fault("slow_bus", target="b", delay=1.3)
    client = await connect(house.url("b"))
    began = anyio.current_time()
    await client.ask(READ, b"/uncached" + SENSOR + b"/temperature\0", size=100)
    took = anyio.current_time() - began
    assert took > 5
    assert [round(sign - began, 3) for sign in client.signs] == list(range(1, int(took) + 1))
    assert house.traffic["b"].keepalives == len(client.signs)


async def test_a_listing_gives_them_sooner(house, connect):
    await house.fault("slow_bus", target="b", delay=1.3)
    client = await connect(house.url("b"))
    began = anyio.current_time()
    await client.ask(DIR, b"/uncached/bus.0\0")
    assert [round(sign - began, 3) for sign in client.signs] == [0.5]


async def test_dir_comes_entry_by_entry(house, connect):
    client = await connect(house.url("b"))
    entries = await client.ask(DIR, b"/bus.0\0")
    *paths, last = entries
    assert [frame.payload for frame in paths] == [
        b"/bus.0/interface\0",
        b"/bus.0/28.000000000001\0",
        b"/bus.0/3A.000000000006\0",
        b"/bus.0/simultaneous\0",
        b"/bus.0/alarm\0",
    ]
    assert all(frame.size == frame.length - 1 and frame.ret == 0 and frame.offset == 0 for frame in paths)
    assert (last.length, last.ret, last.offset) == (0, 0, 0x8007)


async def test_the_same_in_one_answer_with_slashes(house, connect):
    client = await connect(house.url("b"))
    answer = await client.ask(DIRALLSLASH, b"/\0")
    assert answer.payload == (
        b"/28.000000000001/,/3A.000000000006/,/bus.0/,/uncached/,/settings/,/system/,/statistics/,/structure/,"
        b"/simultaneous/,/alarm/\0"
    )
    assert (answer.size, answer.offset) == (answer.length - 1, 0x8007)


async def test_without_bus_ret_only_devices(house, connect):
    client = await connect(house.url("b"))
    answer = await client.ask(DIRALL, b"/\0", flags=0x104)
    assert answer.payload == b"/28.000000000001,/3A.000000000006\0"


async def test_an_empty_folder_has_no_payload(connect):
    house = House.parse('[[bus]]\nname = "b"')
    async with house.running():
        client = await connect(house.url("b"))
        answer = await client.ask(DIRALL, b"/\0", flags=0x104)
        assert (answer.length, answer.size, answer.ret, answer.offset) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "fields", [(0, -5, 2, 0, 0, 0), (0, 200_000, 2, 0, 0, 0), (0, 4, 3, 0, 4, 0), (0, 4, 3, 0, -1, 0)]
)
async def test_impossible_frames_end_the_connection(house, connect, fields):
    client = await connect(house.url("b"))
    await client.stream.send(struct.pack(">6i", *fields) + b"/a\0b")
    assert await closed(client)
    assert house.traffic["b"].broken_frames == 1


async def test_half_a_frame_is_given_ten_seconds(house, connect):
    client = await connect(house.url("b"))
    await client.ask(NOP)
    began = anyio.current_time()
    await client.stream.send(b"\0" * 10)
    assert await closed(client)
    assert anyio.current_time() - began == pytest.approx(10, abs=0.01)


async def test_a_silent_connection_is_kept_for_more_than_an_hour(house, connect):
    client = await connect(house.url("b"))
    await client.ask(NOP)
    began = anyio.current_time()
    assert await closed(client)
    assert anyio.current_time() - began == pytest.approx(4200, abs=0.01)


async def test_a_client_that_goes_in_the_middle_disturbs_nobody(house, connect):
    gone, other = await connect(house.url("b")), await connect(house.url("b"))
    await gone.put(READ, b"/uncached" + SENSOR + b"/temperature\0", size=100)
    await gone.stream.aclose()
    assert await other.read("/uncached/28.000000000001/temperature") == "21.5"
    await anyio.sleep(1)
    assert house.traffic["b"].open_connections == 1


async def test_traffic_is_counted(house, connect):
    client = await connect(house.url("b"))
    await client.read("/28.000000000001/temperature")
    await client.read("/28.0000000000FF/temperature")
    await client.ask(77, b"/\0")
    traffic = house.traffic["b"]
    assert (traffic.connections, traffic.persistent, traffic.conversions) == (1, 1, 1)
    assert traffic.requests == {"READ": 2, "UNKNOWN": 1}
    assert traffic.errors == {-1: 1, -42: 1}


async def test_writes_are_remembered_in_order(house, connect):
    client = await connect(house.url("b"))
    await anyio.sleep(1.5)
    assert await client.write("/3A.000000000006/PIO.A", "1") == 0
    assert await client.write("/28.000000000001/temperature", "1") < 0
    assert house.traffic["b"].writes == deque(
        [(1.5, "/3A.000000000006/PIO.A", b"1"), (1.5, "/28.000000000001/temperature", b"1")]
    )
