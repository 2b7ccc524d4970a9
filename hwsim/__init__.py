"""Simulated hardware that real drivers take for real."""

from hwsim.errors import (
    FaultError,
    HwsimError,
    PortInUse,
    Problem,
    QuantityError,
    ScenarioError,
    UnknownTarget,
)
from hwsim.house import ActiveFault, Endpoint, House

__all__ = [
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
