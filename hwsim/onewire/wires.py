"""The 1-Wire half of a house: its buses, and what hangs on them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hwsim.errors import UnknownTarget, did_you_mean
from hwsim.onewire.bus import Place
from hwsim.onewire.rom import RomId
from hwsim.scenario import Device, Scenario, parse_branch
from hwsim.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from hwsim.clock import HouseTime
    from hwsim.onewire.slave import Slave
    from hwsim.quantity import Quantity
    from hwsim.quantity_spec import QuantitySpec


class Wires:
    """Buses by name, devices by id or alias."""

    def __init__(
        self, scenario: Scenario, time: HouseTime, quantity: Callable[[str, str, QuantitySpec], Quantity]
    ) -> None:
        self._time = time
        self._quantity = quantity
        seed = scenario.house.seed
        self.sites = {spec.name: Site.build(spec, time, Random(f"{seed}/{spec.name}")) for spec in scenario.buses}
        for device in _hubs_first(scenario.devices):
            self.attach(device)

    def site(self, bus: str) -> Site:
        """Raises UnknownTarget when there is no such bus."""
        if bus not in self.sites:
            raise UnknownTarget(f"there is no bus {bus!r}{did_you_mean(bus, self.sites)}")
        return self.sites[bus]

    def find(self, name: str) -> tuple[Site, Slave] | None:
        """A device by its id or alias, and its bus; None: there is none."""
        for site in self.sites.values():
            for slave in site.bus:
                if slave.alias == name or _same_id(slave, name):
                    return site, slave
        return None

    def names(self) -> list[str]:
        """All ids and aliases."""
        slaves = [slave for site in self.sites.values() for slave in site.bus]
        return [slave.id for slave in slaves] + [slave.alias for slave in slaves if slave.alias]

    def attach(self, device: Device) -> Slave:
        """Hang a device on its bus.

        Raises:
            UnknownTarget: there is no such bus or hub.
            ValueError: the bus has the device already, or no such channel.
        """
        spec = device.spec
        site = self.site(spec.bus)
        place = Place(spec.channel)
        if spec.under is not None:
            hub, branch = parse_branch(spec.under)
            site.bus.slave(hub)
            place = site.bus.place(hub).below(hub, branch)
        slave = spec.model(
            spec.rom,
            self._time.now,
            power=spec.power,
            quantities={name: self._quantity(spec.id, name, q) for name, q in device.quantities.items()},
            conversion_scale=site.spec.conversion_scale,
            alias=spec.alias,
        )
        for name, value in device.settings.items():
            slave.setting(name, value)
        slave.connected = spec.connected
        site.bus.attach(slave, place)
        return slave

    def bind(self, *, sockets: bool) -> None:
        """Take all ports, or none at all without `sockets`.

        Raises PortInUse, and takes none, when one can't be had.
        """
        try:
            for site in self.sites.values():
                site.port.in_memory = not sockets
                site.bind()
        except BaseException:
            for site in self.sites.values():
                site.port.unbind()
            raise

    async def open(self, tasks: TaskGroup) -> None:
        """Accept clients, after `bind`, for as long as `tasks` last."""
        for site in self.sites.values():
            site.tasks = tasks
            await site.open()


def _same_id(slave: Slave, name: str) -> bool:
    try:
        return slave.rom == RomId.parse(name)
    except ValueError:
        return False


def _hubs_first(devices: list[Device]) -> list[Device]:
    """The devices so that each hub comes before what hangs on it."""
    by_id = {device.spec.id: device for device in devices}

    def depth(device: Device) -> int:
        levels = 0
        while device.spec.under is not None:
            device = by_id[str(parse_branch(device.spec.under)[0])]
            levels += 1
        return levels

    return sorted(devices, key=depth)
