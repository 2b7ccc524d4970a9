"""Commands: what they are in telegrams, for each equipment profile.

``set`` is there for each profile: its values are those of the profile, what is not given is 0. The others say the same
in words. A telegram of a VLD profile is addressed to its device; those of the older kinds go to all, and a device obeys
when the id that they are sent with was taught to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from busgate_enocean.erp1 import AIRTIME, BROADCAST, FOUR_BS, ONE_BS, RPS, VLD, Erp1
from gateway.errors import Unsupported, WriteRefused
from gateway.values import Transmission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from busgate_enocean.profiles import Profile, Profiles
    from busgate_enocean.senders import Sender

BAND: Final = "868.0"
#: Bit 3 of the last byte says that a telegram is no teach-in (EEP 2.6.8, 3.2 and 3.3).
_DATA_TELEGRAM: Final = 0x08
#: A 4BS teach-in with profile and manufacturer; 0x7FF is the manufacturer of nobody in particular (EEP 2.6.8, 3.3).
_WITH_PROFILE, _MULTI_USER = 0x80, 0x7FF
#: D2-01: every output. D2-05: an angle that stays.
_ALL_OUTPUTS, _UNCHANGED = 30, 127
#: Status of RPS telegrams: of a module with two rockers; a button is pressed (EEP 2.6.8, F6-02).
_PRESSED: Final = {"EB": 1, "T21": True, "NU": True}
_RELEASED: Final = {"EB": 0, "T21": True, "NU": False}
_BUTTONS: Final = ("AI", "AO", "BI", "BO")


@dataclass(frozen=True, slots=True)
class Order:
    """A command as a telegram."""

    telegram: Erp1
    repeatable: bool
    answers: bool

    @property
    def transmission(self) -> Transmission:
        """What it means on the air. Sender ids belong to one stick, so no other can take over."""
        return Transmission(AIRTIME, BAND, self.repeatable, True, self.telegram.key, self.answers)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """``takes`` are the names of what may be given; ``fields`` makes values of the profile of it, or a payload."""

    takes: tuple[str, ...]
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any] | bytes]
    repeatable: bool = True
    answers: bool = False


def _output(value: Any, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"CMD": 1, "IO": given.get("channel", _ALL_OUTPUTS), "OV": value}


def _ask_output(given: Mapping[str, Any]) -> bytes:
    """Actuator Status Query, which the library lacks (EEP 2.6.8, D2-01, command 3)."""
    channel = given.get("channel", _ALL_OUTPUTS)
    if isinstance(channel, bool) or not isinstance(channel, int) or not 0 <= channel <= _ALL_OUTPUTS:
        raise WriteRefused(f"channel should be from 0 to {_ALL_OUTPUTS} (all), not {channel!r}")
    return bytes([3, channel])


def _dim(given: Mapping[str, Any]) -> Mapping[str, Any]:
    level = _percent("level", given)
    return {"COM": 2, "EDIM": level, "EDIMR": 1, "RMP": given.get("ramp", 0), "SW": int(level > 0)}


def _go(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"CMD": 1, "POS": _percent("position", given), "ANG": given.get("angle", _UNCHANGED)}


def _press(given: Mapping[str, Any]) -> Mapping[str, Any]:
    button = str(given.get("button")).upper()
    if button not in _BUTTONS:
        raise WriteRefused(f"button should be one of {', '.join(_BUTTONS)}, not {given.get('button')!r}")
    return {"R1": f"Button {button}", **_PRESSED}


def _percent(name: str, given: Mapping[str, Any]) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise WriteRefused(f"{name} should be from 0 to 100 %, not {value!r}")
    return round(value)


_ROCKER: Final = {
    "press": _Recipe(("button",), _press, repeatable=False),
    "release": _Recipe((), lambda given: _RELEASED),
}
#: By the beginning of the profile's name.
_RECIPES: Final[Mapping[str, Mapping[str, _Recipe]]] = {
    "D2-01-": {
        "on": _Recipe(("channel",), lambda given: _output(100, given), answers=True),
        "off": _Recipe(("channel",), lambda given: _output(0, given), answers=True),
        "level": _Recipe(("level", "channel"), lambda given: _output(_percent("level", given), given), answers=True),
        "query": _Recipe(("channel",), _ask_output, answers=True),
    },
    "D2-05-": {
        "position": _Recipe(("position", "angle"), _go),
        "stop": _Recipe((), lambda given: {"CMD": 2}),
        "query": _Recipe((), lambda given: {"CMD": 3}, answers=True),
    },
    "A5-38-08": {
        "on": _Recipe((), lambda given: {"COM": 1, "SW": 1}),
        "off": _Recipe((), lambda given: {"COM": 1, "SW": 0}),
        "level": _Recipe(("level", "ramp"), _dim),
    },
    "F6-02-": _ROCKER,
}


class Commands:
    """Makes telegrams of commands, with the sender ids of one stick."""

    def __init__(self, profiles: Profiles, base_id: int) -> None:
        self._profiles = profiles
        self._base_id = base_id

    def order(self, device: Sender, command: str, values: Mapping[str, Any]) -> Order:
        """What a command is.

        Raises:
            Unsupported: the device has no such command, or its profile isn't known.
            WriteRefused: not with these values.
        """
        if command == "accept":
            return self._accept(device, values)
        profile = device.profile
        if profile is None:
            why = f"its profile {device.eep} is none that can be encoded" if device.eep else "its profile isn't known"
            raise Unsupported(f"{device.id} takes no commands: {why}; configure it: [[interface.device]] id, eep")
        recipes = next((found for begin, found in _RECIPES.items() if profile.eep.startswith(begin)), {})
        if command == "set":
            return self._of(device, profile, values, repeatable=profile.rorg != RPS, answers=False)
        if command == "teach" and profile.rorg in (ONE_BS, FOUR_BS):
            return self._teach(device, profile, values)
        if (recipe := recipes.get(command)) is None:
            teach = ["teach"] if profile.rorg in (ONE_BS, FOUR_BS) else []
            known = ", ".join([*recipes, "set", *teach])
            raise Unsupported(f"{device.id} ({profile.eep}) has no command {command!r} (there are: {known})")
        _refuse_others(command, values, recipe.takes)
        return self._of(device, profile, recipe.fields(values), repeatable=recipe.repeatable, answers=recipe.answers)

    def _of(
        self, device: Sender, profile: Profile, fields: Mapping[str, Any] | bytes, *, repeatable: bool, answers: bool
    ) -> Order:
        payload, status = (fields, 0) if isinstance(fields, bytes) else profile.encode(fields)
        if profile.rorg in (ONE_BS, FOUR_BS):
            payload = payload[:-1] + bytes([payload[-1] | _DATA_TELEGRAM])
        return Order(self._telegram(device, profile, payload, status), repeatable, answers)

    def _teach(self, device: Sender, profile: Profile, values: Mapping[str, Any]) -> Order:
        """Tell a device in teach-in mode who will command it."""
        _refuse_others("teach", values, ())
        function, type_ = (int(part, 16) for part in profile.eep.split("-")[1:])
        content = function << 26 | type_ << 19 | _MULTI_USER << 8 | _WITH_PROFILE
        payload = content.to_bytes(4) if profile.rorg == FOUR_BS else b"\x00"
        return Order(self._telegram(device, profile, payload, 0), repeatable=True, answers=False)

    def _accept(self, device: Sender, values: Mapping[str, Any]) -> Order:
        """Answer the device that has asked to be taught in."""
        _refuse_others("accept", values, ())
        if device.query is None:
            raise WriteRefused(f"{device.id} has not asked to be taught in")
        telegram = self._profiles.acceptance(device.query, self._base_id + device.offset)
        return Order(telegram, repeatable=False, answers=False)

    def _telegram(self, device: Sender, profile: Profile, payload: bytes, status: int) -> Erp1:
        destination = int(device.id, 16) if profile.rorg == VLD else BROADCAST
        return Erp1(profile.rorg, payload, self._base_id + device.offset, status, destination)


def _refuse_others(command: str, values: Mapping[str, Any], takes: tuple[str, ...]) -> None:
    if others := sorted(values.keys() - set(takes)):
        known = f"it takes {', '.join(takes)}" if takes else "it takes none"
        raise WriteRefused(f"{command} has no value {', '.join(others)} ({known})")
