"""Every contract of busgate, documented here and nowhere else.

All calls are cancellable at any await. A cancelled read has no effect; a cancelled write may or may not have taken
effect, exactly like one that raised ``Uncertain``. The values that pass through are in :mod:`gateway.values`.
"""

from gateway.abc.bus import Buses, BusHandle, Driver, DriverContext, Interface, Readable
from gateway.abc.line import OpenLine, SerialLibrary, open_line
from gateway.abc.permit import MAX_WRITE_TIME, UNFENCED, Permit
from gateway.abc.store import LEASE_MARGIN, LEASE_TTL, MAX_KEY, MAX_MESSAGE, MAX_VALUE, Lease, Store

__all__ = [
    "LEASE_MARGIN",
    "LEASE_TTL",
    "MAX_KEY",
    "MAX_MESSAGE",
    "MAX_VALUE",
    "MAX_WRITE_TIME",
    "UNFENCED",
    "BusHandle",
    "Buses",
    "Driver",
    "DriverContext",
    "Interface",
    "Lease",
    "OpenLine",
    "Permit",
    "Readable",
    "SerialLibrary",
    "Store",
    "open_line",
]
