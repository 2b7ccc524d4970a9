"""Scenario files: what they may say, and how every mistake is reported."""

from pathlib import Path

import pytest

from hwsim.errors import ScenarioError
from hwsim.faults.bus_faults import Close
from hwsim.onewire.slave import Power
from hwsim.quantity_spec import CURVES, DaySpec, FileSpec, NumberSpec
from hwsim.radio.devices import KINDS
from hwsim.radio.stick_spec import STICKS
from hwsim.scenario_reader import read_scenario, read_scenario_file

BUS = '[[bus]]\nname = "attic"\nchannels = 2\n'


def problems(text, folder=Path()):
    with pytest.raises(ScenarioError) as caught:
        read_scenario(text, "x.toml", folder)
    return [str(problem) for problem in caught.value.problems]


def test_the_house_that_is_shipped_has_no_mistakes():
    path = Path(__file__).parents[2] / "config" / "house.toml"
    scenario = read_scenario_file(path)
    assert set(scenario.kinds.values()) >= {"onewire", *STICKS}
    assert {entry.spec.kind for entry in scenario.radio_devices} == set(KINDS)
    assert all(f'curve = "{curve}"' in path.read_text() for curve in CURVES)
    families = {device.spec.rom.family for device in scenario.devices}
    assert families == {0x28, 0x10, 0x22, 0x26, 0x1D, 0x29, 0x3A, 0x12, 0x1F}
    assert len(scenario.faults) >= 5


def test_everything_at_once(tmp_path):
    (tmp_path / "t.csv").write_text("time,a\n0,1\n")
    scenario = read_scenario(
        'seed = 3\nstart = "06:30"\n'
        + BUS
        + """
[[device]]
bus = "attic"
id = "28.67C6697351FF.68"
alias = "kitchen"
channel = 1
power = "parasite"
temperature = { curve = "day", mean = 21.0, swing = 3.0 }
temphigh = 30
[[device]]
bus = "attic"
id = "28000000000001"
temperature = 20
[[device]]
bus = "attic"
id = "28.000000000002"
temperature = "t.csv"
[[fault]]
at = 3.5
for = 2
kind = "close"
target = "attic"
where = "header"
[[fault]]
kind = "unplug"
target = "28000000000002"
""",
        "x.toml",
        tmp_path,
    )
    first, second, third = scenario.devices
    assert scenario.house.start_seconds == 6.5 * 3600
    assert (first.spec.id, first.spec.power, first.settings) == ("28.67C6697351FF", Power.PARASITE, {"temphigh": 30})
    assert isinstance(first.quantities["temperature"], DaySpec)
    assert isinstance(second.quantities["temperature"], NumberSpec)
    assert isinstance(third.quantities["temperature"], FileSpec)
    fault = scenario.faults[0]
    assert (fault.spec.at, fault.spec.duration) == (3.5, 2)
    assert isinstance(fault.fault, Close)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.toml: the house has no bus; begin with [[bus]] and a name"),
        ("a = [", "x.toml: not valid TOML: invalid value (at end of document)"),
        ("\n a b", "x.toml:2: not valid TOML: expected '=' after a key in a key/value pair"),
        ("bus = 3", "x.toml:1: bus: must be tables, each beginning with [[bus]]"),
        (f"{BUS}seeed = 3", "x.toml:4: bus.seeed: unknown key; known are"),
        (f"sed = 3\n{BUS}", "x.toml:1: sed: unknown key; did you mean 'seed'?"),
        (f"{BUS}[[devices]]\n", "x.toml:4: devices: unknown key; did you mean 'device'?"),
        (f"{BUS}[bus.cache]\nvolatil = 3", "x.toml:5: bus.cache.volatil: unknown key"),
        (f"{BUS}{BUS}", "x.toml:5: bus.name: there are two buses named 'attic'"),
        (f'start = "25:00"\n{BUS}', "x.toml:1: start: '25:00' is no time of day; write hours and minutes, as in 06:30"),
        (f'{BUS}[[device]]\nbus = "attic"', "x.toml:4: device.id: is missing"),
        (f"{BUS}port = 99999", "x.toml:4: bus.port: must be less than or equal to 65535, not 99999"),
    ],
)
def test_mistakes_of_the_house(text, message):
    assert any(problem.startswith(message) for problem in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("temprature = 3", "device.temprature: a DS18B20 has no such key; did you mean 'temperature'?"),
        ("temperature = 300", "device.temperature: temperature can't be 300 degC; it must be from -55 to 125"),
        ("temperature = [1]", "device.temperature: write a number, a table with a curve, or the name of a CSV file"),
        ('temperature = { curve = "dey" }', "device.temperature: no curve 'dey'; did you mean 'day'?"),
        ('temperature = { curve = "day", mean = 1 }', "device.temperature.swing: is missing"),
        ('temperature = "gone.csv"', "device.temperature: gone.csv can't be read: no such file or directory"),
        ("resolution = 13", "device.resolution: resolution can't be 13 bits; it must be from 9 to 12"),
        ("temphigh = 3.5", "device.temphigh: must be a whole number, not 3.5"),
        ("channel = 2", "device.channel: bus 'attic' has no channel 2; it has 2"),
        ('under = "1F.000000000001:main"', "device.under: there is no hub 1F.000000000001 on this bus"),
        ('under = "28.000000000001:main"', "device.under: 28.000000000001 is not a hub"),
        ('under = "1F.000000000001"', "device.under: '1F.000000000001' names no branch; write 1F.000000000001:main"),
        ('alias = "a/b"', "device.alias: 'a/b' can't be an alias"),
        ('power = "solar"', "device.power: must be 'external' or 'parasite', not 'solar'"),
    ],
)
def test_mistakes_of_a_device(line, message):
    found = problems(f'{BUS}[[device]]\nbus = "attic"\nid = "28.67C6697351FF"\n{line}\n')
    assert len(found) == 1
    assert found[0].startswith(f"x.toml:7: {message}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('kind = "restrt"\ntarget = "attic"', "x.toml:5: fault.kind: no fault of this kind; did you mean 'restart'?"),
        ('kind = "restart"\ntarget = "atic"', "x.toml:6: fault.target: there is no bus 'atic'; did you mean 'attic'?"),
        ('kind = "unplug"\ntarget = "attic"', "x.toml:6: fault.target: there is no device 'attic'"),
        ('kind = "close"\ntarget = "attic"\nwher = 1', "x.toml:7: fault.wher: unknown key; did you mean 'where'?"),
        (
            'kind = "restart"\ntarget = "attic"\nat = -1',
            "x.toml:7: fault.at: must be greater than or equal to 0, not -1",
        ),
    ],
)
def test_mistakes_of_a_fault(line, message):
    assert problems(f"{BUS}[[fault]]\n{line}\n")[0].startswith(message)


def test_all_mistakes_come_in_the_order_of_the_file():
    found = problems(
        f"""sed = 1
{BUS}
[[device]]
bus = "atic"
id = "28.67C6697351FF.00"
[[device]]
bus = "attic"
id = "99.67C6697351FF"
[[device]]
bus = "attic"
id = "28.000000000001"
power = "solar"
temprature = 3
[[device]]
bus = "attic"
id = "28.000000000001"
"""
    )
    assert [int(problem.split(":")[1]) for problem in found] == [1, 7, 8, 11, 15, 16, 19]


def test_hubs_in_a_circle():
    hub = '[[device]]\nbus = "attic"\nid = "1F.00000000000{}"\nunder = "1F.00000000000{}:aux"\n'
    found = problems(BUS + hub.format(1, 2) + hub.format(2, 1))
    assert any("hangs behind itself" in problem for problem in found)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match=r"no\.toml: can't be read: No such file or directory"):
        read_scenario_file(tmp_path / "no.toml")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="is not UTF-8 text"):
        read_scenario_file(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('"winter.csv"', r"winter\.csv:3: seconds and a value are needed here"),
        ('{ csv = "ok.csv", column = "attic" }', r"ok\.csv has no column 'attic'; its columns are inside, outside"),
        ('{ csv = "ok.csv", colum = "inside" }', r"device\.temperature\.colum: unknown key; did you mean 'column'"),
        ('{ csv = "ok.csv", curve = "day" }', r"device\.temperature\.curve: unknown key"),
        ('{ curve = "walk", mean = 1, swing = 1, step = 0 }', r"device\.temperature\.step: must be greater than 0"),
        ('{ curve = "day", mean = 1, swing = 1, peak = 24 }', r"device\.temperature\.peak: must be less than 24"),
    ],
)
def test_mistakes_of_a_curve_or_its_file(tmp_path, written, message):
    (tmp_path / "winter.csv").write_text("time,inside\n0,20.5\n60,cold\n")
    (tmp_path / "ok.csv").write_text("time,inside,outside\n0,20.5,-3\n60,20,-4\n")
    text = f'{BUS}[[device]]\nbus = "attic"\nid = "28.67C6697351FF"\ntemperature = {written}\n'
    with pytest.raises(ScenarioError, match=rf"^x\.toml:7: .*{message}"):
        read_scenario(text, "x.toml", tmp_path)
