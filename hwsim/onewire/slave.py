"""What every 1-Wire device has in common: a ROM id, power, quantities it measures, and ways to fail.

Theory of operation
 1. A slave is the silicon: its methods are the function commands of its datasheet and return the bytes that
    would go over the wire, CRC included. It knows nothing of who asks, be it the owserver protocol or a
    bus adapter that clocks single bits.
 2. It never waits. A command that takes time notes when it will be done; what follows is settled when the
    slave is touched the next time. So it works at any speed and needs no task.
 3. Quantities are the physical world (a temperature, the level somebody gives a pin); registers are what the
    device made of it. `set` changes the world, never a register.
 4. Everything a slave sends passes `transmit`, the one place where a bad line garbles it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from hwsim.errors import QuantityError, did_you_mean
from hwsim.quantity import Constant, Quantity, Range

if TYPE_CHECKING:
    from hwsim.onewire.rom import RomId

Now = Callable[[], float]


class Power(StrEnum):
    """How a slave gets its supply."""

    EXTERNAL = "external"
    PARASITE = "parasite"


LEVEL = Range(1, 0, 1)
"""What the world does to an open-drain pin: 1 leaves it to its pull-up, 0 pulls it low."""


class Slave:
    """One device on a 1-Wire bus; subclasses are the families."""

    family: ClassVar[int]
    part: ClassVar[str]
    ranges: ClassVar[Mapping[str, Range]] = {}
    settings: ClassVar[Mapping[str, Range]] = {}
    """The non-volatile settings that a scenario may preset."""
    measures_temperature: ClassVar[bool] = False
    skips: ClassVar[bool] = True
    """It goes on after SKIP ROM and READ ROM too, not only when it was chosen by its id."""
    resumes: ClassVar[bool] = False
    """It knows the ROM command RESUME."""
    overdrive: ClassVar[bool] = False
    """It knows the ROM commands for overdrive."""

    def __init__(
        self,
        rom: RomId,
        now: Now,
        *,
        power: Power = Power.EXTERNAL,
        quantities: Mapping[str, Quantity] | None = None,
        conversion_scale: float = 1.0,
        alias: str = "",
    ) -> None:
        self.rom = rom
        self.power = power
        self.alias = alias
        self.connected = True
        self.twin: Slave | None = None
        """Another device with the same id at the same place; both answer at once."""
        self.garbled = False
        """Every answer arrives with flipped bits, so that its CRC is wrong."""
        self.stuck = False
        """Conversions do nothing: a thermometer stays at its power-on value."""
        self.browns_out = False
        """The supply breaks down in each conversion, which resets the device."""
        self.conversion_scale = conversion_scale
        """Conversion times are those of the datasheet times this."""
        self._now = now
        self._quantities: dict[str, Quantity] = {name: Constant(r.default) for name, r in self.ranges.items()}
        for name, quantity in (quantities or {}).items():
            self.range_of(name)
            self._quantities[name] = quantity
        self._named = set(quantities or ())
        self._manufacture()
        self._power_up()

    def new_twin(self) -> Slave:
        """A new device of the same part that claims the same id and measures the usual values."""
        return type(self)(self.rom, self._now, power=self.power, conversion_scale=self.conversion_scale)

    @property
    def id(self) -> str:
        """The ROM id as text without CRC, as in `28.67C6697351FF`."""
        return str(self.rom)

    def range_of(self, name: str) -> Range:
        """What `name` can be.

        Raises:
            QuantityError: this family has no such quantity; the message names those it has.
        """
        if name not in self.ranges:
            raise QuantityError(f"a {self.part} has no {name!r}{did_you_mean(name, self.ranges)}")
        return self.ranges[name]

    def set(self, name: str, value: float | Quantity) -> None:
        """Change the world: from now on `name` is this value, or follows this curve.

        Raises:
            QuantityError: the family has no such quantity, or the value is out of its range.
        """
        limits = self.range_of(name)
        if isinstance(value, int | float):
            limits.check(name, value)
            value = Constant(float(value))
        self._observe()
        self._quantities[name] = value
        self._named.add(name)
        self._observe()

    def get(self, name: str) -> float:
        """The world as it is now, in the unit of the quantity, not what the device has measured last.

        Raises:
            QuantityError: the family has no such quantity.
        """
        limits = self.range_of(name)
        return min(limits.high, max(limits.low, self._quantities[name].at(self._now())))

    def setting(self, name: str, value: int) -> None:
        """Preset a non-volatile setting, as somebody may have done years ago."""
        raise QuantityError(f"a {self.part} has no setting {name!r}: {value}")

    def power_cycle(self) -> None:
        """Lose and regain the supply: registers go to their power-on values, EEPROM stays."""
        self._power_up()

    def match(self) -> None:
        """Take notice of a MATCH ROM that chose this device; only a DS2405 does something by it."""

    def in_alarm(self) -> bool:
        """Whether the device answers a conditional search now."""
        return False

    def externally_powered(self) -> bool:
        """What the device tells about its supply (READ POWER SUPPLY)."""
        return self.power is Power.EXTERNAL

    def busy(self) -> bool:
        """Whether read slots after a conversion command still give 0."""
        return False

    def idle(self) -> int:
        """The same as a bit: 0 while it is busy."""
        return int(not self.busy())

    def lose_strong_pullup(self) -> None:
        """The line goes back to its normal pull-up, on which a parasite can't do much."""

    def transmit(self, data: bytes) -> bytes:
        """What arrives of the bytes that it sends."""
        return bytes(byte ^ 0x04 for byte in data) if self.garbled else data

    def _manufacture(self) -> None:
        """Give the non-volatile registers the values of a new part."""

    def _power_up(self) -> None:
        """Give the volatile registers their power-on values."""

    def _observe(self) -> None:
        """Take notice of the world before or after it changes; pins with latches do."""
