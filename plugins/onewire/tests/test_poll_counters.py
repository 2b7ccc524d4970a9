"""``onewire.poll`` in virtual time, on a bus of paper: counters."""

import anyio
import pytest
from trio.testing import MockClock

from gateway.path import Path

SENSOR, OTHER = "28.000000000001", "28.000000000002"
METER = "1D.000000000003"
BUTTONS = "29.000000000004"
RELAY = "3A.000000000005"
TAG = "01.000000000006"


@pytest.fixture
def anyio_backend():
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_counters_go_on_from_what_is_stored(make_attic):
    stored = {"value": 1000, "raw": 2**32 - 3, "unit": None, "time": 1.0, "quality": "ok", "source": "n2/attic"}
    attic = make_attic({Path("onewire", METER, "total.A"): stored})
    attic.bus.values |= {(METER, "counter.A"): 7, (METER, "counter.B"): 40}
    async with attic.polled(interval=10):
        assert attic.admin[METER, "total.A"]["value"] == 1010
        assert attic.admin[METER, "delta.A"]["value"] == 10
        assert attic.admin[METER, "total.B"]["value"] == 40
        assert attic.admin[METER, "delta.B"]["value"] == 0
        attic.bus.values[METER, "counter.A"] = 12
        await anyio.sleep(10.5)
        assert attic.admin[METER, "total.A"] | {"time": 0} == stored | {
            "value": 1015,
            "raw": 12,
            "time": 0,
            "source": "n1/attic",
        }
        attic.bus.values[METER, "counter.A"] = 2
        await anyio.sleep(10)
        assert attic.admin[METER, "total.A"]["value"] == 1017


async def test_a_total_survives_a_counter_that_is_gone(make_attic):
    attic = make_attic()
    attic.bus.values[METER, "counter.A"] = 7
    async with attic.polled(interval=10):
        attic.bus.faults[METER, "counter.A"] = "absent"
        await anyio.sleep(15)
        assert attic.admin[METER, "counter.A"]["value"] is None
        assert (attic.admin[METER, "total.A"]["value"], attic.admin[METER, "total.A"]["quality"]) == (7, "stale")


async def test_a_total_is_not_invented_while_the_store_is_out_of_reach(make_attic):
    attic = make_attic({Path("onewire", METER, "total.A"): {"value": 1000, "raw": 5}})
    attic.bus.values[METER, "counter.A"] = 7
    attic.admin.detached = True
    async with attic.polled(interval=10):
        await anyio.sleep(15)
        assert attic.admin[METER, "total.A"] == {"value": 1000, "raw": 5}
        attic.admin.detached = False
        await anyio.sleep(10)
        assert attic.admin[METER, "total.A"]["value"] == 1002
