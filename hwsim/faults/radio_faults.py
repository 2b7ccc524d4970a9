"""Faults of devices with an antenna."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from pydantic import Field, PrivateAttr

from hwsim.errors import FaultError
from hwsim.faults.fault import RADIO, Fault

if TYPE_CHECKING:
    from hwsim.radio.site import RadioSite


_LONG = 60.0
_LOOK_AGAIN = 1.0


class RadioFault(Fault):
    target = "device"
    among = (RADIO,)


class BatteryOut(RadioFault):
    """The device has no battery in it; put in again when the fault ends."""

    kind = "unplug"

    async def begin(self, site: RadioSite) -> None:
        site.device.connected = False

    async def end(self, site: RadioSite) -> None:
        site.device.connected = True
        site.device.reset()


class BatteryLow(RadioFault):
    """The device says in its telegrams that its battery is low, if its code can."""

    kind = "battery_low"

    async def begin(self, site: RadioSite) -> None:
        site.device.battery_low = True

    async def end(self, site: RadioSite) -> None:
        site.device.battery_low = False


class Weak(RadioFault):
    """Its signal is `by` dB weaker everywhere: somebody parks a car before it."""

    kind = "weak"

    by: float = Field(default=30.0, gt=0)

    async def begin(self, site: RadioSite) -> None:
        site.device.weakness += self.by

    async def end(self, site: RadioSite) -> None:
        site.device.weakness -= self.by


class StuckButton(RadioFault):
    """The first button of the device is held down: it covers the band until the fault ends."""

    kind = "stuck_button"

    _scope: anyio.CancelScope = PrivateAttr(default_factory=anyio.CancelScope)

    async def begin(self, site: RadioSite) -> None:
        if not site.device.actions:
            raise FaultError(f"there is no button on {site.device.name!r} that could be stuck")
        self._scope = anyio.CancelScope()
        site.tasks.start_soon(self._hold, site)

    async def end(self, site: RadioSite) -> None:
        self._scope.cancel()

    async def _hold(self, site: RadioSite) -> None:
        with self._scope:
            while True:
                if site.device.connected:
                    await site.device.press(hold=_LONG)
                else:
                    await site.sleep(_LOOK_AGAIN)


KINDS: tuple[type[RadioFault], ...] = (BatteryOut, BatteryLow, Weak, StuckButton)
