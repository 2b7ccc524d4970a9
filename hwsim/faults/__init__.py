"""What can go wrong in a house: one class for each kind of fault, its fields are the options.

A fault begins at a site (a bus or a device) and ends there; both leave everything else as it was. The same
classes serve the scenario file and the Python interface.
"""

from hwsim.faults.fault import ONE_WIRE, RADIO, STICKS, WIRE, Fault, Place
from hwsim.faults.kinds import FAULTS, find_fault, fits, make_fault, targets_of

__all__ = [
    "FAULTS", "ONE_WIRE", "RADIO", "STICKS", "WIRE", "Fault", "Place", "find_fault", "fits", "make_fault", "targets_of",
]  # fmt: skip
