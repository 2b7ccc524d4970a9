"""What all devices with an antenna have in common: a name, a battery, quantities, and something to press."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from hwsim.errors import ActionError, HwsimError, QuantityError, did_you_mean
from hwsim.quantity import Constant, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from hwsim.clock import HouseTime
    from hwsim.quantity import Range
    from hwsim.radio.air import Air, Transmission
    from hwsim.radio.signal import Content, Pace


class RadioDeviceSpec(BaseModel):
    """The keys of `[[device]]` that every device with an antenna has; quantities come beside it."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    name: str = Field(min_length=1)
    rssi: float | dict[str, float] | None = None
    """dBm at every stick, or a table with dBm for each; none: as usual in this air."""
    copies: int | None = Field(default=None, ge=1, le=100)
    """Copies of each telegram; none: as many as senders of its code make."""
    connected: bool = True


class RadioDevice:
    """One device; also a `Station` on the air. Subclasses are the kinds."""

    spec_type: ClassVar[type[RadioDeviceSpec]]
    ranges: ClassVar[Mapping[str, Range]] = {}
    actions: tuple[str, ...] = ()
    """What can be pressed; the first when nobody says."""

    def __init__(
        self, spec: RadioDeviceSpec, air: Air, time: HouseTime, random: Random, quantities: Mapping[str, Quantity]
    ) -> None:
        self.name = spec.name
        self.connected = spec.connected
        """It has a battery in it."""
        self.weakness = 0.0
        """dB by which it is weaker than the scenario says."""
        self.battery_low = False
        self._rssi = spec.rssi
        self._copies = spec.copies
        self._air = air
        self._time = time
        self._random = random
        self._quantities: dict[str, Quantity] = {
            name: quantities.get(name, Constant(limits.default)) for name, limits in self.ranges.items()
        }

    @property
    def state(self) -> dict[str, Any]:
        """What somebody who looks at it would see, by name; empty for those that show nothing."""
        return {name: self.get(name) for name in self.ranges}

    def strength_at(self, receiver: str) -> float | None:
        own = self._rssi.get(receiver) if isinstance(self._rssi, dict) else self._rssi
        return (self._air.climate.rssi if own is None else own) - self.weakness

    def set(self, name: str, value: float | Quantity) -> None:
        """Change the world: from now on `name` is this value, or follows this curve.

        Raises:
            QuantityError: there is no such quantity, or the value is out of its range.
        """
        limits = self._range(name)
        if isinstance(value, int | float):
            limits.check(name, value)
            value = Constant(float(value))
        self._quantities[name] = value

    def get(self, name: str) -> float:
        """The world as it is now.

        Raises:
            QuantityError: there is no such quantity.
        """
        limits = self._range(name)
        return min(limits.high, max(limits.low, self._quantities[name].at(self._time.now())))

    async def press(self, action: str | None = None, *, hold: float = 0.0, level: int | None = None) -> Transmission:
        """Press something on it for `hold` seconds; returns when all copies have been sent.

        Raises:
            ActionError: nothing on it can be pressed so.
            HwsimError: its battery is out.
        """
        if not self.actions:
            raise ActionError(f"nothing can be pressed on {self.name!r}")
        action = action or self.actions[0]
        if action not in self.actions:
            raise ActionError(f"{self.name!r} has no {action!r}{did_you_mean(action, self.actions)}")
        if (level is not None) != (action == "level"):
            raise ActionError(f"{self.name!r}: a level belongs to the action 'level', and the other way round")
        if not self.connected:
            raise HwsimError(f"{self.name!r} is unplugged; plug it in first")
        return await self._pressed(action, hold, level or 0)

    async def run(self) -> None:
        """What it does by itself, until cancelled."""

    def reset(self) -> None:
        """Its battery is put in."""

    async def _pressed(self, action: str, hold: float, level: int) -> Transmission:
        raise NotImplementedError

    async def _send(self, content: Content, hold: float = 0.0, pace: Pace | None = None) -> Transmission:
        pace = pace or content.pace
        copies = max(self._copies or 0, pace.copies_in(hold)) if hold else self._copies or pace.copies
        return await self._air.transmit(self, content, pace=pace, copies=copies)

    def _range(self, name: str) -> Range:
        if name not in self.ranges:
            raise QuantityError(f"{self.name!r} has no {name!r}{did_you_mean(name, self.ranges)}")
        return self.ranges[name]
