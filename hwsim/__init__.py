"""Simulated hardware that real drivers take for real.

What is named here is loaded when it is first asked for: pytest loads this package at every start, for its fixtures.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        where = {"ActiveFault": "fault_desk", "Endpoint": "house", "House": "house"}.get(name, "errors")
        return getattr(import_module(f"hwsim.{where}"), name)


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
