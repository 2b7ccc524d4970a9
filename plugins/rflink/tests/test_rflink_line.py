"""What a bad line does to the driver: it loses what the line has spoilt, and nothing else."""

import random

import anyio
import pytest
from busgate_rflink import lines
from busgate_rflink.driver import RflinkDriver

from gateway.bus.framing import LineFramer
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.testing.faulty_streams import faulty_streams

LAMP = "newkaku_0000c6c2_1"

FRAMES = (
    b"20;3B;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;",
    b"20;e5;Oregon BTHR;ID=5a6d;TEMP=00be;HUM=40;BARO=03d7;BAT=OK;",
    b"20;12;Pir;ID=aa66;PIR=ON;",
)


def wire(line):
    return line + b"\r\n"


STREAMS = [str(stream) for stream in faulty_streams(FRAMES, wire=wire)]


def of_name(name):
    return next(one for one in faulty_streams(FRAMES, wire=wire) if str(one) == name)


@pytest.mark.parametrize("name", STREAMS)
def test_framing(name):
    stream = of_name(name)
    stream.check(stream.play(LineFramer(lines.MOST).feed), checked=False)


@pytest.mark.parametrize("name", [name for name in STREAMS if "MiB" not in name])
async def test_the_driver_hears_all_that_is_whole(bench, name):
    stream = of_name(name)
    async with bench.opened() as interface, interface.listen() as telegrams:
        await stream.play_to(bench.board.port, anyio.sleep)
        await anyio.sleep(1)
        heard = []
        with anyio.move_on_after(1):
            async for telegram in telegrams:
                heard.append(telegram.raw)
        stream.check(heard, checked=False)
        await interface.probe()


async def test_after_noise_and_after_half_a_line_each_of_twenty_lines_is_heard(bench, on):
    chance = random.Random(11)
    spoilt_ones = [chance.randbytes(size) for size in range(1, 8)] + [on[:size] for size in range(1, len(on))]
    async with bench.opened() as interface:
        for spoilt in spoilt_ones:
            before = interface.health()["telegrams"]
            await bench.board.port.send(spoilt)
            for _ in range(20):
                await anyio.sleep(0.05)
                await bench.board.port.send(wire(on))
            await anyio.sleep(0.05)
            assert interface.health()["telegrams"] - before == 20, spoilt


async def test_it_is_opened_again_when_it_is_back(bench, on):
    """Under the supervisor: unplugged, plugged in again, silent, and each time in use again."""
    heard = []
    async with (
        Interfaces(
            [InterfaceSpec("board", "radio", "rflink", {"port": "memory:rflink"})],
            lambda name: RflinkDriver,
            node="test",
            clock=bench.context.clock,
            random=random.Random(1),
            open_line=bench.open_line,
        ) as interfaces,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(interfaces.hear, lambda spec, one: heard.append(one.device))

        async def becomes(up):
            with anyio.fail_after(60):
                while interfaces.is_up("radio") != up:
                    await interfaces.changed()

        async def in_use():
            await becomes(True)
            await anyio.sleep(0.1)
            await bench.board.hear(on)
            assert await interfaces.handle("radio").send(LAMP, "on") == 2

        await in_use()
        bench.lines.unplug("memory:rflink")
        await becomes(False)
        bench.replug()
        await in_use()
        bench.board.alive = False
        await becomes(False)
        bench.board.alive = True
        await in_use()
        tasks.cancel_scope.cancel()
    assert heard == [LAMP] * 3
