"""``onewire.poll`` in virtual time, on a bus of paper: switches and tags."""

import anyio
import pytest
from trio.testing import MockClock

SENSOR, OTHER = "28.000000000001", "28.000000000002"
METER = "1D.000000000003"
BUTTONS = "29.000000000004"
RELAY = "3A.000000000005"
TAG = "01.000000000006"


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_switches_are_set_up_and_read_once(attic):
    attic.bus.add_buttons(BUTTONS)
    async with attic.polled():
        assert attic.bus.written == [(BUTTONS, "set_alarm", 133333333), (BUTTONS, "por", 0), (BUTTONS, "latch.BYTE", 0)]
        assert attic.admin[BUTTONS, "sensed.3"]["value"] is True
        before = len(attic.bus.asked)
        await anyio.sleep(30)
        assert len(attic.bus.asked) == before  # they have nothing to say


async def test_a_short_press_is_told_and_over(attic):
    attic.bus.add_buttons(BUTTONS)
    async with attic.polled():
        attic.bus.values[BUTTONS, "latch.3"] = True
        attic.bus.alarms.add(BUTTONS)
        await anyio.sleep(1.1)
        assert attic.admin[BUTTONS, "latch.3"]["value"] is True
        assert attic.bus.written[-1] == (BUTTONS, "latch.BYTE", 0)
        attic.bus.alarms.clear()
        await anyio.sleep(1)
        assert attic.admin[BUTTONS, "latch.3"]["value"] is False
        assert [value for _, value in attic.admin.seen(BUTTONS, "latch.3")] == [False, True, False]


async def test_a_level_that_changes_is_there_within_a_look(attic):
    attic.bus.add_buttons(BUTTONS)
    async with attic.polled(intervals={"29": 0.1}):
        attic.bus.values |= {(BUTTONS, "latch.0"): True, (BUTTONS, "sensed.0"): False}
        attic.bus.alarms.add(BUTTONS)
        await anyio.sleep(0.11)
        assert attic.admin[BUTTONS, "sensed.0"]["value"] is False


async def test_a_switch_that_has_lost_its_supply_is_set_up_again(attic):
    attic.bus.add_buttons(BUTTONS)
    async with attic.polled():
        attic.bus.written.clear()
        attic.bus.values |= {(BUTTONS, "set_alarm"): 0, (BUTTONS, "por"): True}
        attic.bus.alarms.add(BUTTONS)
        await anyio.sleep(1.1)
        assert attic.bus.written == [(BUTTONS, "set_alarm", 133333333), (BUTTONS, "por", 0), (BUTTONS, "latch.BYTE", 0)]


async def test_one_that_can_not_be_set_up_is_read_each_time(attic):
    attic.bus.add_buttons(BUTTONS)
    attic.bus.refused.add(BUTTONS)
    async with attic.polled():
        attic.bus.values[BUTTONS, "sensed.0"] = False
        await anyio.sleep(1.1)
        assert attic.admin[BUTTONS, "sensed.0"]["value"] is False


async def test_everything_is_read_now_and_then_in_case_something_was_missed(attic):
    attic.bus.add_buttons(BUTTONS)
    async with attic.polled():
        attic.bus.values[BUTTONS, "sensed.7"] = False
        await anyio.sleep(62)
        assert attic.admin[BUTTONS, "sensed.7"]["value"] is False


async def test_a_switch_that_comes_later_is_watched_from_then_on(attic):
    async with attic.polled(rescan=60):
        await attic.clock.sleep(30)
        attic.bus.add_buttons(BUTTONS)
        await attic.clock.sleep(60)
        attic.bus.values[BUTTONS, "latch.3"] = True
        attic.bus.alarms.add(BUTTONS)
        await attic.clock.sleep(2)
        assert ("ok", True) in attic.admin.seen(BUTTONS, "latch.3")


async def test_tags_are_there_or_not(attic):
    attic.bus.values[TAG, "present"] = True
    async with attic.polled(intervals={"01": 2}):
        assert attic.admin[TAG, "present"]["value"] is True
        del attic.bus.values[TAG, "present"]
        await anyio.sleep(2.1)
        assert attic.admin[TAG, "present"]["value"] is False
        attic.bus.values[TAG, "present"] = True
        await anyio.sleep(2)
        assert [value for _, value in attic.admin.seen(TAG, "present")] == [True, False, True]
