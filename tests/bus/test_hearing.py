"""Telegrams on their way from a driver to whoever listens."""

import anyio
import anyio.lowlevel
import pytest

from gateway.bus.ears import WAITING, Ears
from gateway.bus.frames import TOGETHER
from gateway.errors import InterfaceDown
from gateway.values import Telegram


def telegram(number):
    return Telegram(f"device {number}", "switch", {}, float(number), b"key", 0.25)


async def test_each_listener_hears_everything_from_entering_on():
    ears = Ears()
    ears.tell(telegram(0))
    async with ears.listen() as first:
        ears.tell(telegram(1))
        async with ears.listen() as second:
            ears.tell(telegram(2))
            assert [(await anext(first)).heard, (await anext(first)).heard] == [1, 2]
            assert (await anext(second)).heard == 2


async def test_a_cancelled_listener_loses_nothing():
    ears = Ears()
    async with ears.listen() as listener:
        with anyio.move_on_after(1):
            await anext(listener)
        ears.tell(telegram(1))
        assert (await anext(listener)).heard == 1


async def test_a_slow_listener_loses_the_oldest_and_that_is_counted():
    ears = Ears()
    async with ears.listen() as slow:
        for number in range(WAITING + 3):
            ears.tell(telegram(number))
        assert (await anext(slow)).heard == 3
        assert ears.missed == 3


async def test_who_gets_many_at_once_does_not_lag_behind():
    ears, heard = Ears(), []
    async with ears.listen() as listener, anyio.create_task_group() as tasks:

        async def listen():
            async for one in listener:
                heard.append(one.heard)

        tasks.start_soon(listen)
        for turn in range(200):
            for number in range(TOGETHER):
                ears.tell(telegram(turn * TOGETHER + number))
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    assert (len(heard), ears.missed) == (200 * TOGETHER, 0)


async def test_what_was_heard_before_the_hardware_was_lost_still_comes():
    ears = Ears()
    async with ears.listen() as listener:
        ears.tell(telegram(1))
        ears.end(InterfaceDown("unplugged"))
        assert (await anext(listener)).heard == 1
        with pytest.raises(InterfaceDown, match="unplugged"):
            await anext(listener)
    async with ears.listen() as late:
        with pytest.raises(InterfaceDown, match="unplugged"):
            await anext(late)


async def test_it_goes_on_over_all_openings_of_an_interface(bench, settled):
    stick = bench.add("stick")
    heard = []
    async with bench.interfaces() as interfaces, anyio.create_task_group() as tasks:
        tasks.start_soon(interfaces.hear, lambda spec, one: heard.append((spec.name, one.device)))
        await settled(interfaces, lambda: all(each["state"] == "up" for each in interfaces.snapshot()))
        await anyio.sleep(0.1)
        stick.ears.tell(telegram(1))
        await anyio.sleep(0.1)
        stick.unplug()
        await anyio.sleep(3)
        stick.plugged = True
        await settled(interfaces, lambda: all(each["state"] == "up" for each in interfaces.snapshot()))
        await anyio.sleep(0.1)
        stick.ears.tell(telegram(2))
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert heard == [("stick", "device 1"), ("stick", "device 2")]


async def test_what_is_heard_is_a_sign_of_life_and_listening_none(bench, settled):
    stick = bench.add("stick")
    async with bench.interfaces() as interfaces, anyio.create_task_group() as tasks:
        tasks.start_soon(interfaces.hear, lambda spec, one: None)
        await settled(interfaces, lambda: all(each["state"] == "up" for each in interfaces.snapshot()))
        for number in range(20):
            await anyio.sleep(5)
            stick.ears.tell(telegram(number))
        assert "probe" not in stick.asked
        await anyio.sleep(30)
        assert "probe" in stick.asked
        tasks.cancel_scope.cancel()
