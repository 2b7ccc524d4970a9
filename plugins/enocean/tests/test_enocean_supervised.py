"""The driver under the host's supervisor: the stick is pulled and comes back, and all goes on by itself."""

import random
from contextlib import asynccontextmanager

import anyio
import pytest
from busgate_enocean.driver import EnoceanDriver

from gateway.bus.interfaces import Interfaces, InterfaceSpec

LEARN, WARM = "A5 08284680 018A7B30 00", "A5 00005508 018A7B30 00"


@pytest.fixture
def node(desk, profiles):
    """A node with one stick: ``async with node() as (interfaces, kinds of telegrams heard)``."""

    class Loaded(EnoceanDriver):
        """Has its profiles: loading them takes a thread, and time is virtual here."""

        def __init__(self):
            super().__init__(profiles)

    @asynccontextmanager
    async def running():
        heard = []
        spec = InterfaceSpec("house", "house", "enocean", {"port": desk.url})
        interfaces = Interfaces(
            [spec],
            lambda name: Loaded,
            node="pi1",
            clock=desk.clock,
            random=random.Random(1),
            on_error=lambda name, error: None,
            open_line=desk.open_line,
        )
        async with interfaces, anyio.create_task_group() as tasks:
            tasks.start_soon(interfaces.hear, lambda spec, telegram: heard.append(telegram.kind))
            yield interfaces, heard
            tasks.cancel_scope.cancel()

    return running


async def state(interfaces, wanted):
    """Wait for a state of the interface; gives its reason."""
    with anyio.fail_after(600):
        while interfaces.snapshot()[0]["state"] != wanted:
            await interfaces.changed()
    await anyio.sleep(0.1)
    return interfaces.snapshot()[0]["reason"]


async def test_pulled_and_plugged_again_it_goes_on_with_what_it_has_learnt(node, desk):
    async with node() as (interfaces, heard):
        assert "memory:stick" in await state(interfaces, "absent")
        for _ in range(3):
            async with desk.stick() as stick:
                await state(interfaces, "up")
                for text in (LEARN, WARM) if not heard else (WARM,):
                    await stick.hear(text)
                await anyio.sleep(30)  # it is probed meanwhile
                desk.lines.unplug(desk.url)
                await state(interfaces, "absent")
    assert heard == ["teach-in", "A5-02-05", "A5-02-05", "A5-02-05"]


async def test_a_silent_stick_is_probed_and_stays_up(node, desk):
    async with node() as (interfaces, _), desk.stick() as stick:
        await state(interfaces, "up")
        await anyio.sleep(600)
        assert interfaces.snapshot()[0]["health"]["losses"] == 0
        assert len(stick.packets) > 20


async def test_a_stick_that_falls_silent_is_opened_anew(node, desk):
    async with node() as (interfaces, _), desk.stick() as stick:
        await state(interfaces, "up")
        stick.mute = 10
        assert "no EnOcean stick answers" in await state(interfaces, "opening")
        await state(interfaces, "up")
        assert stick.port.opens > 1
