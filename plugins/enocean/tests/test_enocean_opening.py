"""Opening a stick, losing it, and having it back."""

import logging
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_enocean.stick import WRITE_TIME

from gateway.errors import ConfigError, InterfaceDown
from gateway.testing.lines import links


async def fails(desk, **options):
    """Why it can't be opened."""
    with pytest.raises((InterfaceDown, ExceptionGroup)) as caught:
        async with desk.open(**options):
            pytest.fail("it was opened")
    error = caught.value
    while isinstance(error, ExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, InterfaceDown)
    return str(error)


async def test_it_greets_the_stick_and_says_who_it_is(desk, caplog):
    with caplog.at_level(logging.INFO):
        async with desk.stick() as stick, desk.open() as bus:
            assert [(kind, data) for kind, data, _ in stick.packets] == [(5, b"\x03"), (5, b"\x08")]
            assert stick.port.spec.baudrate == 57600
            health = bus.health()
    assert (health["chip_id"], health["base_id"], health["version"]) == ("0580A1B2", "FF9E5500", "2.11.1.0")
    assert "GATEWAYCTRL 2.11.1.0, chip 0580A1B2, sends as FF9E5500" in caplog.text


async def test_a_port_that_is_not_there(desk):
    assert "memory:stick" in await fails(desk)


async def test_a_port_at_which_nobody_answers(desk):
    async with desk.stick() as stick:
        stick.mute = 1000
        began = anyio.current_time()
        assert await fails(desk) == "no EnOcean stick answers at memory:stick"
        assert anyio.current_time() - began < 5


async def test_something_else_at_the_port(desk):
    """It sends lines of text, and takes what it is sent for nothing."""
    port = desk.lines.plug(desk.url)
    async with anyio.create_task_group() as tasks:

        async def chatter():
            while True:
                await port.send(b"20;2D;UPM/Esic;ID=0001;TEMP=00cf;\r\n")
                await anyio.sleep(0.05)

        tasks.start_soon(chatter)
        assert await fails(desk) == "no EnOcean stick answers at memory:stick"
        tasks.cancel_scope.cancel()


async def test_a_stick_that_has_no_base_id(desk, paper):
    async with desk.stick() as stick:
        answer = stick.answer
        stick.answer = lambda packet: paper.packet(2, b"\x02") if packet[1] == b"\x08" else answer(packet)
        assert await fails(desk) == "the stick at memory:stick refuses CO_RD_IDBASE: RET_NOT_SUPPORTED"


async def test_a_first_answer_that_is_lost_costs_half_a_second(desk):
    async with desk.stick() as stick:
        stick.mute = 2
        async with desk.open() as bus:
            assert len(stick.packets) == 4
            assert bus.health()["unanswered"] == 2


@pytest.mark.parametrize("name", links(3))
async def test_it_opens_over_any_line(make_desk, name):
    desk = make_desk(links(3)[name]())
    async with desk.stick(), desk.open() as bus:
        assert bus.health()["base_id"] == "FF9E5500"


async def test_a_profile_that_nobody_knows_is_a_mistake_in_the_configuration(desk):
    async with desk.stick():
        known, unknown = {"id": "01020304", "eep": "A5-02-05"}, {"id": "01020305", "eep": "A5-99-01"}
        with pytest.raises(ConfigError, match=r"^device\.1\.eep: no profile A5-99-01 is known"):
            async with desk.open(device=[known, unknown]):
                pytest.fail("it was opened")


async def test_a_probe_asks_the_stick(house):
    stick, bus = house
    for _ in range(3):
        await anyio.sleep(60)
        before = len(stick.packets)
        await bus.probe()
        assert stick.packets[before:] == [(5, b"\x08", b"")]


async def test_one_lost_answer_to_a_probe_is_forgiven_and_two_are_not(house):
    stick, bus = house
    stick.mute = 1
    await bus.probe()
    stick.mute = 2
    with pytest.raises(InterfaceDown, match="no EnOcean stick answers"):
        await bus.probe()


async def test_another_stick_at_the_same_line_is_noticed(house):
    stick, bus = house
    stick.base_id += 128
    with pytest.raises(InterfaceDown, match="another stick"):
        await bus.probe()


async def test_a_stick_that_takes_no_bytes_is_given_up(desk):
    """As one of which the serial converter hangs: the kernel's buffer is full."""
    full = anyio.Event()
    plain = desk.open_line

    @asynccontextmanager
    async def open_line(*args, **options):
        async with plain(*args, **options) as line:
            send = line.send
            line.send = lambda item: anyio.sleep_forever() if full.is_set() else send(item)
            yield line

    desk.open_line = open_line
    async with desk.stick(), desk.open(device=[{"id": "0194E3B9", "eep": "D2-01-01"}]) as bus:
        full.set()
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match="memory:stick takes no bytes") as caught:
            await bus.send("0194E3B9", "on", {})
        assert anyio.current_time() - began < WRITE_TIME
        assert not caught.value.unsent


async def test_pulled_and_plugged_again_it_can_be_opened_anew(desk):
    for _ in range(3):
        async with desk.stick() as stick, desk.losing() as bus:
            await stick.hear("F6 50 00298979 30")
            await anyio.sleep(1)
            assert bus.health()["telegrams"] == 1
            desk.lines.unplug(desk.url)
            await anyio.sleep(10)
        assert "memory:stick" in await fails(desk)


async def test_a_command_while_the_stick_is_pulled(desk):
    plug = {"id": "0194E3B9", "eep": "D2-01-01"}
    async with desk.stick() as stick, desk.losing(device=[plug]) as bus, anyio.create_task_group() as tasks:
        stick.codes = [None]
        tasks.start_soon(bus.send, "0194E3B9", "on", {})
        await anyio.sleep(0.1)
        desk.lines.unplug(desk.url)


async def test_closing_leaves_the_line_for_others(desk):
    async with desk.stick() as stick:
        for opens in (1, 2, 3):
            async with desk.open():
                assert stick.port.opens == opens
            assert stick.port.spec is None
