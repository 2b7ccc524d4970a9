"""The plugin as the host finds it."""

from gateway.path import P
from gateway.plugins import Plugins


def test_it_brings_a_driver_and_a_procedure():
    plugins = Plugins.installed()
    (info,) = [info for info in plugins.infos if info.name == "onewire"]
    assert info.error == ""
    assert info.distribution == "busgate-onewire"
    assert info.drivers == ("onewire",)
    assert info.procedures == ("onewire.poll",)
    assert plugins.driver("onewire").name == "onewire"
    assert P("onewire.poll") in plugins.procedures


def test_every_option_says_what_it_is():
    for name, field in Plugins.installed().driver("onewire").options.model_fields.items():
        assert field.description, name
