"""Names at the servers: what consumers ask for is exactly what they need, and never twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.path import Path
from gateway.store.nats.subjects import Subjects, token

NAMES = Subjects("b")


def matches(pattern, subject):
    parts, tokens = pattern.split("."), subject.split(".")
    for number, part in enumerate(parts):
        if part == ">":
            return len(tokens) > number
        if number >= len(tokens) or part not in ("*", tokens[number]):
            return False
    return len(parts) == len(tokens)


@pytest.mark.parametrize(
    ("roots", "depths", "filters"),
    [
        (["a"], (0, -1), ["$KV.b.a", "$KV.b.a.>"]),
        (["a", "a.b"], (0, -1), ["$KV.b.a", "$KV.b.a.>"]),
        (["a"], (0, 0), ["$KV.b.a"]),
        (["a"], (1, 2), ["$KV.b.a.*", "$KV.b.a.*.*"]),
        (["a"], (2, -1), ["$KV.b.a.*.>"]),
        ([""], (0, -1), ["$KV.b.>"]),
        ([""], (1, 1), ["$KV.b.*"]),
    ],
)
def test_what_a_consumer_asks_for(roots, depths, filters):
    assert NAMES.filters(roots, *depths) == filters


KEYS = st.lists(st.sampled_from("abc"), max_size=6).map(".".join)


@given(st.lists(KEYS, min_size=1, max_size=4), st.integers(0, 3), st.integers(-1, 6), KEYS)
def test_each_entry_within_is_asked_for_exactly_once(roots, least, most, key):
    within = any(
        Path.from_key(key).below(Path.from_key(root))
        and least <= (depth := len(Path.from_key(key)) - len(Path.from_key(root)))
        and (most < 0 or depth <= most)
        for root in roots
    )
    filters = NAMES.filters(roots, least, most) if most < 0 or most >= least else []
    asked = sum(matches(pattern, NAMES.entry(key)) for pattern in filters)
    assert asked <= 1
    if within:
        assert asked == 1


@given(KEYS)
def test_names_lead_back(key):
    assert NAMES.key(NAMES.entry(key)) == key
    assert NAMES.topic(NAMES.message(key)) == key
    assert matches(NAMES.messages(key), NAMES.message(key))


def test_a_node_of_any_name_can_be_part_of_a_subject():
    assert token("attic") == "attic"
    assert token("") == "client"
    assert not set(token("a.b c>*/ä")) & set(".> *")
