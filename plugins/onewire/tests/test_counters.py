"""Totals over wraps and resets."""

from busgate_onewire.counters import WRAP, Count, advance
from hypothesis import given
from hypothesis import strategies as st


def test_the_first_reading_is_the_total_so_far():
    step = advance(None, 1234)
    assert (step.count, step.delta, step.event) == (Count(1234, 1234), 0, "")


def test_it_wraps_at_32_bits():
    step = advance(Count(WRAP - 2, 10 * WRAP), 3)
    assert (step.delta, step.event) == (5, "wrap")
    assert step.count == Count(3, 10 * WRAP + 5)


def test_a_count_that_falls_otherwise_has_begun_anew():
    step = advance(Count(5000, 9000), 12)
    assert (step.delta, step.event) == (12, "reset")
    assert step.count == Count(12, 9012)


@given(st.integers(0, WRAP - 1), st.lists(st.integers(0, WRAP // 4)))
def test_every_pulse_is_counted_over_any_number_of_wraps(start, pulses):
    count, true = advance(None, start).count, start
    for more in pulses:
        true += more
        step = advance(count, true % WRAP)
        assert step.delta == more
        assert step.event in ("", "wrap")
        count = step.count
    assert count == Count(true % WRAP, true)


@given(st.lists(st.integers(0, WRAP - 1), min_size=1))
def test_a_total_never_falls(raws):
    count = None
    for raw in raws:
        step = advance(count, raw)
        assert step.delta >= 0
        if count is not None:
            assert step.count.total == count.total + step.delta
        count = step.count
