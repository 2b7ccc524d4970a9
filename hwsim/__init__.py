"""Simulated hardware that real drivers take for real."""

from hwsim.errors import (
    ActionError,
    FaultError,
    HwsimError,
    PortInUse,
    Problem,
    QuantityError,
    ScenarioError,
    UnknownTarget,
)
from hwsim.fault_desk import ActiveFault
from hwsim.house import Endpoint, House

__all__ = [
    "ActionError",
    "ActiveFault",
    "Endpoint",
    "FaultError",
    "House",
    "HwsimError",
    "PortInUse",
    "Problem",
    "QuantityError",
    "ScenarioError",
    "UnknownTarget",
]
