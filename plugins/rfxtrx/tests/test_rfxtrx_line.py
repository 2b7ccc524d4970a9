"""What a bad line does to the driver: it loses what the line has spoilt, and nothing else."""

import os
import random

import anyio
import pytest
from busgate_rfxtrx import packets
from busgate_rfxtrx.driver import RfxtrxDriver

from gateway.bus.framing import USB_GAP, LengthFramer
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.codec import encode
from gateway.testing.faulty_streams import faulty_streams, mutated

LAMP = "11_0_0ab12cd:3"
FULL = 200_000
REDUCED = 5_000

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


@pytest.fixture
def seed():
    """From the environment, else a new one; it is printed."""
    seed = int(os.environ.get("BUSGATE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"BUSGATE_SEED={seed}")
    return seed


async def test_mutated_frames(bench, published, seed):
    await fuzz(bench, published, seed, REDUCED)


@pytest.mark.soak
async def test_many_mutated_frames(bench, published, seed):
    await fuzz(bench, published, seed, FULL)


async def fuzz(bench, published, seed, count):
    """Whatever comes in, the driver lives, and what it tells can be stored."""
    chance = random.Random(seed)
    frames = [bytes.fromhex(text) for text in published] + [
        bytes.fromhex("0402010500"),
        bytes([0x14, 1, 7]) + bytes(18),
    ]
    async with bench.opened() as interface, interface.listen() as telegrams:
        for _ in range(count // 50):
            for _ in range(50):
                frame = chance.choice(frames)
                spoilt = mutated(frame, chance) if chance.random() < 0.5 else altered(frame, chance)
                await bench.stick.port.send(spoilt)
            await anyio.sleep(0.1)
            with anyio.move_on_after(0.01):
                async for telegram in telegrams:
                    encode({name: list(value) for name, value in telegram.values.items()})
                    assert telegram.device.isprintable()
        health = interface.health()
        encode(health)
        assert health["framed_bytes"] + health["thrown_away"] > count
        assert await interface.send(LAMP, "on", {}) == 2
        await interface.probe()


def altered(frame, chance):
    """A frame with its type and length, and any content."""
    return frame[:2] + chance.randbytes(len(frame) - 2)
