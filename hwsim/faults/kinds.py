"""All kinds of faults by the name they have in a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from hwsim.errors import FaultError, did_you_mean
from hwsim.faults import bus_faults, device_faults

if TYPE_CHECKING:
    from hwsim.faults.fault import Fault

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
    device_faults.Alias,
)

FAULTS: dict[str, type[Fault]] = {fault.kind: fault for fault in _KINDS}


def make_fault(kind: str, options: dict[str, Any]) -> Fault:
    """A fault with its options.

    Raises:
        FaultError: there is no such kind, or the options are wrong.
    """
    if kind not in FAULTS:
        raise FaultError(f"no fault {kind!r}{did_you_mean(kind, FAULTS)}")
    model = FAULTS[kind]
    try:
        return model.model_validate(options)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0])
        hint = did_you_mean(name, model.model_fields) if detail["type"] == "extra_forbidden" else ""
        reason = "no such option" if hint else detail["msg"].lower()
        raise FaultError(f"fault {kind!r}, option {name!r}: {reason}{hint}") from None
