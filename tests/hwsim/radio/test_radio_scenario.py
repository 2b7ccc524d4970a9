"""Scenario files with radios: what they may say, and how every mistake is reported with its line."""

from pathlib import Path

import pytest

from hwsim import House
from hwsim.errors import ScenarioError
from hwsim.scenario_reader import read_scenario

STICK = '[[bus]]\nname = "attic"\nkind = "rfxtrx"\n'


def problems(text):
    with pytest.raises(ScenarioError) as caught:
        read_scenario(text, "x.toml", Path())
    return [str(problem) for problem in caught.value.problems]


def test_everything_at_once():
    scenario = read_scenario(
        """
seed = 3
[air]
rssi = -70
jitter = 1.5
capture = 6
loss = 0.05
copy_loss = 0.1
[[bus]]
name = "attic"
kind = "rfxtrx"
path = "/tmp/usb-rfxcom"
loss = 0.0
latency = 0.002
[[bus]]
name = "wire"
[[bus]]
name = "link"
kind = "rflink"
reset_on_open = true
[[device]]
kind = "weather"
name = "garden"
code = "oregon"
id = "1A2D"
temperature = { curve = "day", mean = 10, swing = 5 }
rssi = { attic = -60, link = -90 }
[[device]]
bus = "wire"
id = "28.000000000001"
[[fault]]
kind = "unplug"
target = "attic"
at = 10
for = 5
[[fault]]
kind = "unplug"
target = "28.000000000001"
[[fault]]
kind = "unplug"
target = "garden"
[[fault]]
kind = "torn"
target = "link"
keep = 3
""",
        "x.toml",
        Path(),
    )
    assert scenario.kinds == {"attic": "rfxtrx", "wire": "onewire", "link": "rflink"}
    assert [spec.reach(scenario.air).loss for spec in scenario.sticks] == [0.0, 0.05]
    assert [entry.spec.name for entry in scenario.radio_devices] == ["garden"]
    assert [(type(fault.fault).__name__, fault.fault.target) for fault in scenario.faults] == [
        ("Unplug", "bus"),
        ("Unplug", "device"),
        ("BatteryOut", "device"),
        ("Torn", "bus"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"[air]\nlos = 1\n{STICK}", "x.toml:2: air.los: unknown key; did you mean 'loss'?"),
        (f"[air]\nloss = 2\n{STICK}", "x.toml:2: air.loss: must be less than or equal to 1, not 2"),
        (f"air = 3\n{STICK}", "x.toml:1: air: must be a table, beginning with [air]"),
        ('[[bus]]\nname = "a"\nkind = "rfxtx"', "x.toml:3: bus.kind: no bus of this kind; did you mean 'rfxtrx'?"),
        (f"{STICK}channels = 2", "x.toml:4: bus.channels: unknown key; known are copy_loss, every_copy"),
        (f"{STICK}reset_on_open = true", "x.toml:4: bus.reset_on_open: unknown key"),
        ('[[bus]]\nname = "a/b"\nkind = "rflink"', "x.toml:2: bus.name: 'a/b' can't be the name of a stick"),
        (
            '[[bus]]\nname = "a"\nkind = "enocean"\nbase_id = "FF800001"',
            "x.toml:4: bus.base_id: 'FF800001' is no base id; they go from FF800000 to FFFFFF80 in steps of 80",
        ),
        (f'{STICK}[[device]]\nbus = "attic"\nid = "28.000000000001"', "x.toml:5: device.bus: 'attic' is a stick;"),
        (f'{STICK}[[device]]\nkind = "remot"', "x.toml:5: device.kind: no device of this kind; did you mean 'remote'?"),
        (f'{STICK}[[device]]\nkind = "repeater"', "x.toml:4: device.name: is missing"),
        (f'{STICK}[[device]]\nkind = "repeater"\nname = "attic"', "x.toml:6: device.name: there is something else"),
    ],
)
def test_mistakes_of_the_air_and_its_sticks(text, message):
    assert any(problem.startswith(message) for problem in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('kind = "remote"\ncode = "ax"', "device.code: must be 'ac', 'arc', 'rts' or 'rps', not 'ax'"),
        (
            'kind = "remote"\ncode = "ac"\nid = "4000000"',
            "device.id: '4000000' is no AC address; write up to 7 hexadec",
        ),
        ('kind = "remote"\ncode = "ac"\nid = "0"', "device.id: 0 is no AC address; transmitters refuse it"),
        ('kind = "remote"\ncode = "arc"\nid = "Q"', "device.id: 'Q' is no house of a code wheel; write a letter from"),
        ('kind = "remote"\ncode = "rps"\nid = "FFFFFFFF"', "device.id: 'FFFFFFFF' is no id of a device; it stands for"),
        ('kind = "remote"\ncode = "ac"\nid = "1"\nunit = 17', "device.unit: must be less than or equal to 16, not 17"),
        ('kind = "weather"\ncode = "oregon"\nid = "1"\nhumidity = 101', "device.humidity: humidity can't be 101 %"),
        (
            'kind = "weather"\ncode = "oregon"\nid = "1"\nhumidty = 9',
            "device.humidty: unknown key; did you mean 'humidi",
        ),
        ('kind = "weather"\ncode = "4bs"\nid = "1"\nbus = "attic"', "device.bus: a device with an antenna hangs on no"),
        ('kind = "switch"\ncode = "vld"\nid = "1"\nanswer_id = "2"', "device.answer_id: only AC switches can be given"),
        ('kind = "frame"\nstick = "rfxtrx"\nframe = "0B11"', "device.frame: the first byte of an RFXtrx frame is the"),
        ('kind = "frame"\nstick = "rfxtrx"\nframe = "04020100"', "device.frame: the first byte"),
        ('kind = "frame"\nstick = "rfxtrx"\nframe = "0402010700"', "device.frame: type 02 is no report"),
        ('kind = "frame"\nstick = "rfxtrx"\nframe = "xy"', "device.frame: write the frame as hexadecimal digits"),
        ('kind = "frame"\nstick = "rflink"\nframe = "10;PING;"', "device.frame: write a line as in 20;06;Kaku;"),
        ('kind = "frame"\nstick = "enocean"\nframe = "5500"', "device.frame: this is not one ESP3 packet with right"),
        (
            'kind = "frame"\nstick = "enocean"\nframe = "5500010005700838"',
            "device.frame: only packets of type 1 (RADIO_ERP1) come from the air",
        ),
    ],
)
def test_mistakes_of_a_device(line, message):
    found = problems(f'{STICK}[[device]]\nname = "it"\n{line}\n')
    last = 5 + len(line.splitlines())
    assert any(problem.startswith(f"x.toml:{last}: {message}") for problem in found), found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'kind = "crowd"\ntarget = "attic"',
            "x.toml:6: fault.target: a bus of kind rfxtrx can't have the fault 'crowd'",
        ),
        ('kind = "torn"\ntarget = "atic"', "x.toml:6: fault.target: there is no bus 'atic'; did you mean 'attic'?"),
        ('kind = "unplug"\ntarget = "atic"', "x.toml:6: fault.target: there is no bus or device 'atic'; did you mean"),
        ('kind = "torn"\ntarget = "attic"\nkep = 3', "x.toml:7: fault.kep: unknown key; did you mean 'keep'?"),
        ('kind = "restart"\ntarget = "attic"\nreset = true', "x.toml:7: fault.reset: unknown key"),
    ],
)
def test_mistakes_of_a_fault(line, message):
    found = problems(f"{STICK}[[fault]]\n{line}\n")
    assert any(problem.startswith(message) for problem in found), found


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "x"}, "device: kind: is missing"),
        ({"name": "x", "kind": "remote", "code": "ac"}, "device: id: is missing"),
    ],
)
def test_a_device_that_can_not_be_added(keys, message):
    with pytest.raises(ScenarioError, match=message):
        House.parse(STICK).add_radio(**keys)


def test_sticks_have_ids_of_their_own_that_stay():
    text = '[[bus]]\nname = "{}"\nkind = "enocean"\n'
    scenario = read_scenario(text.format("a") + text.format("b"), "x.toml", Path())
    first, second = [vars(spec.firmware(1))["_base_id"] for spec in scenario.sticks]
    assert first != second
    assert first % 128 == 0
    assert vars(scenario.sticks[0].firmware(1))["_base_id"] == first
