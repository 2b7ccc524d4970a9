"""``onewire.poll`` in virtual time, on a bus of paper: schedules, outages, devices."""

import logging

import anyio
import pytest
from busgate_onewire.poll import poll
from busgate_onewire.roster import Wishes
from trio.testing import MockClock

from gateway.path import Path

SENSOR, OTHER = "28.000000000001", "28.000000000002"
METER = "1D.000000000003"
BUTTONS = "29.000000000004"
RELAY = "3A.000000000005"
TAG = "01.000000000006"
HOT = "28.000000000007"


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_a_reading_is_stored_below_its_id_and_attribute(attic):
    async with attic.polled(bus="attic"):
        assert attic.admin[SENSOR, "temperature"] == {
            "value": 21.5,
            "unit": None,
            "time": pytest.approx(attic.clock.now()),
            "quality": "ok",
            "source": "n1/attic",
        }
        assert str(Path("onewire", SENSOR, "temperature")) == "onewire.28:.000000000001.temperature"


@pytest.mark.parametrize("dest", ["house.attic", ["house", "attic"], Path("house", "attic")])
async def test_the_destination_is_a_path_in_any_form(attic, dest):
    async with attic.polled(dest=dest):
        assert Path("house", "attic", SENSOR, "temperature") in attic.admin.records


async def test_an_hour_of_polling_is_on_a_grid(attic):
    attic.bus.values |= {(OTHER, "temperature"): 5.0, (RELAY, "sensed.A"): True}
    async with attic.polled(interval=10, intervals={OTHER: 60}, attributes=["temperature", "sensed.A"]):
        await anyio.sleep(3600.5)
        every_ten = attic.bus.times(SENSOR, "temperature")
        assert every_ten[:4] == [0, 10, 20, 30]
        assert len(every_ten) == 361
        assert len(attic.bus.times(OTHER, "temperature")) == 61
        assert len(attic.bus.times(RELAY, "sensed.A")) == 3601


async def test_values_of_one_interval_are_read_together(attic):
    attic.bus.values[OTHER, "temperature"] = 5.0
    async with attic.polled(interval=10):
        await anyio.sleep(25)
        both = [(SENSOR, "temperature"), (OTHER, "temperature")]
        assert [keys for _, keys in attic.bus.asked] == [both] * 3


async def test_what_keeps_the_bus_for_long_holds_up_nothing_else(attic):
    """A parasite, and a thermometer at 85 °C, are read one by one, after what is quick."""
    attic.bus.values |= {(OTHER, "temperature"): 5.0, (RELAY, "PIO.A"): True, (HOT, "temperature"): 85.0}
    attic.bus.parasites.add(OTHER)
    async with attic.polled(interval=10, attributes=["temperature", "PIO.A"]):
        await anyio.sleep(15)
        start = attic.bus.asked[0][0]
        second_round = [keys for when, keys in attic.bus.asked if when > start + 5 and keys != [(RELAY, "PIO.A")]]
        assert second_round == [[(id_, "temperature")] for id_ in (SENSOR, OTHER, HOT)]


async def test_a_device_that_is_plugged_in_later_is_polled(attic):
    async with attic.polled(rescan=60):
        attic.bus.values[OTHER, "temperature"] = 5.0
        await anyio.sleep(61)
        assert attic.admin[OTHER, "temperature"]["value"] == 5.0
        before = len(attic.bus.times(OTHER, "temperature"))
        await anyio.sleep(60)
        assert len(attic.bus.times(OTHER, "temperature")) == before + 1


async def test_one_of_a_new_interval_gets_a_loop_of_its_own(attic):
    async with attic.polled(rescan=60, intervals={OTHER: 7}):
        attic.bus.values[OTHER, "temperature"] = 5.0
        await anyio.sleep(60 + 7.5)
        assert len(attic.bus.times(OTHER, "temperature")) == 2


async def test_what_is_gone_is_absent_once_and_never_deleted(attic):
    async with attic.polled(interval=10):
        attic.bus.faults[SENSOR, "temperature"] = "absent"
        await anyio.sleep(95)
        assert attic.admin.seen(SENSOR, "temperature") == [("ok", 21.5), ("absent", None)]
        del attic.bus.faults[SENSOR, "temperature"]
        await anyio.sleep(10)
        assert attic.admin[SENSOR, "temperature"]["quality"] == "ok"


async def test_the_same_good_value_is_stored_with_its_new_time(attic):
    async with attic.polled(interval=10):
        await anyio.sleep(31)
        assert attic.admin.seen(SENSOR, "temperature") == [("ok", 21.5)] * 4


async def test_a_stale_value_is_read_again_soon(attic):
    async with attic.polled(interval=60):
        attic.bus.faults[SENSOR, "temperature"] = "stale"
        await anyio.sleep(72)
        assert attic.bus.times(SENSOR, "temperature") == [0, 60, 65, 70]
        assert attic.admin.seen(SENSOR, "temperature") == [("ok", 21.5), ("stale", 21.5)]


async def test_an_outage_is_waited_out(attic, caplog):
    async with attic.polled(interval=10):
        await anyio.sleep(5)
        attic.bus.down()
        await anyio.sleep(10)
        assert attic.admin[SENSOR, "temperature"]["quality"] == "stale"
        assert attic.admin[SENSOR, "temperature"]["value"] == 21.5
        old = attic.admin[SENSOR, "temperature"]["time"]
        await anyio.sleep(120)
        assert attic.admin[SENSOR, "temperature"]["quality"] == "bus_error"
        attic.bus.values[SENSOR, "temperature"] = 19.0
        attic.bus.up()
        await anyio.sleep(1)
        assert attic.admin[SENSOR, "temperature"]["value"] == 19.0
        assert attic.admin[SENSOR, "temperature"]["time"] > old
        assert [kind for kind, _ in attic.admin.seen(SENSOR, "temperature")] == ["ok", "stale", "bus_error", "ok"]
        told = [record.message for record in caplog.records if "bus attic" in record.message]
        assert told == ["bus attic is down: unplugged"]


async def test_a_short_outage_is_not_worth_a_word_in_the_store(attic):
    async with attic.polled(interval=10):
        await anyio.sleep(9.5)
        attic.bus.down()
        await anyio.sleep(1.2)
        attic.bus.up()
        await anyio.sleep(1)
        assert attic.admin.seen(SENSOR, "temperature") == [("ok", 21.5)] * 2


async def test_a_bus_that_is_down_at_first_is_waited_for(attic):
    attic.bus.down()
    async with anyio.create_task_group() as tasks:

        async def plug():
            await anyio.sleep(500)
            attic.bus.up()

        tasks.start_soon(plug)
        async with attic.polled():
            assert attic.clock.lease_now() >= 500
            assert attic.admin[SENSOR, "temperature"]["value"] == 21.5


async def test_a_bus_that_can_not_be_scanned_is_polled_on(attic):
    async with attic.polled(interval=10, rescan=60):
        attic.bus.broken_scan = True
        await anyio.sleep(200)
        assert len(attic.bus.times(SENSOR, "temperature")) >= 20
        assert attic.admin[SENSOR, "temperature"]["quality"] == "ok"


async def test_an_expected_device_that_is_not_there_is_absent(attic):
    async with attic.polled(devices=[OTHER]):
        assert attic.admin[OTHER, "temperature"]["quality"] == "absent"
        assert Path("onewire", SENSOR, "temperature") not in attic.admin.records


async def test_data_that_can_not_be_used_ends_the_run(attic):
    with pytest.raises(ValueError, match="interval must be seconds"):
        await poll(attic.admin, attic, logging.getLogger("poll"), interval=-1)
    with pytest.raises(ValueError, match="rescan must be seconds"):
        await poll(attic.admin, attic, logging.getLogger("poll"), rescan=0)
    assert Wishes.of(None, None, None, None) == Wishes()
