"""What can go wrong in a house: one class for each kind of fault, its fields are the options.

A fault begins at a site (a bus, or a device on it) and ends there; both leave everything else as it was. The same
classes serve the scenario file and the Python interface.
"""

from hwsim.faults.fault import Fault
from hwsim.faults.kinds import FAULTS, make_fault

__all__ = ["FAULTS", "Fault", "make_fault"]
