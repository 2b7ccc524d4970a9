"""Profiles: what the library does not do by itself.

The bytes of ``ENCODED`` are those of the library's test_packet_creation.py (``enocean`` 0.60.1, MIT).
"""

import pytest

from gateway.errors import WriteRefused

ENCODED = [
    ("A5-02-05", {"TMP": 26.666666666666668}, "00005500", 0),
    ("D5-00-01", {"CO": "closed"}, "01", 0),
    ("F6-02-02", {"SA": "No 2nd action", "EB": 1, "R1": "Button BI", "T21": True, "NU": True}, "50", 0x30),
    ("F6-02-02", {"EB": "released", "T21": True, "NU": False}, "00", 0x20),
    ("A5-20-01", {"SP": 50}, "32000000", 0),
    ("D2-01-01", {"CMD": 1, "DV": 0, "IO": 0x1E, "OV": 0x64}, "011e64", 0),
]


@pytest.mark.parametrize(("eep", "values", "payload", "status"), ENCODED)
def test_values_become_the_published_bytes(eep, values, payload, status, profiles):
    assert profiles.find(eep).encode(values) == (bytes.fromhex(payload), status)


@pytest.mark.parametrize(
    ("eep", "values", "why"),
    [
        ("A5-02-05", {"TMP": 40.1}, "TMP should be from 0 to 40 °C, not 40.1"),
        ("A5-02-05", {"TMP": -0.1}, "from 0 to 40"),
        ("A5-02-05", {"TMP": float("nan")}, "should be a number"),
        ("A5-02-05", {"TMP": "warm"}, "should be a number, not 'warm'"),
        ("A5-02-05", {"TMP": True}, "should be a number"),
        ("A5-02-05", {"HUM": 50}, r"no value 'HUM' \(there are: TMP\)"),
        ("F6-02-02", {"EB": 2}, "EB should be one of released, pressed"),
        ("F6-02-02", {"EB": "inexisting"}, "EB should be one of released, pressed"),
        ("F6-02-02", {"T21": 1}, "T21 should be one of False, True"),
        ("D2-01-01", {"OV": 100}, "D2-01-01 needs CMD, one of 4, 1, not None"),
        ("D2-01-01", {"CMD": 9}, "needs CMD"),
        ("D2-01-01", {"CMD": 1, "IO": 32}, "IO should be one of"),
    ],
)
def test_what_a_profile_has_not_is_refused(eep, values, why, profiles):
    with pytest.raises(WriteRefused, match=why):
        profiles.find(eep).encode(values)


def test_a_value_goes_to_the_nearest_step(profiles):
    """A step of A5-02-05 is 40/255 °C; the library alone cuts off."""
    profile = profiles.find("A5-02-05")
    for raw in range(256):
        for off in (-0.07, 0.0, 0.07):
            value = 40 * (255 - raw) / 255 + off
            if 0 <= value <= 40:
                assert profile.encode({"TMP": value})[0][2] == raw


COMMON = ["F6-02-01", "F6-10-00", "D5-00-01", "A5-02-01", "A5-02-30", "A5-04-01", "A5-06-02", "A5-07-01", "A5-08-01"]


@pytest.mark.parametrize("eep", [*COMMON, "A5-10-03", "A5-12-01", "A5-14-01", "A5-20-01", "A5-30-03", "A5-38-08"])
def test_what_a_profile_says_it_is_what_it_was_told(eep, profiles):
    """Each number that a telegram can hold comes out as it was put in, to the step."""
    profile = profiles.find(eep)
    size = 4 if eep.startswith("A5") else 1
    payload = bytes([1, 0x20, 0x40, 0x08][:size]) if size == 4 else b"\x10"
    said = profile.decode(payload, 0)
    assert said
    assert set(said) <= set(profile.names)
    for name, (value, _) in said.items():
        if eep not in ("A5-20-01", "A5-38-08") and isinstance(value, float):
            again = profile.decode(profile.encode({name: value})[0], 0)
            assert again[name].value == value, name


@pytest.mark.parametrize(("payload", "number"), [("00640001", 1), ("02", 2), ("03", 3), ("32000004", 4)])
def test_the_command_of_a_blind_is_in_its_last_bits(payload, number, profiles):
    said = profiles.find("D2-05-00").decode(bytes.fromhex(payload), 0)
    assert said["CMD"] == (number, None)


@pytest.mark.parametrize(
    ("eep", "payload", "why"),
    [
        ("D2-01-01", "0400", "needs 3 bytes, not 2"),
        ("D2-01-01", "0c0000", "has no command 12"),
        ("D2-01-01", "", "no command None"),
        ("F6-05-02", "20", "no such value: 20"),
    ],
)
def test_what_is_not_of_the_profile_is_not_understood(eep, payload, why, profiles):
    with pytest.raises(ValueError, match=why):
        profiles.find(eep).decode(bytes.fromhex(payload), 0)


def test_types_with_the_same_telegrams_are_known(profiles):
    assert profiles.find("D2-01-0E").eep == "D2-01-0E"
    assert profiles.find("D2-99-00") is None
    assert profiles.find("31-00-00") is None


def test_units_are_those_of_home_assistant(profiles):
    units = {
        quantity.unit
        for eep in ("A5-04-01", "A5-06-01", "A5-07-01", "A5-09-04", "A5-30-03", "A5-10-06")
        for quantity in profiles.find(eep).decode(bytes([16] * 4), 0).values()
    }
    assert units == {None, "°C", "%", "V", "lx", "ppm"}
