"""What stands around the sticks: remote controls, sensors, actors. By the kind that scenarios write."""

from hwsim.radio.devices.actor import Actor
from hwsim.radio.devices.blind import Blind
from hwsim.radio.devices.contact import Contact
from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.devices.frame import FrameSender
from hwsim.radio.devices.remote import Remote
from hwsim.radio.devices.repeater import Repeater
from hwsim.radio.devices.switch import Switch
from hwsim.radio.devices.weather import Weather

KINDS: dict[str, type[RadioDevice]] = {
    "remote": Remote,
    "weather": Weather,
    "contact": Contact,
    "switch": Switch,
    "blind": Blind,
    "frame": FrameSender,
    "repeater": Repeater,
}

__all__ = ["KINDS", "Actor", "RadioDevice", "RadioDeviceSpec"]
