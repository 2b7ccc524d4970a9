"""Spoilt lines: whatever comes in, the driver lives.

The full count runs with ``make fuzz``. ``BUSGATE_SEED=N`` repeats a run.
"""

import os
import random

import anyio
import pytest

from gateway.codec import encode
from gateway.testing.faulty_streams import mutated

LAMP = "newkaku_0000c6c2_1"
FULL = 200_000
REDUCED = 5_000


@pytest.fixture
def seed():
    """From the environment, else a new one; it is printed."""
    seed = int(os.environ.get("BUSGATE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"BUSGATE_SEED={seed}")
    return seed


async def test_mutated_lines(bench, samples, seed):
    await fuzz(bench, samples, seed, REDUCED)


@pytest.mark.soak
async def test_many_mutated_lines(bench, samples, seed):
    await fuzz(bench, samples, seed, FULL)


async def fuzz(bench, samples, seed, count):
    """Whatever comes in, the driver lives, and what it tells can be stored."""
    chance = random.Random(seed)
    sent = [
        text.encode() + b"\r\n"
        for text in (*samples, "20;D3;OK;", "20;D4;PONG;", "20;00;VER=1.1;REV=48;", "20;00;STATUS;")
    ]
    async with bench.opened() as interface, interface.listen() as telegrams:
        for _ in range(count // 50):
            for _ in range(50):
                await bench.board.port.send(mutated(chance.choice(sent), chance))
            await anyio.sleep(1)
            with anyio.move_on_after(0.01):
                async for telegram in telegrams:
                    encode({name: list(value) for name, value in telegram.values.items()})
                    assert telegram.device.isprintable()
        health = interface.health()
        encode(health)
        assert health["telegrams"] > count / 10
        assert await interface.send(LAMP, "on", {}) == 2
        await interface.probe()
