"""The 1-Wire half of a house: its buses, and what hangs on them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from hwsim.errors import UnknownTarget, did_you_mean
from hwsim.onewire.bus import Place
from hwsim.onewire.rom import RomId
from hwsim.onewire.wire.site import AdapterSite
from hwsim.scenario import Device, Scenario, parse_branch
from hwsim.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from hwsim.clock import HouseTime
    from hwsim.onewire.slave import Slave
    from hwsim.quantity import Quantity
    from hwsim.quantity_spec import QuantitySpec
    from hwsim.site import WiredSite


class Wires:
    """Buses by name, devices by id or alias."""

    def __init__(
        self, scenario: Scenario, time: HouseTime, quantity: Callable[[str, str, QuantitySpec], Quantity]
    ) -> None:
        self._time = time
        self._quantity = quantity
        seed = scenario.house.seed
        self._folder: Path | None = None
        self._scenario_folder = scenario.folder
        self.sites: dict[str, WiredSite] = {}
        for bus in scenario.buses:
            self.sites[bus.name] = Site.build(bus, time, Random(f"{seed}/{bus.name}"))
        for adapter in scenario.adapters:
            self.sites[adapter.name] = AdapterSite.build(adapter, time, Random(f"{seed}/{adapter.name}"))
        for device in _hubs_first(scenario.devices):
            self.attach(device)

    def site(self, bus: str) -> WiredSite:
        """Raises UnknownTarget when there is no such bus."""
        if bus not in self.sites:
            raise UnknownTarget(f"there is no bus {bus!r}{did_you_mean(bus, self.sites)}")
        return self.sites[bus]

    def find(self, name: str) -> tuple[WiredSite, Slave] | None:
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
            conversion_scale=site.conversion_scale,
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
                site.bind(sockets=sockets)
        except BaseException:
            for site in self.sites.values():
                site.unbind()
            raise

    async def open(self, tasks: TaskGroup, *, ptys: bool) -> None:
        """Accept clients, after `bind`, for as long as `tasks` last.

        Raises:
            PortInUse: the path of an adapter can't be made.
        """
        for site in self.sites.values():
            site.tasks = tasks
            if ptys and isinstance(site, AdapterSite):
                site.use_terminal(self._path(site))
            await site.open()

    def adapter(self, bus: str) -> AdapterSite:
        """Raises UnknownTarget when there is no adapter of that name."""
        site = self.sites.get(bus)
        if not isinstance(site, AdapterSite):
            adapters = [name for name, known in self.sites.items() if isinstance(known, AdapterSite)]
            raise UnknownTarget(f"there is no adapter {bus!r}{did_you_mean(bus, adapters)}")
        return site

    def close(self) -> None:
        """After the tasks have ended: leave nothing behind."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _path(self, site: AdapterSite) -> Path:
        if site.path is not None:
            return self._scenario_folder / site.path
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hwsim-"))
        return self._folder / site.bus.name


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
