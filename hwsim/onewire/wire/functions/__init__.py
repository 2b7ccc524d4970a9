"""The function commands of each family as bits: views of the device model, which holds all state and does all sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwsim.onewire.families import (
    DS18B20,
    DS18S20,
    DS28EA00,
    DS1822,
    DS1825,
    DS2405,
    DS2406,
    DS2408,
    DS2409,
    DS2413,
    DS2423,
    DS2438,
    DS2450,
    MAX31826,
    MAX31850,
)
from hwsim.onewire.wire.functions.ds2406 import ds2406
from hwsim.onewire.wire.functions.ds2409 import ds2409
from hwsim.onewire.wire.functions.ds2423 import ds2423
from hwsim.onewire.wire.functions.ds2438 import ds2438
from hwsim.onewire.wire.functions.ds2450 import ds2450
from hwsim.onewire.wire.functions.switches import ds2405, ds2408, ds2413
from hwsim.onewire.wire.functions.thermometer import ds28ea00, max31826, thermometer

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.onewire.slave import Slave
    from hwsim.onewire.wire.slots import Slots

FUNCTIONS: dict[type[Slave], Callable[[Any, Any], Slots[None]]] = {
    **dict.fromkeys((DS18B20, DS1822, DS18S20, DS1825, MAX31850), thermometer),
    DS28EA00: ds28ea00,
    MAX31826: max31826,
    DS2405: ds2405,
    DS2413: ds2413,
    DS2408: ds2408,
    DS2406: ds2406,
    DS2438: ds2438,
    DS2450: ds2450,
    DS2423: ds2423,
    DS2409: ds2409,
}
"""By part: what a slave does that is meant, on which line. A part that is missing has only an id."""

__all__ = ["FUNCTIONS"]
