"""When nodes count as receivers."""

import math

import pytest

from gateway.demo.judge import Life
from gateway.demo.receivers import Receivers


class Moments:
    """A clock that is set by hand."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
def moments():
    return Moments()


@pytest.fixture
def receivers(moments):
    return Receivers(moments)


def test_a_life_begins_when_a_node_can_hear_and_ends_when_it_cannot(receivers, moments):
    for moments.time, mark in ((1.0, None), (2.0, "first"), (3.0, "first"), (4.0, None)):
        receivers.see("attic", mark)
        assert receivers.hears("attic") == (mark is not None)
    assert receivers.lives == [Life("attic", 2.0, 4.0)]


def test_an_old_account_does_not_revive_what_has_been_ended(receivers, moments):
    receivers.see("attic", "first")
    moments.time = 1.0
    receivers.end("attic")
    receivers.see("attic", "first")
    assert not receivers.hears("attic")
    assert receivers.lives == [Life("attic", 0.0, 1.0)]


@pytest.mark.parametrize("told", [True, False], ids=["its end was told", "only its new begin was told"])
def test_another_mark_is_another_life(receivers, moments, told):
    receivers.see("attic", "first")
    moments.time = 1.0
    if told:
        receivers.see("attic", None)
    receivers.see("attic", "second")
    assert receivers.lives == [Life("attic", 0.0, 1.0), Life("attic", 1.0, math.inf)]


def test_nodes_do_not_concern_each_other(receivers):
    receivers.see("attic", "one")
    receivers.see("cellar", "other")
    receivers.end("attic")
    assert [receivers.hears(node) for node in ("attic", "cellar")] == [False, True]
