"""Hardware by hand: opened for the moment, and through the running node, with the same answers."""

import pytest

THERMOMETER, SWITCH = "28.67C6697351FF", "29.0A0B0C0D0E0F"


@pytest.fixture
def house(busgate, scenario):
    process, urls = busgate.house(f'{scenario}[[device]]\nbus = "attic"\nid = "{SWITCH}"\n')
    busgate.configure(("attic", urls["attic"]))
    return process


def everything(busgate):
    """What each command answers, as (status, output, errors)."""
    calls = [
        ("scan", "attic"),
        ("read", "attic", THERMOMETER, "temperature"),
        ("write", "attic", SWITCH, "PIO.0", "true"),
        ("read", "attic", SWITCH, "PIO.0"),
        ("read", "attic", THERMOMETER, "nothing"),
        ("read", "attic", "28.AAAAAAAAAAAA", "temperature"),
        ("write", "attic", THERMOMETER, "temperature", "1"),
        ("write", "attic", SWITCH, "PIO.0", "purple"),
        ("read", "cellar", THERMOMETER, "temperature"),
    ]
    done = [busgate("bus", *call, check=False) for call in calls]
    return [(one.returncode, one.stdout, one.stderr) for one in done]


def test_both_ways_answer_alike(busgate, house):
    alone = everything(busgate)
    busgate.start("up").line_with("attic: up")
    assert everything(busgate) == alone
    assert [status for status, _, _ in alone] == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert THERMOMETER in alone[0][1]
    assert SWITCH in alone[0][1]
    assert (alone[1][1], alone[3][1]) == ("21.5 °C\n", "true\n")
    for status, out, errors in alone:
        assert errors == "" if status == 0 else (out == "" and errors.startswith("error: "))
        assert errors.count("\n") <= 1


def test_hardware_out_of_reach(busgate, house):
    house.stop()
    done = busgate("bus", "read", "attic", THERMOMETER, "temperature", check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "refused" in done.stderr
