"""What an owserver can do to its clients: the driver gets over it, or says in time that the interface is down."""

import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest

from gateway.errors import InterfaceDown

ONE = "28.000000000001"
TWO = "28.000000000002"
DEVICES = f"""
[[device]]
bus = "attic"
id = "{ONE}"
temperature = 21.5
[[device]]
bus = "attic"
id = "{TWO}"
channel = 1
temperature = 22.5
"""


@contextmanager
def within(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


async def temperatures(bus):
    return [reading.value for reading in await bus.read_many([(ONE, "temperature"), (TWO, "temperature")])]


@pytest.mark.parametrize("reset", [True, False])
async def test_a_restart_between_two_reads_goes_unnoticed(lived_in, reset):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        assert await temperatures(bus) == [21.5, 22.5]
        await house.end_fault(await house.fault("restart", target="attic", duration=60, reset=reset))
        assert await temperatures(bus) == [21.5, 22.5]


async def test_while_it_is_down_the_interface_says_so_and_then_works_again(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        fault = await house.fault("restart", target="attic", duration=60)
        for call in (lambda: temperatures(bus), bus.probe, bus.scan, lambda: bus.write(ONE, "temphigh", 30)):
            with pytest.raises(InterfaceDown, match=r"owserver at 127.0.0.1:\d+: can't connect: connection refused"):
                await call()
        await house.end_fault(fault)
        assert await temperatures(bus) == [21.5, 22.5]


async def test_a_write_that_could_not_be_sent_says_so(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await bus.scan()
        await house.fault("restart", target="attic", duration=60)
        with pytest.raises(InterfaceDown) as error:
            await bus.write(ONE, "temphigh", 30)
        assert error.value.unsent


@pytest.mark.parametrize("where", ["before", "header", "payload"])
@pytest.mark.parametrize("reset", [True, False])
async def test_half_an_answer_is_asked_for_again(lived_in, where, reset):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        await house.fault("close", target="attic", where=where, reset=reset, count=1)
        assert await temperatures(bus) == [21.5, 22.5]


async def test_no_more_than_once(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        await house.fault("close", target="attic", where="header")
        with within(5), pytest.raises(InterfaceDown, match="closed instead of an answer"):
            await temperatures(bus)


async def test_a_server_that_is_stopped_is_down_in_time(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        fault = await house.fault("hang", target="attic")
        with within(5), pytest.raises(InterfaceDown, match="no answer"):
            await temperatures(bus)
        await house.end_fault(fault)
        assert await temperatures(bus) == [21.5, 22.5]


async def test_endless_signs_of_life_are_no_answer(lived_in):
    async with lived_in(DEVICES, channels=2, timeout=1.0, conversion_timeout=3.0) as (house, bus):
        await temperatures(bus)
        fault = await house.fault("no_answer", target="attic", alive=True)
        with within(6), pytest.raises(InterfaceDown, match="only keepalives"):
            await temperatures(bus)
        await house.end_fault(fault)
        assert await temperatures(bus) == [21.5, 22.5]


async def test_signs_of_life_before_an_answer_are_fine(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await bus.scan()
        await house.fault("keepalives", target="attic", frames=3)
        assert await temperatures(bus) == [21.5, 22.5]


async def test_without_persistence_it_works_as_well(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await house.fault("no_persistence", target="attic")
        assert await temperatures(bus) == [21.5, 22.5]
        assert await temperatures(bus) == [21.5, 22.5]


@pytest.mark.parametrize("length", [0, 4])
async def test_a_value_that_is_cut_is_no_value(lived_in, length):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await bus.scan()
        await house.fault("short_value", target="attic", length=length)
        reading = await bus.read(ONE, "temperature")
        assert (reading.quality, reading.value) == ("bus_error", None)


async def test_listings_in_any_order_and_of_any_size(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await house.fault("shuffle", target="attic")
        crowd = await house.fault("crowd", target="attic", devices=500)
        assert len(await bus.scan()) == 502
        await house.end_fault(crowd)
        assert {device.id for device in await bus.scan()} == {ONE, TWO}


async def test_a_cancelled_read_leaves_the_interface_usable(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        fault = await house.fault("no_answer", target="attic", alive=False)
        with within(1), anyio.move_on_after(0.1) as scope:
            await bus.read(ONE, "temperature")
        assert scope.cancelled_caught
        await house.end_fault(fault)
        with within(1.5):  # the thread that was left has ended, and nothing waits for it
            assert await temperatures(bus) == [21.5, 22.5]


async def test_connections_stay_within_their_limit(lived_in):
    many = "".join(
        f'[[device]]\nbus = "attic"\nid = "28.0000000001{n:02X}"\nchannel = {n % 12}\ntemperature = {n}\n'
        for n in range(48)
    )
    async with lived_in(many, channels=12) as (house, bus):
        wanted = [(f"28.0000000001{n:02X}", "temperature") for n in range(48)]
        assert [reading.value for reading in await bus.read_many(wanted)] == [float(n) for n in range(48)]
        cached = await bus.read_many([(id_, f"cached/{name}") for id_, name in wanted])
        assert [reading.value for reading in cached] == [float(n) for n in range(48)]
        assert house.traffic["attic"].open_connections <= 8


MANY = "".join(f'[[device]]\nbus = "attic"\nid = "28.0000000002{n:02X}"\ntemperature = {n}\n' for n in range(40))
CACHED = [(f"28.0000000002{n:02X}", "cached/temperature") for n in range(40)]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("no_persistence", {}),
        ("keepalives", {"frames": 2}),
        ("close", {"where": "payload", "count": 1}),
        ("close", {"where": "header", "count": 1, "reset": True}),
        ("restart", {"duration": 0}),
    ],
)
async def test_a_burst_that_is_broken_is_finished_otherwise(lived_in, kind, options):
    async with lived_in(MANY) as (house, bus):
        await bus.read_many(CACHED)
        await house.fault(kind, target="attic", **options)
        readings = await bus.read_many(CACHED)
        assert [reading.value for reading in readings] == [float(n) for n in range(40)]


async def test_a_burst_that_nobody_answers_ends_in_time(lived_in):
    async with lived_in(MANY, timeout=1.0, conversion_timeout=3.0) as (house, bus):
        await bus.read_many(CACHED)
        await house.fault("no_answer", target="attic", alive=True)
        with within(6), pytest.raises(InterfaceDown, match="no answer"):
            await bus.read_many(CACHED)


async def test_failures_keep_no_sockets(lived_in):
    async with lived_in(DEVICES, channels=2) as (house, bus):
        await temperatures(bus)
        await house.fault("close", target="attic", where="header")
        errors = []
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            with pytest.raises(InterfaceDown) as caught:
                await bus.read(ONE, "temperature")
            errors.append(caught.value)
        assert (
            len(list(Path("/proc/self/fd").iterdir())) <= before + 6
        )  # those of the server's side that it still closes


async def test_nothing_listens(open_bus):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(InterfaceDown, match=f"owserver at 127.0.0.1:{port}: can't connect: connection refused"):
            async with open_bus(f"owserver://127.0.0.1:{port}"):
                pass


async def test_an_unknown_host(open_bus):
    with pytest.raises(InterfaceDown, match=r"owserver at nowhere.invalid:4304: can't connect: "):
        async with open_bus("owserver://nowhere.invalid"):
            pass


async def relay(listener, port):
    """Pass connections on to a port of 127.0.0.1."""

    async def pass_on(source, sink):
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                await sink.send(await source.receive())
        await sink.aclose()

    async def serve(near):
        far = await anyio.connect_tcp("127.0.0.1", port)
        async with near, far, anyio.create_task_group() as tasks:
            tasks.start_soon(pass_on, near, far)
            tasks.start_soon(pass_on, far, near)

    async with listener:
        await listener.serve(serve)


async def test_over_ipv6(lived_in, open_bus):
    async with lived_in(DEVICES, channels=2) as (house, _), anyio.create_task_group() as tasks:
        listener = await anyio.create_tcp_listener(local_host="::1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.start_soon(relay, listener, int(house.url("attic").rpartition(":")[2]))
        async with open_bus(f"owserver://[::1]:{port}") as bus:
            assert await temperatures(bus) == [21.5, 22.5]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 24 + b"x" * 24, b"\xff" * 24],
    ids=["web", "zeros", "ones"],
)
async def test_something_else_listens(open_bus, answer):
    async def serve(stream):
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while await stream.receive():
                    await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        with within(5), pytest.raises(InterfaceDown, match=f"127.0.0.1:{port}"):
            async with open_bus(f"owserver://127.0.0.1:{port}"):
                pass
        tasks.cancel_scope.cancel()
