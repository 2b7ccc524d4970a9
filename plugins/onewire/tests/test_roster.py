"""What a job asks to be read, and how often."""

import pytest
from busgate_onewire.roster import Roster, Wishes

from gateway.values import Device

SENSOR = Device("28.000000000001", "DS18B20", ("temperature", "temphigh"), details={"alias": "kitchen"})
OTHER = Device("28.000000000002", "DS18B20", ("temperature", "temphigh"), details={"alias": None})
METER = Device("26.000000000003", "DS2438", ("temperature", "humidity", "VDD", "VAD"))
BUTTONS = Device("29.000000000004", "DS2408", ("sensed.0", "latch.0", "PIO.0"))
RELAY = Device("3A.000000000005", "DS2413", ("sensed.A", "PIO.A"))
TAG = Device("01.000000000006", "DS2401")


def roster(*devices, names=None, attributes=None, interval=None, intervals=None):
    made = Roster(Wishes.of(names, attributes, interval, intervals))
    made.meet(devices)
    return made


def test_by_default_a_family_says_what_and_how_often():
    made = roster(SENSOR, METER, RELAY)
    assert made.intervals[SENSOR.id, "temperature"] == 60.0
    assert (SENSOR.id, "temphigh") not in made.intervals
    assert {key[1] for key in made.intervals if key[0] == METER.id} == {"temperature", "humidity", "VDD", "VAD"}
    assert made.intervals[RELAY.id, "sensed.A"] == 1.0


def test_switches_with_latches_tell_by_themselves():
    made = roster(BUTTONS, RELAY)
    assert made.switches() == [BUTTONS.id]
    assert not [key for key in made.measured() if key[0] == BUTTONS.id]
    assert (RELAY.id, "sensed.A") in made.measured()


def test_one_interval_for_all_but_inputs_are_looked_at_as_often():
    made = roster(SENSOR, RELAY, BUTTONS, interval=10)
    assert made.intervals[SENSOR.id, "temperature"] == 10.0
    assert made.intervals[RELAY.id, "sensed.A"] == 1.0
    assert roster(RELAY, BUTTONS, interval=0.5).switch_interval() == 0.5


def test_what_is_said_most_closely_goes():
    intervals = {"28": 5, "DS18B20": 4, "temperature": 3, OTHER.id: 2, "29": 0.1}
    made = roster(SENSOR, OTHER, BUTTONS, METER, interval=9, intervals=intervals)
    assert made.intervals[OTHER.id, "temperature"] == 2.0
    assert made.intervals[SENSOR.id, "temperature"] == 3.0
    assert made.intervals[METER.id, "VDD"] == 9.0
    assert made.switch_interval() == 0.1


def test_devices_by_id_in_any_form_or_by_alias():
    assert {key[0] for key in roster(SENSOR, OTHER, METER, names=["kitchen", "26000000000003"]).intervals} == {
        SENSOR.id,
        METER.id,
    }


def test_attributes_as_a_list_go_for_every_device_that_has_them():
    made = roster(SENSOR, METER, attributes=["temperature", "VDD"])
    assert set(made.intervals) == {(SENSOR.id, "temperature"), (METER.id, "temperature"), (METER.id, "VDD")}


def test_attributes_by_family_kind_or_device():
    made = roster(SENSOR, OTHER, METER, attributes={"28": ["temphigh"], OTHER.id: ["templow"], "DS2438": []})
    assert set(made.intervals) == {(SENSOR.id, "temphigh"), (OTHER.id, "templow")}


def test_a_device_named_by_its_id_is_expected_before_it_is_found():
    wishes = Wishes.of(["28.000000000009", "attic door"], None, None, None)
    made = Roster(wishes)
    assert made.meet(wishes.expected()) == [("28.000000000009", "temperature")]


def test_what_was_there_once_stays():
    made = roster(SENSOR)
    assert made.meet([METER]) == [key for key in made.intervals if key[0] == METER.id]
    assert made.meet([METER]) == []
    assert SENSOR.id in made.devices


def test_tags_are_looked_for_as_often_as_asked():
    assert roster(TAG).tags() == [TAG.id]
    assert roster(TAG).tag_interval() == float("inf")
    assert roster(TAG, intervals={"01": 5}).tag_interval() == 5.0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"devices": "28.000000000001"}, "devices must be a list of names"),
        ({"devices": [5]}, "devices must be a list of names"),
        ({"attributes": 5}, "attributes must be"),
        ({"attributes": {"28": "temperature"}}, "attributes of 28 must be a list"),
        ({"interval": 0}, "interval must be seconds, at least 0.1"),
        ({"interval": float("nan")}, "interval must be seconds"),
        ({"interval": True}, "interval must be seconds"),
        ({"intervals": [1]}, "intervals must be a map"),
        ({"intervals": {"28": "often"}}, "intervals of 28 must be seconds"),
    ],
)
def test_data_that_can_not_be_used_is_named(wrong, told):
    data = {"devices": None, "attributes": None, "interval": None, "intervals": None} | wrong
    with pytest.raises(ValueError, match=told):
        Wishes.of(**data)
