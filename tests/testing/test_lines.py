"""Lines in memory behave as serial ports do, in virtual time and over bad links."""

import logging
import random

import anyio
import anyio.lowlevel
import pytest

from gateway.abc import DriverContext, open_line
from gateway.bus.frames import TOGETHER, Frames
from gateway.bus.framing import LineFramer
from gateway.errors import ConfigError, InterfaceDown
from gateway.testing.clocks import VirtualClock
from gateway.testing.faulty_streams import faulty_streams
from gateway.testing.lines import MemoryLines, links

URL = "memory:stick"


@pytest.fixture
def lines():
    return MemoryLines()


def opened(lines, url=URL):
    return lines.open_line(url, baudrate=57600)


async def test_a_driver_opens_its_line_through_its_context():
    plain = DriverContext("a", "a", VirtualClock(), random.Random(1), logging.getLogger("test"))
    assert plain.open_line is open_line
    lines = MemoryLines()
    stick = lines.plug(URL)
    context = DriverContext("a", "a", VirtualClock(), random.Random(1), logging.getLogger("test"), lines.open_line)
    async with context.open_line(URL, baudrate=38400, dtr=False) as line:
        assert stick.spec is not None
        assert (stick.spec.baudrate, stick.spec.dtr, stick.spec.library) == (38400, False, "pyserial")
        await line.send(b"to the stick")
        assert await stick.receive() == b"to the stick"
        await stick.send(b"to the host")
        assert await line.receive(6) == b"to the"
        assert await line.receive() == b" host"


async def test_a_line_is_for_one_alone_and_free_after_closing(lines):
    stick = lines.plug(URL)
    async with opened(lines):
        with pytest.raises(InterfaceDown, match="can't open memory:stick: it is in use"):
            async with opened(lines):
                pass
    async with opened(lines):
        assert stick.opens == 2
    assert stick.spec is None


async def test_what_comes_while_it_is_closed_is_lost(lines):
    stick = lines.plug(URL)
    await stick.send(b"early")
    async with opened(lines):
        await stick.send(b"unread")
    async with opened(lines) as line:
        await stick.send(b"now")
        assert await line.receive() == b"now"


async def test_a_stick_that_is_away_is_named(lines):
    with pytest.raises(InterfaceDown, match="can't open memory:stick: it is not plugged in") as caught:
        async with opened(lines):
            pass
    assert caught.value.unsent
    with pytest.raises(ConfigError, match="'nonsense:1' is no serial line: it should be a path such as /dev/serial/"):
        async with opened(lines, "nonsense:1"):
            pass


async def test_a_stick_that_is_pulled_breaks_the_line_after_what_it_had_sent(lines):
    stick = lines.plug(URL)
    async with opened(lines) as line:
        await stick.send(b"last words")
        lines.unplug(URL)
        assert await line.receive() == b"last words"
        with pytest.raises(InterfaceDown, match="memory:stick was lost: it has been unplugged") as caught:
            await line.receive()
        assert isinstance(caught.value, anyio.BrokenResourceError)
        with pytest.raises(InterfaceDown) as caught:
            await line.send(b"x")
        assert caught.value.unsent
    lines.plug(URL)
    async with opened(lines):
        pass


async def test_a_stick_that_takes_nothing_is_given_up(lines):
    """2 s more than the bytes need at the speed of the line."""
    lines.plug(URL)
    async with opened(lines) as line:
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match=r"memory:stick takes no bytes: 60000 of .* within 12\.4 s"):
            await line.send(bytes(60_000))
        assert anyio.current_time() - began == pytest.approx(2 + 600_000 / 57600)
        with pytest.raises(InterfaceDown, match="takes no bytes"):
            await line.receive()


async def test_closing_ends_a_receive_and_is_the_drivers_own_doing(lines):
    lines.plug(URL)
    async with opened(lines) as line, anyio.create_task_group() as tasks:

        async def receive():
            with pytest.raises(anyio.ClosedResourceError):
                await line.receive()

        tasks.start_soon(receive)
        await anyio.sleep(1)
        await line.aclose()
        await line.aclose()


async def test_one_receives_and_one_sends(lines):
    lines.plug(URL)
    async with opened(lines) as line, anyio.create_task_group() as tasks:
        tasks.start_soon(line.receive)
        await anyio.sleep(1)
        with pytest.raises(anyio.BusyResourceError):
            await line.receive()
        tasks.cancel_scope.cancel()


async def test_a_cancelled_receive_loses_nothing(lines):
    stick = lines.plug(URL)
    received = b""
    async with opened(lines) as line, anyio.create_task_group() as tasks:

        async def send():
            for n in range(100):
                await stick.send(bytes([n]))
                await anyio.sleep(0.01)

        tasks.start_soon(send)
        while len(received) < 100:
            with anyio.move_on_after(0.003):
                received += await line.receive()
    assert received == bytes(range(100))


@pytest.mark.parametrize("kind", links(seed=3))
async def test_a_question_is_asked_until_it_is_answered_over_every_link(kind):
    """The same test over a perfect line, byte by byte, with losses, and with delays."""
    lines, clock = MemoryLines(links(seed=3)[kind]()), VirtualClock()
    stick = lines.plug(URL)
    answers = []

    async def firmware():
        async for question in Frames(stick, LineFramer(), clock):
            await stick.send(b"20;00;" + question.removeprefix(b"10;") + b"\r\n")

    async with opened(lines) as line, anyio.create_task_group() as tasks:
        tasks.start_soon(firmware)
        frames = Frames(line, LineFramer(), clock)
        for n in range(20):
            while b"20;00;PING=%d;" % n not in answers:
                await line.send(b"10;PING=%d;\r\n" % n)
                with anyio.move_on_after(1):
                    answers.append(await anext(frames))
        tasks.cancel_scope.cancel()
    assert [answer for answer in answers if not answer.startswith(b"20;00;PING=")] == []
    assert len(set(answers)) == 20


async def test_many_frames_at_once_leave_other_tasks_their_turn(lines):
    stick, since, most = lines.plug(URL), 0, 0

    async def others():
        nonlocal since
        while True:
            since = 0
            await anyio.lowlevel.checkpoint()

    async with opened(lines) as line, anyio.create_task_group() as tasks:
        frames = Frames(line, LineFramer(), VirtualClock())
        await stick.send(b"frame\r\n" * 1000)
        await anext(frames)
        tasks.start_soon(others)
        for _ in range(999):
            await anext(frames)
            since += 1
            most = max(most, since)
        tasks.cancel_scope.cancel()
    assert most <= 2 * TOGETHER  # trio gives the turns of one round in any order


@pytest.mark.parametrize(
    "stream", faulty_streams([b"one", b"two", b"three"], wire=lambda line: line + b"\r\n"), ids=str
)
async def test_a_faulty_stream_can_be_played_into_a_line(lines, stream):
    stick = lines.plug(URL)
    found = []
    async with opened(lines) as line, anyio.create_task_group() as tasks:

        async def receive():
            async for frame in Frames(line, LineFramer(), VirtualClock()):
                found.append(frame)

        tasks.start_soon(receive)
        await stream.play_to(stick, anyio.sleep)
        await anyio.sleep(10)
        tasks.cancel_scope.cancel()
    stream.check(found, checked=False)
