"""Misbehaving servers as their clients see them, in virtual time."""

import anyio
import pytest

from hwsim import FaultError, House, UnknownTarget

READ = 2
HOUSE = """
seed = 5
[[bus]]
name = "b"
channels = 2
[[device]]
bus = "b"
id = "28.000000000001"
temperature = 21.5
[[device]]
bus = "b"
id = "28.000000000002"
channel = 1
[[device]]
bus = "b"
id = "28.000000000003"
"""
TYPE = "/28.000000000001/type"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


async def end_of(client):
    """How a connection ends: the bytes that still came, and whether it was broken."""
    data = b""
    try:
        while True:
            data += await client.stream.receive()
    except anyio.EndOfStream:
        return data, False
    except anyio.BrokenResourceError:
        return data, True


async def ask(client):
    await client.put(READ, TYPE.encode() + b"\0", size=100)


async def test_restart_breaks_all_connections_and_keeps_the_port(house, client, connect):
    url = house.url("b")
    await client.read(TYPE)
    await house.fault("restart", target="b", duration=2.0)
    assert await end_of(client) == (b"", True)
    with pytest.raises(OSError, match=r"refused|failed"):
        await connect(url)
    await anyio.sleep(2.01)
    assert house.url("b") == url
    assert await (await connect(url)).read(TYPE) == "DS18B20"


async def test_a_polite_restart_ends_them(house, client):
    await client.read(TYPE)
    await house.fault("restart", target="b", reset=False)
    assert await end_of(client) == (b"", False)


async def test_restarts_can_overlap(house, connect):
    await house.fault("restart", target="b", duration=1.0)
    await house.fault("restart", target="b", duration=3.0)
    await anyio.sleep(4)
    assert await (await connect(house.url("b"))).read(TYPE) == "DS18B20"


async def test_a_restarted_server_has_forgotten_everything(house, connect):
    client = await connect(house.url("b"))
    await client.read("/28.000000000001/temperature")
    house.device("28.000000000001").set("temperature", 30)
    await house.fault("restart", target="b", duration=0.1)
    await anyio.sleep(0.2)
    assert await (await connect(house.url("b"))).read("/28.000000000001/temperature") == "30"


async def test_a_hung_server_answers_later_without_signs_of_life(house, client):
    fault = await house.fault("hang", target="b", duration=30.0)
    await ask(client)
    began = anyio.current_time()
    assert (await client.frame()).payload == b"DS18B20"
    assert anyio.current_time() - began == pytest.approx(30, abs=0.01)
    assert client.signs == []
    assert fault.ended == pytest.approx(30, abs=0.1)


async def test_keepalives_before_each_answer_but_not_before_nop(house, client):
    fault = await house.fault("keepalives", target="b", frames=3)
    assert await client.read(TYPE) == "DS18B20"
    assert len(client.signs) == 3
    await client.ask(1)
    assert len(client.signs) == 3
    await house.end_fault(fault)
    await client.read(TYPE)
    assert len(client.signs) == 3


@pytest.mark.parametrize("alive", [True, False])
async def test_an_answer_that_never_comes(house, client, connect, alive):
    await house.fault("no_answer", target="b", alive=alive, count=1)
    await ask(client)
    with anyio.move_on_after(60.5) as scope:
        await client.frame()
    assert scope.cancelled_caught
    assert len(client.signs) == (60 if alive else 0)
    assert await (await connect(house.url("b"))).read(TYPE) == "DS18B20", "one request only"


@pytest.mark.parametrize(("where", "length"), [("before", 0), ("header", 12), ("payload", 24 + 3)])
@pytest.mark.parametrize("reset", [False, True])
async def test_hanging_up(house, client, connect, where, length, reset):
    await house.fault("close", target="b", where=where, reset=reset, count=1)
    await ask(client)
    data, broken = await end_of(client)
    assert broken is reset
    assert len(data) == length
    assert await (await connect(house.url("b"))).read(TYPE) == "DS18B20"


async def test_no_persistence(house, client):
    await house.fault("no_persistence", target="b")
    assert (await client.ask(1)).flags & 4 == 0
    assert await end_of(client) == (b"", False)


async def test_short_values(house, client):
    await house.fault("short_value", target="b", length=4, count=1)
    answer = await client.ask(READ, b"/28.000000000001/temperature\0", size=100)
    assert (answer.payload, answer.ret, answer.size) == (b"    ", 4, 4)
    assert await client.read("/28.000000000001/temperature") == "21.5"


async def test_shuffled_listings(house, client):
    fault = await house.fault("shuffle", target="b")
    await house.fault("crowd", target="b", devices=8)
    listings = [await client.list("/bus.0") for _ in range(10)]
    assert len({tuple(listing) for listing in listings}) > 5
    assert len({tuple(sorted(listing)) for listing in listings}) == 1
    await house.end_fault(fault)
    assert await client.list("/bus.0") == await client.list("/bus.0")


async def test_a_slow_wire_slows_no_other(house, client):
    await house.fault("slow_bus", target="b", delay=0.5, channel=1)
    for path, seconds in (("/bus.0/28.000000000001/latesttemp", 0), ("/bus.1/28.000000000002/latesttemp", 0.5)):
        began = anyio.current_time()
        await client.read(f"/uncached{path}")
        assert anyio.current_time() - began == pytest.approx(seconds)


async def test_a_crowd_comes_and_goes(house, client):
    fault = await house.fault("crowd", target="b", devices=3000)
    listing = await client.list("/uncached")
    assert len([path for path in listing if "/28." in path]) == 3003
    await house.end_fault(fault)
    assert len([path for path in await client.list("/uncached") if "/28." in path]) == 3


@pytest.mark.parametrize(
    ("kind", "target", "options", "message"),
    [
        ("restrt", "b", {}, "did you mean 'restart'"),
        ("close", "b", {"wher": "header"}, "did you mean 'where'"),
        ("close", "b", {"where": "middle"}, "option 'where'"),
        ("slow_bus", "b", {"channel": 9}, "no channel 9; it has 2"),
    ],
)
async def test_wrong_faults_are_explained(house, kind, target, options, message):
    with pytest.raises(FaultError, match=message):
        await house.fault(kind, target=target, **options)


async def test_unknown_targets_are_explained(house):
    with pytest.raises(UnknownTarget, match="there is no bus 'c'"):
        await house.fault("restart", target="c")
    with pytest.raises(UnknownTarget, match=r"did you mean '28\.000000000001'"):
        await house.fault("unplug", target="28.000000000011")
