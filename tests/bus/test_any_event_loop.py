"""The supervisor on asyncio as on trio, in real time."""

import anyio
import anyio.lowlevel
import pytest

from gateway.bus.interfaces import Timing
from gateway.errors import HandleRevoked, InterfaceDown


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


async def test_what_is_raised_within_comes_out_as_it_is(real_bench):
    hardware = real_bench.add("left")

    async def use():
        async with real_bench.interfaces() as interfaces:
            await interfaces.handle("attic").wait_up()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await use()
    assert hardware.open_now == 0


async def test_cancelling_a_node_closes_its_interfaces(real_bench):
    hardware = real_bench.add("left")
    with anyio.CancelScope() as scope:
        async with real_bench.interfaces() as interfaces:
            await interfaces.handle("attic").wait_up()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert hardware.open_now == 0
    await anyio.lowlevel.checkpoint()


async def test_an_interface_is_lost_found_and_revoked(real_bench, settled):
    hardware = real_bench.add("left")
    async with real_bench.interfaces(timing=Timing(least_backoff=0.01)) as interfaces:
        handle = interfaces.handle("attic")
        await handle.wait_up()
        hardware.trouble["read"] = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect, InterfaceDown, handle)
            await until_asked(hardware, "read")
            hardware.unplug()
        hardware.plugged = True
        await handle.wait_up()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect, HandleRevoked, handle)
            await until_asked(hardware, "read", 2)
            handle.revoke()
        await settled(interfaces, lambda: interfaces.is_up("attic"))


async def expect(error, handle):
    with pytest.raises(error):
        await handle.read("t1", "value")


async def until_asked(hardware, what, times=1):
    while hardware.asked.count(what) < times:
        await anyio.lowlevel.checkpoint()
