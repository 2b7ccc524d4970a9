"""What several radios have heard, put together."""

import pytest

from gateway.bus.roster import put_together
from gateway.values import Device


def heard(name, count, last, **details):
    return Device(name, "ac", ("on",), (), {"count": count, "last": last, **details})


def test_each_device_once_with_its_highest_count_and_its_last_reception():
    one = [heard("lamp", 7, 10.0, rssi=-80), heard("door", 1, 12.0)]
    two = [heard("gate", 1, 3.0), heard("lamp", 5, 11.0, rssi=-60)]
    together = [heard("gate", 1, 3.0), heard("lamp", 7, 11.0, rssi=-60), heard("door", 1, 12.0)]
    assert put_together([one, two]) == together
    assert put_together([two, one]) == together


@pytest.mark.parametrize("details", [{}, {"count": 0, "last": None}])
def test_what_was_never_heard(details):
    quiet = Device("lamp", "", details=details)
    assert put_together([[quiet], [heard("lamp", 1, 2.0)]]) == [heard("lamp", 1, 2.0)]
    assert put_together([[], [quiet]]) == [quiet]
    assert put_together([]) == []
