"""Where faults of the radio side happen: a stick, or a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.errors import FaultError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from hwsim.radio.devices import RadioDevice
    from hwsim.radio.radios import Radios
    from hwsim.radio.stick import Stick


@dataclass
class RadioSite:
    """One of both is there."""

    tasks: TaskGroup
    """Those of the house while it runs."""
    radios: Radios
    some_stick: Stick | None = None
    some_device: RadioDevice | None = None

    @property
    def stick(self) -> Stick:
        """Raises FaultError when the target of the fault is a device."""
        if self.some_stick is None:
            raise FaultError("this fault needs a stick as its target")
        return self.some_stick

    @property
    def device(self) -> RadioDevice:
        """Raises FaultError when the target of the fault is a stick."""
        if self.some_device is None:
            raise FaultError("this fault needs a device as its target")
        return self.some_device

    async def sleep(self, seconds: float) -> None:
        """Wait in the time of the house."""
        await self.radios.time.sleep(seconds)

    async def plug(self) -> None:
        """Plug the stick in. Raises PortInUse when its path can't be made."""
        await self.radios.plug(self.stick)
