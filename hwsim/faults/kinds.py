"""All kinds of faults by the name they have in a scenario; the same name may mean one for wires and one for sticks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hwsim.errors import FaultError, did_you_mean
from hwsim.faults import bus_faults, device_faults, radio_faults, stick_faults, wire_faults

if TYPE_CHECKING:
    from hwsim.faults.fault import Fault, Place

_KINDS: tuple[type[Fault], ...] = (
    bus_faults.Restart,
    bus_faults.Hang,
    bus_faults.Keepalives,
    bus_faults.NoAnswer,
    bus_faults.Close,
    bus_faults.NoPersistence,
    bus_faults.ShortValue,
    bus_faults.Shuffle,
    bus_faults.SlowBus,
    bus_faults.Crowd,
    device_faults.DeviceError,
    device_faults.Unplug,
    device_faults.PowerCycle,
    device_faults.BadCrc,
    device_faults.Stuck,
    device_faults.BrownOut,
    device_faults.SlowConversion,
    device_faults.AddressCollision,
    device_faults.Alias,
    *stick_faults.KINDS,
    *radio_faults.KINDS,
    *wire_faults.KINDS,
)

FAULTS: dict[str, tuple[type[Fault], ...]] = {
    name: tuple(fault for fault in _KINDS if fault.kind == name) for name in dict.fromkeys(f.kind for f in _KINDS)
}


def targets_of(kind: str) -> str:
    """What can have a fault of this kind, in words: `bus`, `device`, or `bus or device`."""
    return " or ".join(sorted({fault.target for fault in FAULTS[kind]}))


def fits(fault: type[Fault], place: Place) -> bool:
    """Whether this can happen there."""
    return fault.target == place.target and place.kind in fault.among


def find_fault(kind: str, place: Place) -> type[Fault]:
    """The fault of that name that can happen there.

    Raises:
        FaultError: there is no such kind, or it can't happen there; the message says what can.
    """
    possible = {fault.kind for fault in _KINDS if fits(fault, place)}
    if kind not in FAULTS:
        raise FaultError(f"no fault {kind!r} of a {place}{did_you_mean(kind, possible)}")
    for fault in FAULTS[kind]:
        if fits(fault, place):
            return fault
    raise FaultError(f"a {place} can't have the fault {kind!r}{did_you_mean('', possible)}")


def make_fault(kind: str, options: dict[str, Any], place: Place) -> Fault:
    """A fault with its options.

    Raises:
        FaultError: there is no such kind, it can't happen there, or the options are wrong.
    """
    model = find_fault(kind, place)
    try:
        return model.model_validate(options)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0])
        hint = did_you_mean(name, model.model_fields) if detail["type"] == "extra_forbidden" else ""
        reason = "no such option" if hint else detail["msg"].lower()
        raise FaultError(f"fault {kind!r}, option {name!r}: {reason}{hint}") from None
