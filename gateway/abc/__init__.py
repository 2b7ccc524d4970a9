"""Every contract of busgate, documented here and nowhere else.

All calls are cancellable at any await. A cancelled read has no effect; a cancelled write may or may not have taken
effect, exactly like one that raised ``Uncertain``. The values that pass through are in :mod:`gateway.values`.
"""

from gateway.abc.bus import Buses, BusHandle, Driver, DriverContext, Interface
from gateway.abc.permit import Permit
from gateway.abc.store import MAX_KEY, MAX_MESSAGE, MAX_VALUE, Lease, Store

__all__ = [
    "MAX_KEY",
    "MAX_MESSAGE",
    "MAX_VALUE",
    "BusHandle",
    "Buses",
    "Driver",
    "DriverContext",
    "Interface",
    "Lease",
    "Permit",
    "Store",
]
