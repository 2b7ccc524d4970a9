"""One bus of a running house, for tests that have only that one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from hwsim.errors import UnknownTarget

if TYPE_CHECKING:
    from hwsim.fault_desk import ActiveFault
    from hwsim.house import House
    from hwsim.onewire.slave import Slave
    from hwsim.radio.air import Air, Transmission
    from hwsim.radio.devices import RadioDevice
    from hwsim.radio.stick import Stick
    from hwsim.traffic import Traffic


class _Bench:
    """What owservers and sticks have in common."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.name = name

    @property
    def url(self) -> str:
        """Where it is reached."""
        return self.house.url(self.name)

    async def fault(self, kind: str, *, duration: float | None = None, **options: Any) -> ActiveFault:
        """Start a fault of it; as `House.fault`."""
        return await self.house.fault(kind, target=self.name, duration=duration, **options)

    async def end_fault(self, fault: ActiveFault) -> None:
        """Make it good before its time."""
        await self.house.end_fault(fault)


class OwserverBench(_Bench):
    """An owserver, and what hangs on its bus."""

    @classmethod
    def of(cls, house: House) -> Self:
        """The first owserver of a house; UnknownTarget when it has none."""
        return cls(house, _first(house, sticks=False))

    @property
    def host(self) -> str:
        """Of its TCP port."""
        return self._address[0]

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self._address[1])

    @property
    def traffic(self) -> Traffic:
        """What its clients have asked, and how it has answered."""
        return self.house.traffic[self.name]

    def add(self, id_: str, **keys: Any) -> Slave:
        """Hang a device on the bus; the keys are those of `[[device]]`; as `House.add_device`."""
        return self.house.add_device(bus=self.name, id=id_, **keys)

    def device(self, id_: str) -> Slave:
        """A device by ROM id or alias; UnknownTarget when there is none."""
        return self.house.device(id_)

    @property
    def _address(self) -> tuple[str, str]:
        host, _, port = self.url.removeprefix("owserver://").partition(":")
        if not self.url.startswith("owserver://"):
            raise UnknownTarget(f"{self.url} has no TCP port; in virtual time, open it with house.connect")
        return host, port


class RadioBench(_Bench):
    """A radio stick, and the air around it."""

    @classmethod
    def of(cls, house: House) -> Self:
        """The first stick of a house; UnknownTarget when it has none."""
        return cls(house, _first(house, sticks=True))

    @property
    def stick(self) -> Stick:
        """All of it."""
        return self.house.stick(self.name)

    @property
    def air(self) -> Air:
        """Who has sent what, and who has heard it."""
        return self.house.air

    def add(self, kind: str, name: str, **keys: Any) -> RadioDevice:
        """Put a device on the air; the keys are those of `[[device]]`; as `House.add_radio`."""
        return self.house.add_radio(kind=kind, name=name, **keys)

    async def press(self, device: str, action: str | None = None, **how: Any) -> Transmission:
        """Press something on a device; as `House.press`."""
        return await self.house.press(device, action, **how)


def _first(house: House, *, sticks: bool) -> str:
    found = [end.bus for end in house.endpoints if (end.kind != "onewire") is sticks]
    if not found:
        what = "radio stick" if sticks else "owserver"
        raise UnknownTarget(f"this house has no {what}; give it a [[bus]], or one in the mark: buses={{...}}")
    return found[0]
