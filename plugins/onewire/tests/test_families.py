"""The table of families, and what the server says of the others."""

import pytest
from busgate_onewire.families import FAMILIES, Attribute, attribute_of, family_of, from_structure


def test_what_is_polled_is_in_the_table():
    for code, family in FAMILIES.items():
        names = {attribute.name for attribute in family.attributes}
        assert set(family.polled) <= names, code
        assert len(names) == len(family.attributes), code


@pytest.mark.parametrize(
    ("name", "form", "unit"),
    [
        ("temperature", "t", "°C"),
        ("humidity", "f", "%"),
        ("HIH4000/humidity", "f", "%"),
        ("VDD", "f", "V"),
        ("volt.A", "f", "V"),
        ("B1-R1-A/pressure", "p", "mbar"),
        ("EDS0068/light", "u", "lx"),
        ("S3-R1-A/illuminance", "f", "lx"),
        ("sensed.0", "y", None),
        ("counter.A", "u", None),
        ("type", "a", None),
    ],
)
def test_units_are_those_of_home_assistant(name, form, unit):
    assert Attribute(name, form).unit == unit


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("sensed.7", ("sensed", 7)),
        ("PIO.B", ("PIO", 1)),
        ("sensed.ALL", None),
        ("sensed.BYTE", None),
        ("temperature", None),
        ("pages/page.3", ("pages/page", 3)),
    ],
)
def test_elements_of_arrays(name, array):
    assert Attribute(name, "y").array == array


def test_a_line_of_the_structure_directory():
    found = from_structure("PIO.0", "y,000000,000008,rw,000001,s,")
    assert found == Attribute("PIO.0", "y", "rw", "s", verify=True)
    assert found.volatile  # the server takes it for stable, but a loss of supply changes it
    assert not Attribute("temphigh", "t", "rw", "s").volatile
    assert from_structure("temperature", "t,000000,000001,ro,000012,v,") == Attribute("temperature", "t")
    assert Attribute("udate", "u", "rw", "t").volatile
    assert from_structure("udate", "u,000000,000001,rw,000012,t,") == Attribute("udate", "u", "rw", "t")
    assert from_structure("PIO.BYTE", "y,-000002,000008,ro,000012,v,") == Attribute("PIO.BYTE", "u")
    assert from_structure("PIO.ALL", "y,-000001,000008,ro,000015,v,") == Attribute("PIO.ALL", "a")


@pytest.mark.parametrize("line", ["", "nonsense", "q,0,0,ro,0,v,", "t,0,0,xx,0,v,"])
def test_what_is_no_such_line_is_none(line):
    assert from_structure("x", line) is None


def test_an_unknown_family_has_what_all_have_and_is_not_polled():
    family = family_of("EE")
    assert family.polled == ()
    assert attribute_of(family, "address") == Attribute("address", "a", change="f")
    assert attribute_of(family, "temperature") is None


def test_the_sensors_of_one_family_differ_by_their_device_type():
    assert "EDS0068/light" in family_of("7E", "EDS0068").polled
    assert family_of("7E", "EDS0064").polled == ("EDS0064/temperature",)
    assert family_of("A6").kind == "DS2438"
