"""Clocks: the machine's own, and the one of virtual time."""

import threading
import time

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.testing.clocks import VirtualClock


def test_the_system_clock_is_that_of_the_machine():
    clock = SystemClock()
    assert time.time() - 1 < clock.now() <= time.time()
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= clock.lease_now() <= time.clock_gettime(time.CLOCK_BOOTTIME)


class TestSystemSleep:
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    async def test_it_sleeps_in_real_time(self):
        clock = SystemClock()
        before = clock.lease_now()
        await clock.sleep(0.02)
        assert clock.lease_now() - before >= 0.02

    async def test_a_sleep_into_the_past_is_a_checkpoint(self):
        ran = []

        async def other():
            ran.append(True)

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            for _ in range(2):
                await SystemClock().sleep(-5)
            assert ran == [True]

    async def test_cancellation_ends_it(self):
        with anyio.move_on_after(0) as scope:
            await SystemClock().sleep(3600)
        assert scope.cancelled_caught


async def test_an_hour_of_virtual_time_takes_no_time():
    clock, real = VirtualClock(start=1000.0), time.monotonic()
    first = clock.lease_now()
    await clock.sleep(3600)
    assert clock.now() - first == pytest.approx(1000.0 + 3600)
    assert clock.lease_now() - first == pytest.approx(3600)
    assert time.monotonic() - real < 60


async def test_a_jump_of_the_wall_clock_leaves_lease_time_alone():
    clock = VirtualClock(start=1000.0)
    before = clock.now(), clock.lease_now()
    clock.jump(-500)
    assert clock.now() == pytest.approx(before[0] - 500)
    assert clock.lease_now() == before[1]


async def test_lease_time_is_known_in_any_thread():
    clock, seen = VirtualClock(), []
    await clock.sleep(7)
    thread = threading.Thread(target=lambda: seen.append(clock.lease_now()))
    thread.start()
    thread.join()
    assert seen == [clock.lease_now()]
