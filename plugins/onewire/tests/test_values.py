"""Values on their way to a device."""

import math

import pytest
from busgate_onewire.families import Attribute
from busgate_onewire.values import encode, same

from gateway.errors import WriteRefused

PIO = Attribute("PIO.A", "y", "rw")
LIMIT = Attribute("temphigh", "t", "rw")
COUNT = Attribute("set_alarm", "u", "rw")


@pytest.mark.parametrize(
    ("attribute", "value", "data"),
    [
        (PIO, True, b"1"),
        (PIO, 0, b"0"),
        (PIO, "on", b"1"),
        (PIO, " OFF ", b"0"),
        (PIO, 1.0, b"1"),
        (LIMIT, 30, b"30"),
        (LIMIT, -5.5, b"-5.5"),
        (LIMIT, "21", b"21"),
        (COUNT, 133333333, b"133333333"),
        (COUNT, "311", b"311"),
        (Attribute("PIO.ALL", "a", "rw"), [True, False], b"1,0"),
        (Attribute("PIO.ALL", "a", "rw"), "1,0", b"1,0"),
        (Attribute("alias", "l", "rw"), "Küche", "Küche".encode()),
        (Attribute("memory", "b", "rw"), "00ff", b"\x00\xff"),
        (Attribute("memory", "b", "rw"), b"\x01", b"\x01"),
    ],
)
def test_values_are_written_as_owserver_reads_them(attribute, value, data):
    assert encode(value, attribute) == data


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (PIO, 2),
        (PIO, None),
        (PIO, "x"),
        (LIMIT, math.nan),
        (LIMIT, math.inf),
        (LIMIT, True),
        (LIMIT, "warm"),
        (LIMIT, None),
        (COUNT, -1),
        (COUNT, 1.5),
        (COUNT, [1]),
        (Attribute("PIO.ALL", "a", "rw"), 1),
        (Attribute("alias", "l", "rw"), ""),
        (Attribute("alias", "l", "rw"), {}),
        (Attribute("memory", "b", "rw"), "zz"),
        (Attribute("memory", "b", "rw"), b""),
        (Attribute("memory", "b", "rw"), 7),
    ],
)
def test_others_are_refused_by_name(attribute, value):
    with pytest.raises(WriteRefused, match=attribute.name):
        encode(value, attribute)


def test_what_is_read_back_is_compared_as_the_device_holds_it():
    assert same(b"30.6", b"          30", LIMIT)
    assert not same(b"30.6", b"          32", LIMIT)
    assert same(b"1", b"1", PIO)
    assert not same(b"1", b"0", PIO)
    assert not same(b"1", b"", PIO)
    assert same(b"311", b"         311", COUNT)
