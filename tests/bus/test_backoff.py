"""Waits that double, with jitter, within their bounds."""

import random

import anyio
import pytest

from gateway.bus.backoff import Backoff
from gateway.clock import pause
from gateway.testing.clocks import VirtualClock


@pytest.mark.parametrize("seed", range(20))
def test_waits_grow_from_least_to_most_and_begin_again(seed):
    backoff = Backoff(random.Random(seed))
    waits = [backoff.next() for _ in range(200)]
    assert 0.2 <= waits[0] <= 0.4
    assert 0.4 <= waits[1] <= 0.8
    assert all(2.5 <= wait <= 5 for wait in waits[5:])
    assert len(set(waits)) == 200
    backoff.reset()
    assert backoff.next() <= 0.4


async def test_a_pause_lasts_its_time_or_until_the_event():
    clock = VirtualClock()
    event = anyio.Event()
    assert not await pause(clock, 7, event)
    assert clock.lease_now() == 7
    async with anyio.create_task_group() as tasks:

        async def set_later():
            await anyio.sleep(2)
            event.set()

        tasks.start_soon(set_later)
        assert await pause(clock, 100, event)
    assert clock.lease_now() == 9
