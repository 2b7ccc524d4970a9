"""Which radio transmits to a device."""

from gateway.radio.quality import Link
from gateway.radio.route import Router, Transmitter

OWN, SECOND, OTHER = Transmitter("", "a", "one"), Transmitter("", "a", "two"), Transmitter("p", "b", "one")
RADIOS = [OWN, SECOND, OTHER]


def first(router, **levels):
    """Levels in dBm by ``NODE_INTERFACE``."""
    links = {name.replace("_", "/"): Link(1, 0.0, level) for name, level in levels.items()}
    return router.order("rfx", "lamp", RADIOS, links)[0]


def test_nobody_hears_it():
    assert Router().order("rfx", "lamp", RADIOS, {}) == RADIOS
    assert Router().order("rfx", "lamp", [], {}) == []


def test_the_others_follow_as_they_hear_it():
    links = {"a/two": Link(1, 0.0, -90.0), "b/one": Link(1, 0.0, -75.0), "a/one": Link(1, 0.0, -72.0)}
    assert Router().order("rfx", "lamp", RADIOS, links) == [OWN, OTHER, SECOND]


def test_it_changes_over_beyond_the_hysteresis_and_not_back_within_it():
    router = Router()
    assert first(router, a_one=-70.0, b_one=-64.0) is OWN
    assert first(router, a_one=-70.0, b_one=-63.9) is OTHER
    assert first(router, a_one=-64.0, b_one=-66.0) is OTHER
    assert first(router, a_one=-59.0, b_one=-66.0) is OWN


def test_a_radio_that_is_not_told_how_well_it_hears():
    assert first(Router(), b_one=None) is OTHER
    assert first(Router(), a_one=None, b_one=-80.0) is OTHER


def test_a_radio_that_has_gone():
    router = Router()
    assert first(router, b_one=-60.0) is OTHER
    assert router.order("rfx", "lamp", [OWN], {}) == [OWN]
