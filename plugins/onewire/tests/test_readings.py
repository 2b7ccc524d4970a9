"""Values out of owserver's text, and the judgement on them."""

import math

import pytest
from busgate_onewire.families import Attribute
from busgate_onewire.readings import Judge, at_power_on, describe, parse, quality_of
from hypothesis import given
from hypothesis import strategies as st

TEMPERATURE = Attribute("temperature", "t")
KEY = ("28.67C6697351FF", "temperature")


@pytest.mark.parametrize(
    ("data", "attribute", "value"),
    [
        (b"        21.5", TEMPERATURE, 21.5),
        (b"           0", TEMPERATURE, 0.0),
        (b"    -10.0625\0", TEMPERATURE, -10.0625),
        (b"1", Attribute("sensed.A", "y"), True),
        (b"0", Attribute("sensed.A", "y"), False),
        (b"          42", Attribute("sensed.BYTE", "u"), 42),
        (b"  4294967295", Attribute("counter.A", "u"), 4294967295),
        (b"          36,          37", Attribute("counter.ALL", "a"), "36,37"),
        (b"\x50\x05\xff", Attribute("scratchpad", "b"), "5005ff"),
        (b"DS18B20", Attribute("type", "a"), "DS18B20"),
        ("Küche".encode(), Attribute("alias", "l"), "Küche"),
    ],
)
def test_values(data, attribute, value):
    got = parse(data, attribute)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("data", [b"", b"  ", b"nan", b"inf", b"-1e999", b"twenty", b"21,5", b"\xff"])
@pytest.mark.parametrize("form", ["t", "f", "u", "y"])
def test_what_is_no_value_is_refused(data, form):
    with pytest.raises(ValueError, match=r".*"):
        parse(data, Attribute("x", form))


@given(st.binary(), st.sampled_from("iuftgpydalb"))
def test_nothing_but_finite_numbers_and_text_comes_out(data, form):
    try:
        value = parse(data, Attribute("x", form))
    except ValueError:
        return
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        (1, "absent"),
        (2, "absent"),
        (41, "absent"),
        (22, "crc"),
        (28, "crc"),
        (5, "bus_error"),
        (44, "bus_error"),
        (99, "bus_error"),
    ],
)
def test_errors_have_a_quality_and_words(code, quality):
    assert quality_of(code) == quality
    assert "command line" not in describe(code)


def test_a_failure_is_stale_until_the_third_strike():
    judge = Judge(3)
    judge.good(KEY, 21.5, "°C", 100.0)
    seen = [judge.failed(KEY, "crc", "°C", 100.0 + n) for n in range(1, 5)]
    assert [(r.quality, r.value) for r in seen] == [("stale", 21.5), ("stale", 21.5), ("crc", None), ("crc", None)]
    assert seen[1].time == 100.0
    assert seen[2].time == 103.0
    judge.good(KEY, 22.0, "°C", 105.0)
    assert judge.failed(KEY, "absent", "°C", 106.0).value == 22.0


def test_nothing_good_yet_is_nothing_to_be_stale():
    assert Judge(3).failed(KEY, "absent", "°C", 1.0).quality == "absent"


def test_zero_is_a_value():
    judge = Judge(2)
    assert judge.good(KEY, 0.0, "°C", 1.0).value == 0.0
    assert judge.failed(KEY, "crc", "°C", 2.0).value == 0.0


def test_85_is_in_doubt_unless_it_came_gradually():
    judge = Judge(3)
    assert judge.in_doubt(KEY, 85.0)
    judge.good(KEY, 21.5, "°C", 1.0)
    assert judge.in_doubt(KEY, 85.0)
    judge.good(KEY, 78.0, "°C", 2.0)
    assert not judge.in_doubt(KEY, 85.0)


def test_85_is_in_doubt_after_the_sensor_was_gone():
    judge = Judge(1)
    judge.good(KEY, 80.0, "°C", 1.0)
    judge.failed(KEY, "absent", "°C", 2.0)
    assert judge.in_doubt(KEY, 85.0)


@pytest.mark.parametrize(
    ("value", "doubt"), [(-55.0, False), (125.0, False), (-127.0, True), (126.0, True), (85.0625, False)]
)
def test_what_the_part_can_not_measure_is_in_doubt(value, doubt):
    assert Judge(3).in_doubt(KEY, value) is doubt


def test_the_scratchpad_after_power_on():
    assert at_power_on(bytes.fromhex("50054b467fff0c101c"))
    assert not at_power_on(bytes.fromhex("50054b467fff101010"))
    assert at_power_on(b"")


OUTCOMES = st.lists(st.one_of(st.floats(-50, 80), st.sampled_from(["crc", "absent", "bus_error"])))


@given(OUTCOMES, st.integers(1, 5))
def test_a_reading_has_a_value_exactly_when_its_quality_says_so(outcomes, strikes):
    judge = Judge(strikes)
    failures, good = 0, None
    for time, outcome in enumerate(outcomes):
        if isinstance(outcome, float):
            reading = judge.good(KEY, outcome, "°C", time)
            failures, good = 0, outcome
        else:
            reading = judge.failed(KEY, outcome, "°C", time)
            failures += 1
            good = good if failures < strikes else None
            assert reading.quality == ("stale" if good is not None else outcome)
        assert reading.value == good
        assert (reading.value is None) == (reading.quality not in ("ok", "suspect", "stale"))
