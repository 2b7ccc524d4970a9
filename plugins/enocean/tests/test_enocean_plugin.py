"""The plugin as the host finds it, and its options."""

from typing import cast

import pytest
from busgate_enocean.driver import EnoceanDriver
from busgate_enocean.options import Options

from gateway.bus.options import read_options
from gateway.errors import ConfigError
from gateway.plugins import Plugins

PORT = {"port": "/dev/serial/by-id/usb-EnOcean"}


def read(given):
    return cast(Options, read_options(EnoceanDriver, given))


def test_it_brings_a_driver():
    plugins = Plugins.installed()
    (info,) = [info for info in plugins.infos if info.name == "enocean"]
    assert info.error == ""
    assert info.distribution == "busgate-enocean"
    assert info.drivers == ("enocean",)
    assert plugins.driver("enocean") is EnoceanDriver


def test_the_defaults():
    options = read(PORT)
    assert (options.baudrate, options.serial, options.device) == (57600, "pyserial", [])
    assert options.duty_cycle == {"868.0": 0.01}


def test_ids_and_profiles_may_be_written_in_the_usual_ways():
    given = [{"id": "01:81:b7:44", "eep": "a5-02-05"}, {"id": "0x0194E3B9", "eep": "D2-01-0e", "sender": 127}]
    options = read(PORT | {"device": given})
    assert [(each.id, each.eep, each.sender) for each in options.device] == [
        ("0181B744", "A5-02-05", 0),
        ("0194E3B9", "D2-01-0E", 127),
    ]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "port: is missing"),
        (PORT | {"port": "ttyUSB0"}, "port: should be /dev/serial/by-id/"),
        (PORT | {"device": [{"id": "181B744", "eep": "A5-02-05"}]}, r"device\.0\.id: should be eight hexadecimal"),
        (PORT | {"device": [{"id": "0181B744", "eep": "temperature"}]}, r"device\.0\.eep: should be an equipment"),
        (PORT | {"device": [{"id": "0181B744"}]}, r"device\.0\.eep: is missing"),
        (PORT | {"device": [{"id": "0181B744", "eep": "A5-02-05", "sender": 128}]}, r"device\.0\.sender: "),
        (PORT | {"device": [{"id": "0181B744", "eep": "A5-02-05"}] * 2}, "device: there is more than one device 0181"),
        (PORT | {"duty_cycle": {"433": 0.1}}, r"duty_cycle: there is no band 433 \(there is 868.0\)"),
        (PORT | {"duty_cycle": {"868.0": 2}}, r"duty_cycle\.868\.0: "),
        (PORT | {"devices": []}, r"devices: unknown option \(did you mean 'device'\?\)"),
    ],
)
def test_what_is_wrong_is_named(given, complaint):
    with pytest.raises(ConfigError, match=complaint):
        read(given)


def test_every_option_says_what_it_is():
    for name, field in EnoceanDriver.options.model_fields.items():
        assert field.description or name == "serial", name
