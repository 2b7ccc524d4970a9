"""A write that a run may not make any more does not reach the owserver, whatever it had to wait for."""

import threading

import anyio
import pytest
from busgate_onewire.owserver import WRITE_TIME

from gateway.errors import ClaimLost, InterfaceDown, WriteRefused
from gateway.testing.permits import WatchedPermit

RELAY, OTHER = "3A.0000000000A1", "3A.0000000000A2"
DEVICES = "".join(f'[[device]]\nbus = "attic"\nid = "{id_}"\n' for id_ in (RELAY, OTHER))


@pytest.fixture
async def relays(lived_in):
    """Two switched-off relays on one channel, and the driver that has found them."""
    async with lived_in(DEVICES) as (house, bus):
        for id_ in (RELAY, OTHER):
            await bus.write(id_, "PIO.A", False)
        yield house, bus


def on(house, id_=RELAY):
    """Whether the device itself pulls its output A down."""
    return not house.device(id_).pins.released & 1


def sent(house):
    """Writes that the owserver has got."""
    return house.traffic["attic"].requests["WRITE"]


async def refused(bus, permit, id_=RELAY):
    with pytest.raises(ClaimLost) as caught:
        await bus.write(id_, "PIO.A", True, permit=permit)
    assert caught.value is permit.refusal


async def test_the_thread_that_writes_asks_once(relays):
    house, bus = relays
    permit = WatchedPermit()
    await bus.write(RELAY, "PIO.A", True, permit=permit)
    assert on(house)
    (asking,) = permit.asked  # the value is read back, which needs none
    assert asking.seconds == WRITE_TIME
    assert asking.thread != threading.get_ident()


async def test_what_is_refused_is_not_sent_and_the_connection_stays(relays):
    house, bus = relays
    before = sent(house)
    for _ in range(3):
        await refused(bus, WatchedPermit(grants=0))
    assert (sent(house), on(house)) == (before, False)
    assert bus.health()["reconnects"] == 0
    await bus.write(RELAY, "PIO.A", True)
    assert on(house)


@pytest.mark.parametrize("ahead", ["read", "write"])
async def test_a_permit_that_ends_while_another_call_has_the_channel(relays, ahead):
    house, bus = relays
    permit, other = WatchedPermit(), WatchedPermit()
    before = sent(house)
    fault = await house.fault("hang", target="attic")
    async with anyio.create_task_group() as tasks:
        if ahead == "read":
            tasks.start_soon(bus.read, OTHER, "uncached/sensed.A")
        else:
            tasks.start_soon(lambda: bus.write(OTHER, "PIO.A", True, permit=other))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(refused, bus, permit)
        await anyio.wait_all_tasks_blocked()
        assert permit.asked == []
        permit.withdraw()
        await house.end_fault(fault)
    assert len(permit.asked) == 1
    assert (on(house), on(house, OTHER)) == (False, ahead == "write")
    assert sent(house) - before == (ahead == "write")


async def test_a_repetition_asks_again(relays):
    house, bus = relays
    permit = WatchedPermit()
    await house.end_fault(await house.fault("restart", target="attic", duration=60))
    await bus.write(RELAY, "PIO.A", True, permit=permit)
    assert on(house)
    assert len(permit.asked) == 2


async def test_a_repetition_that_is_refused_is_no_certainty(relays):
    house, bus = relays
    permit = WatchedPermit(grants=1)
    await house.end_fault(await house.fault("restart", target="attic", duration=60))
    with pytest.raises(InterfaceDown, match=r"closed|reset") as caught:
        await bus.write(RELAY, "PIO.A", True, permit=permit)
    assert not caught.value.unsent
    assert len(permit.asked) == 2
    assert not on(house)
    await bus.write(RELAY, "PIO.A", True)


async def test_nothing_is_asked_before_there_is_something_to_send(relays):
    house, bus = relays
    permit = WatchedPermit(grants=0)
    with pytest.raises(WriteRefused):
        await bus.write(RELAY, "PIO.A", "maybe", permit=permit)
    fault = await house.fault("restart", target="attic", duration=60)
    with pytest.raises(InterfaceDown):
        await bus.read(RELAY, "uncached/sensed.A")
    with pytest.raises(InterfaceDown) as caught:
        await bus.write(RELAY, "PIO.A", True, permit=permit)
    assert caught.value.unsent
    assert permit.asked == []
    await house.end_fault(fault)
