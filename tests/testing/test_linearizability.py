"""Histories that could have happened are accepted, planted contradictions are found."""

from random import Random

import pytest

from gateway.testing.linearizability import Call, wrongs


def ok(expected, value, called, returned):
    return Call(expected, value, called, returned, "ok")


def uncertain(expected, value, called, returned):
    return Call(expected, value, called, returned, "uncertain")


def refused(expected, value, called, returned):
    return Call(expected, value, called, returned, "refused")


@pytest.mark.parametrize(
    ("calls", "final"),
    [
        ([], 0),
        ([ok(0, 1, 0, 1), ok(1, 2, 2, 3)], 2),
        ([ok(1, 2, 0, 3), ok(0, 1, 1, 2)], 2),
        ([ok(0, 1, 0, 9), ok(1, 2, 1, 2)], 2),
        ([ok(0, 1, 0, 1), refused(0, 2, 0, 5)], 1),
        ([uncertain(0, 1, 0, 1)], 0),
        ([uncertain(0, 1, 0, 1)], 1),
        ([uncertain(0, 1, 0, 1), ok(1, 2, 0, 1)], 2),
        ([uncertain(0, 1, 0, 1), ok(0, 2, 5, 6)], 2),
        ([ok(0, 2, 5, 6), uncertain(2, 1, 0, 1)], 1),
    ],
)
def test_what_could_have_happened(calls, final):
    assert wrongs(calls, 0, final) == []


@pytest.mark.parametrize(
    ("calls", "final", "what"),
    [
        ([ok(0, 1, 0, 1), ok(0, 2, 2, 3)], 2, "double win"),
        ([ok(0, 1, 0, 1), ok(1, 2, 2, 3)], 1, "lost, though acknowledged"),
        ([ok(0, 1, 0, 1)], 0, "lost, though acknowledged"),
        ([ok(0, 1, 0, 1), uncertain(0, 2, 0, 1)], 2, "took its place"),
        ([refused(0, 1, 0, 1)], 1, "refused, yet it took effect"),
        ([ok(0, 1, 5, 6), ok(1, 2, 1, 2)], 2, "stale"),
        ([uncertain(0, 1, 5, 6), ok(1, 2, 1, 2)], 2, "stale"),
        ([ok(0, 1, 5, 6), uncertain(1, 2, 0, 0), ok(2, 3, 1, 2)], 3, "stale"),
        ([], 7, "nobody wrote 7"),
        ([ok(7, 1, 0, 1)], 1, "nobody wrote 7; upon it"),
        ([ok(2, 1, 0, 1), ok(1, 2, 0, 1)], 2, "circle"),
    ],
)
def test_what_cannot_have_happened(calls, final, what):
    assert what in wrongs(calls, 0, final)[0]


def test_values_are_unique():
    with pytest.raises(ValueError, match="written twice"):
        wrongs([ok(0, 1, 0, 1), refused(0, 1, 0, 1)], 0, 1)


def true_history(random, length=60):
    """Calls with the moment at which each took effect; some unknown to their callers."""
    calls, value, now = [], 0, 0.0
    for number in range(1, length):
        now += random.random()
        outcome = random.choice(["ok", "ok", "uncertain", "refused"])
        early, late = random.expovariate(0.5), random.expovariate(0.5)
        calls.append(Call(value, number, now - early, now + late, outcome))
        if outcome == "ok" or (outcome == "uncertain" and random.random() < 0.5):
            value = number
    return calls, value


@pytest.mark.parametrize("seed", range(50))
def test_what_did_happen_is_accepted_and_each_alteration_found(seed):
    random = Random(seed)
    calls, final = true_history(random)
    random.shuffle(calls)
    assert wrongs(calls, 0, final) == []
    place = random.choice([place for place, call in enumerate(calls) if call.outcome == "ok"])
    won = calls[place]
    unacknowledged = Call(won.expected, won.value, won.called, won.returned, "refused")
    assert wrongs([*calls[:place], unacknowledged, *calls[place + 1 :]], 0, final)
    assert wrongs([*calls, ok(won.expected, -1, won.called, won.returned)], 0, final)
    assert wrongs([*calls[:place], *calls[place + 1 :]], 0, final)
