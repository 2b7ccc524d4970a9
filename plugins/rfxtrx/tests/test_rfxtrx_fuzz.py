"""Spoilt frames: whatever comes in, the driver lives.

The full count runs with ``make fuzz``. ``BUSGATE_SEED=N`` repeats a run.
"""

import os
import random

import anyio
import pytest

from gateway.codec import encode
from gateway.testing.faulty_streams import mutated

LAMP = "11_0_0ab12cd:3"
FULL = 200_000
REDUCED = 5_000


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
