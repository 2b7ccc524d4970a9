"""What a bad line does to the driver: it loses what the line has spoilt, and nothing else."""

import random

import anyio
import pytest
from busgate_rfxtrx import packets
from busgate_rfxtrx.driver import RfxtrxDriver

from gateway.bus.framing import USB_GAP, LengthFramer
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.testing.faulty_streams import faulty_streams

LAMP = "11_0_0ab12cd:3"

FRAMES = tuple(
    bytes.fromhex(text)
    for text in (
        "0710002a45050170",
        "0b11002a00ab12cd03010f70",
        "0a52012a96038141600379",
        "105601032f0000f7002000248160825059",
        "15600103077d20068611003a92c900000000014a0279",
    )
)
STREAMS = [str(stream) for stream in faulty_streams(FRAMES)]


def framer():
    return LengthFramer(packets.LEAST_LENGTH, packets.MOST_LENGTH, gap=USB_GAP, accept=packets.plausible)


@pytest.mark.parametrize("name", STREAMS)
def test_framing(name):
    (stream,) = (one for one in faulty_streams(FRAMES) if str(one) == name)
    stream.check(stream.play(framer().feed), checked=False)


@pytest.mark.parametrize("name", [name for name in STREAMS if "MiB" not in name])
async def test_the_driver_hears_all_that_is_whole(bench, name):
    (stream,) = (one for one in faulty_streams(FRAMES) if str(one) == name)
    async with bench.opened() as interface, interface.listen() as telegrams:
        await stream.play_to(bench.stick.port, anyio.sleep)
        await anyio.sleep(1)
        heard = []
        with anyio.move_on_after(1):
            async for telegram in telegrams:
                heard.append(telegram.raw)
        stream.check(heard, checked=False)
        await interface.probe()


async def test_after_noise_and_after_half_a_frame_each_of_twenty_frames_is_heard(bench, ac_on):
    chance = random.Random(11)
    async with bench.opened() as interface:
        for spoilt in [chance.randbytes(size) for size in range(1, 8)] + [ac_on[:size] for size in range(1, 12)]:
            before = interface.health()["telegrams"]
            await bench.stick.port.send(spoilt)
            for _ in range(20):
                await anyio.sleep(0.05)
                await bench.stick.port.send(ac_on)
            await anyio.sleep(0.05)
            assert interface.health()["telegrams"] - before == 20, spoilt.hex()


async def test_noise_between_command_and_acknowledgement(bench):
    async with bench.opened() as interface, anyio.create_task_group() as tasks:

        async def disturb():
            await anyio.sleep(0.02)
            await bench.stick.port.send(b"\x28\x99\x07")

        tasks.start_soon(disturb)
        assert await interface.send(LAMP, "on", {}) == 2


async def test_it_is_opened_again_when_it_is_back(bench, ac_on):
    """Under the supervisor: unplugged, plugged in again, silent, and each time in use again."""
    heard = []
    async with (
        Interfaces(
            [InterfaceSpec("stick", "radio", "rfxtrx", {"port": "memory:stick"})],
            lambda name: RfxtrxDriver,
            node="test",
            clock=bench.context.clock,
            random=random.Random(1),
            open_line=bench.lines.open_line,
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
            await bench.stick.hear(ac_on)
            assert await interfaces.handle("radio").send(LAMP, "on") == 2

        await in_use()
        bench.lines.unplug("memory:stick")
        await becomes(False)
        bench.replug()
        await in_use()
        bench.stick.alive = False
        await becomes(False)
        bench.stick.alive = True
        await in_use()
        tasks.cancel_scope.cancel()
    assert heard == [LAMP] * 3
