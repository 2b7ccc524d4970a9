"""How long a transmitter may be on the air: in any hour, over restarts, and whatever the clock says."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec import decode, encode
from gateway.radio.budget import AHEAD, DUTY_CYCLE, HOUR, RESERVE, SLOT, STRICTEST, Budget

WALL = 1_800_000_000.0


def send(budget, now, airtime, *, band="868.0", urgent=False):
    """As the owner of the transmitter does it; whether it was sent."""
    if budget.wait(band, airtime, now, urgent=urgent) > 0:
        return False
    if not budget.enough_drawn(band, airtime):
        budget.draw(band, airtime, now)
    budget.take(band, airtime)
    budget.spend(band, airtime, now + airtime)
    return True


def worst_hour(sent):
    """The most airtime within any hour of ``(start, airtime)``; it begins with a transmission or ends with one."""
    starts = [start for start, _ in sent] + [start + airtime - HOUR for start, airtime in sent]
    return max(sum(part(one, begin) for one in sent) for begin in starts)


def part(one, begin):
    start, airtime = one
    return max(0.0, min(start + airtime, begin + HOUR) - max(start, begin))


def test_the_defaults_are_those_of_the_recommendation():
    assert DUTY_CYCLE == {"433": 0.1, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}


@pytest.mark.parametrize(("band", "seconds"), [("433", 360), ("868.0", 36), ("868.7", 3.6), ("869.4", 360), ("?", 3.6)])
def test_an_hour_has_so_many_seconds(band, seconds):
    budget, sent = Budget({}), 0
    while send(budget, float(sent) / 10, 0.1, band=band):
        sent += 1
    assert sent * 0.1 == pytest.approx(seconds * (1 - RESERVE), abs=0.11)
    assert STRICTEST == 0.001


def test_the_mapping_goes_before_the_default():
    budget = Budget({"868.0": 0.5})
    assert budget.wait("868.0", 1000.0, 0.0) == 0
    assert Budget({}).wait("868.0", 1000.0, 0.0) == float("inf")


def test_it_says_how_long_to_wait():
    budget = Budget({})
    for second in range(0, 324, 10):
        assert send(budget, float(second), 0.9 if second else 3.6)
    assert not send(budget, 400.0, 0.9)
    wait = budget.wait("868.0", 0.9, 400.0)
    assert wait == pytest.approx(HOUR + 3.6 - 400.0)
    assert not send(budget, 400.0 + wait - 0.1, 0.9)
    assert send(budget, 400.0 + wait, 0.9)


def test_what_is_urgent_has_a_reserve():
    budget = Budget({})
    assert send(budget, 0.0, 36 * (1 - RESERVE))
    assert not send(budget, 1.0, 1.0)
    assert send(budget, 1.0, 1.0, urgent=True)
    assert send(budget, 1.0, 2.6, urgent=True)
    assert not send(budget, 1.0, 0.1, urgent=True)


def test_what_is_on_the_air_counts():
    budget = Budget({})
    budget.draw("868.0", 30.0, 0.0)
    budget.take("868.0", 30.0)
    assert budget.wait("868.0", 10.0, 0.0) > 0
    budget.give_back("868.0", 30.0)
    assert budget.wait("868.0", 10.0, 0.0) == 0


def restarted(budget, now, wall, *, later, wall_later):
    """A new process reads what the last one has stored."""
    stored = decode(encode(budget.to_map(now, wall)))
    found = Budget({})
    found.load(stored, now + later, wall_later)
    return found


def test_a_restart_does_not_refill_it():
    budget = Budget({})
    assert send(budget, 0.0, 30.0)
    budget = restarted(budget, 1.0, WALL, later=1000.0, wall_later=WALL + 1000.0)
    assert not send(budget, 1001.0, 10.0)
    assert send(budget, 1001.0, 0.6)


def test_what_was_drawn_counts_as_used():
    budget = Budget({})
    budget.draw("868.0", 0.1, 0.0)
    budget = restarted(budget, 0.0, WALL, later=60.0, wall_later=WALL + 60.0)
    assert budget.share_used(60.0)["868.0"] == pytest.approx((0.1 + 36 * AHEAD) / 36)


def test_a_clock_that_was_set_back_allows_no_more():
    budget = Budget({})
    assert send(budget, 0.0, 30.0)
    budget = restarted(budget, 1.0, WALL, later=10.0, wall_later=0.0)
    assert not send(budget, 11.0, 10.0)
    assert not send(budget, 3600.0, 10.0)
    assert send(budget, 11.0 + HOUR, 10.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([5.0, 40.0, 120.0]), st.floats(0.0, 0.01))
def test_no_hour_has_more(seed, pause, restarts):
    """Against a list of all that was sent, with restarts at any moment."""
    random, budget, now, sent = Random(seed), Budget({}), 0.0, []
    stored = budget.to_map(now, WALL)
    for _ in range(400):
        now += random.expovariate(1 / pause)
        airtime, urgent = random.uniform(0.01, 1.0), random.random() < 0.2
        if random.random() < restarts:
            budget = Budget({})
            budget.load(stored, now, WALL + now)
            stored = budget.to_map(now, WALL + now)
        if budget.wait("868.0", airtime, now, urgent=urgent) > 0:
            continue
        if not budget.enough_drawn("868.0", airtime):
            budget.draw("868.0", airtime, now)
            stored = budget.to_map(now, WALL + now)
        budget.take("868.0", airtime)
        late = random.uniform(0.0, 0.5)
        sent.append((now + late, airtime))
        budget.spend("868.0", airtime, now + late + airtime)
        now += late + airtime
    assert worst_hour(sent) <= 36.0 + 1e-3
    assert len(budget.to_map(now, WALL)["868.0"]["spent"]) <= HOUR / SLOT + 2
