"""Faults of single devices, as their datasheets, errata and owners tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, PrivateAttr

from hwsim.errors import FaultError, QuantityError
from hwsim.faults.fault import ONE_WIRE, WIRE, Fault

if TYPE_CHECKING:
    from hwsim.site import Site, WiredSite


class DeviceError(Fault):
    """All reads and writes of a device answer this return value: -1, -5 or -22, for example."""

    kind = "error"
    target = "device"

    code: int = Field(default=-22, ge=-210, le=-1)

    async def begin(self, site: Site) -> None:
        site.disturbance.device_errors[site.device.rom] = self.code

    async def end(self, site: Site) -> None:
        site.disturbance.device_errors.pop(site.device.rom, None)


class Unplug(Fault):
    """The device is not there; plugged in again when the fault ends, with its power-on values."""

    kind = "unplug"
    target = "device"
    among = (ONE_WIRE, WIRE)

    async def begin(self, site: WiredSite) -> None:
        site.device.connected = False

    async def end(self, site: WiredSite) -> None:
        site.device.power_cycle()
        site.device.connected = True


class PowerCycle(Fault):
    """The device loses its supply for a moment: a thermometer reads 85 degC until it has converted."""

    kind = "power_cycle"
    target = "device"
    usual_duration = 0.0
    among = (ONE_WIRE, WIRE)

    async def begin(self, site: WiredSite) -> None:
        site.device.power_cycle()


class _DeviceFlaw(Fault):
    """A flaw that a device has or has not."""

    target = "device"
    among = (ONE_WIRE, WIRE)
    flaw: ClassVar[str]

    async def begin(self, site: WiredSite) -> None:
        setattr(site.device, self.flaw, True)

    async def end(self, site: WiredSite) -> None:
        setattr(site.device, self.flaw, False)


class BadCrc(_DeviceFlaw):
    """What the device sends arrives garbled, so that each checksum is wrong."""

    kind = "bad_crc"
    flaw = "garbled"


class Stuck(Fault):
    """The device has lost its supply and does not convert any more: a thermometer stays at 85 degC."""

    kind = "stuck_85"
    target = "device"
    among = (ONE_WIRE, WIRE)

    async def begin(self, site: WiredSite) -> None:
        site.device.power_cycle()
        site.device.stuck = True

    async def end(self, site: WiredSite) -> None:
        site.device.stuck = False


class BrownOut(_DeviceFlaw):
    """The supply breaks down in each conversion, which ends at 85 degC after the usual time."""

    kind = "brown_out"
    flaw = "browns_out"


class SlowConversion(Fault):
    """Conversions take `factor` times as long."""

    kind = "slow_conversion"
    target = "device"
    among = (ONE_WIRE, WIRE)

    factor: float = Field(default=3.0, gt=0)

    async def begin(self, site: WiredSite) -> None:
        site.device.conversion_scale *= self.factor

    async def end(self, site: WiredSite) -> None:
        site.device.conversion_scale /= self.factor


class AddressCollision(Fault):
    """A second device of the same part has the same id and place, as with some clones, and answers at the same time.

    It is new, measures the usual values but for those in `values`, and is `twin` of the first one. A search finds one
    of them. Answers with a checksum fail unless both say the same; writes and conversions reach both.
    """

    kind = "address_collision"
    target = "device"
    among = (ONE_WIRE, WIRE)

    values: dict[str, float] = Field(default_factory=dict)

    async def begin(self, site: WiredSite) -> None:
        twin = site.device.new_twin()
        for name, value in self.values.items():
            try:
                twin.set(name, value)
            except QuantityError as error:
                raise FaultError(f"fault {self.kind!r}, option 'values': {error}") from None
        site.device.twin = twin

    async def end(self, site: WiredSite) -> None:
        site.device.twin = None


class Alias(Fault):
    """Somebody gives the device another alias, non-ASCII for example."""

    kind = "alias"
    target = "device"

    text: str = "Küche"
    _before: str = PrivateAttr("")

    async def begin(self, site: Site) -> None:
        self._before = site.device.alias
        site.device.alias = self.text

    async def end(self, site: Site) -> None:
        site.device.alias = self._before
