"""A simulated house: from a scenario to buses that drivers can connect to, and a hand on all of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Self

import anyio

from hwsim.clock import Clock, HouseTime, LoopClock
from hwsim.errors import HwsimError, UnknownTarget, did_you_mean
from hwsim.faults import Fault, make_fault
from hwsim.onewire.bus import Place
from hwsim.onewire.rom import RomId
from hwsim.quantity import Hurried, Quantity
from hwsim.quantity_spec import Circumstances, QuantitySpec
from hwsim.scenario import Device, Scenario, ScheduledFault, parse_branch
from hwsim.scenario_reader import read_device, read_scenario, read_scenario_file
from hwsim.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from hwsim.onewire.slave import Slave
    from hwsim.traffic import Traffic


@dataclass(frozen=True)
class Endpoint:
    """Where a bus can be reached."""

    bus: str
    kind: str
    url: str


@dataclass
class ActiveFault:
    """A fault that was started; it stays in the house's list when it has ended."""

    kind: str
    target: str
    fault: Fault
    began: float
    """Seconds after the start of the house."""
    ended: float | None = None
    _site: Site | None = None

    async def end(self, now: float) -> None:
        """Make it good again; does nothing when it has ended."""
        if self.ended is None and self._site is not None:
            self.ended = now
            await self.fault.end(self._site)


class House:
    """All buses of a scenario. Nothing listens before `running`; devices can be changed at any time."""

    def __init__(self, scenario: Scenario, clock: Clock | None = None) -> None:
        self.time = HouseTime(clock or LoopClock())
        self.faults: list[ActiveFault] = []
        """Every fault that was started, in order."""
        self._scenario = scenario
        self._tasks: TaskGroup | None = None
        seed = scenario.house.seed
        self._sites = {spec.name: Site.build(spec, self.time, Random(f"{seed}/{spec.name}")) for spec in scenario.buses}
        for device in _hubs_first(scenario.devices):
            self._attach(device)

    @classmethod
    def load(cls, path: str | Path, clock: Clock | None = None) -> Self:
        """Build the house of a scenario file.

        Raises:
            ScenarioError: the file can't be read or has mistakes; it names all of them.
        """
        return cls(read_scenario_file(Path(path)), clock)

    @classmethod
    def parse(cls, text: str, name: str = "inline", folder: Path | None = None, clock: Clock | None = None) -> Self:
        """Build the house of a scenario given as text; CSV files are looked for in `folder`.

        Raises:
            ScenarioError: the text has mistakes.
        """
        return cls(read_scenario(text, name, folder or Path()), clock)

    @property
    def endpoints(self) -> list[Endpoint]:
        """Where the buses listen, in the order of the scenario; empty while the house does not run."""
        if self._tasks is None:
            return []
        return [Endpoint(name, site.spec.kind, _url(site)) for name, site in self._sites.items()]

    @property
    def traffic(self) -> dict[str, Traffic]:
        """The counters of each bus."""
        return {name: site.traffic for name, site in self._sites.items()}

    def devices(self, bus: str | None = None) -> list[Slave]:
        """All devices, or those of one bus, hubs included; connected or not.

        Raises:
            UnknownTarget: there is no such bus.
        """
        sites = self._sites.values() if bus is None else [self._site(bus)]
        return [slave for site in sites for slave in site.bus]

    def url(self, bus: str) -> str:
        """Where a bus listens, as in `owserver://127.0.0.1:4304`.

        Raises:
            UnknownTarget: there is no such bus.
            HwsimError: the house does not run.
        """
        site = self._site(bus)
        if self._tasks is None:
            raise HwsimError("the house does not run; its buses listen within `async with house.running()`")
        return _url(site)

    def device(self, name: str) -> Slave:
        """A device by its ROM id or alias.

        Raises:
            UnknownTarget: there is none.
        """
        return self._site_of_device(name)[1]

    def add_device(self, **keys: Any) -> Slave:
        """Hang one more device on a bus; the keys are those of `[[device]]`, at least `bus` and `id`.

        Raises:
            ScenarioError: the keys have mistakes.
            UnknownTarget: there is no such bus or hub.
            ValueError: the bus has the device already, or no such channel.
        """
        return self._attach(read_device(keys, self._scenario.folder))

    def remove_device(self, name: str) -> None:
        """Take a device away for good.

        Raises:
            UnknownTarget: there is none.
        """
        site, slave = self._site_of_device(name)
        site.bus.detach(slave.rom)

    async def fault(self, kind: str, *, target: str, duration: float | None = None, **options: Any) -> ActiveFault:
        """Start a fault now; returns when it has happened.

        Args:
            kind: as in the scenario file.
            target: name of a bus, or id or alias of a device.
            duration: seconds until it is made good; None: as usual for the kind, mostly until `end_fault`.
            options: those of the kind.

        Raises:
            FaultError: no such kind, or wrong options.
            UnknownTarget: no such bus or device.
            HwsimError: the house does not run.
        """
        return await self._start_fault(make_fault(kind, options), target, duration)

    async def end_fault(self, fault: ActiveFault) -> None:
        """Make a fault good before its time; does nothing when it has ended."""
        await fault.end(self.time.now())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Serve each bus on 127.0.0.1 and run the scheduled faults for as long as the context lasts.

        Cancelling it, or leaving it, closes all ports and connections.

        Raises:
            PortInUse: a bus can't have the port that the scenario gives it.
            RuntimeError: the house runs already.
        """
        if self._tasks is not None:
            raise RuntimeError("this house runs already")
        failure: Exception | None = None
        self._bind()
        async with anyio.create_task_group() as tasks:
            try:
                await self._open(tasks)
                yield self
            except Exception as error:  # noqa: BLE001
                failure = error
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure  # as it was raised within the context, not in a group

    def _bind(self) -> None:
        try:
            for site in self._sites.values():
                site.bind()
        except BaseException:
            for site in self._sites.values():
                site.port.unbind()
            raise

    async def _open(self, tasks: TaskGroup) -> None:
        self.time.start()
        for site in self._sites.values():
            site.tasks = tasks
            await site.open()
        self._tasks = tasks
        for scheduled in self._scenario.faults:
            tasks.start_soon(self._schedule, scheduled)

    async def _schedule(self, scheduled: ScheduledFault) -> None:
        spec = scheduled.spec
        at = spec.at
        while True:
            await self.time.sleep(max(0.0, at - self.time.now()))
            await self._start_fault(scheduled.fault.model_copy(), spec.target, spec.duration)
            if spec.every is None:
                return
            at += spec.every

    async def _start_fault(self, fault: Fault, target: str, duration: float | None) -> ActiveFault:
        if self._tasks is None:
            raise HwsimError("the house does not run; faults happen within `async with house.running()`")
        if fault.target == "bus":
            site = self._site(target)
        else:
            site, slave = self._site_of_device(target)
            site = replace(site, slave=slave)
        await fault.begin(site)
        active = ActiveFault(fault.kind, target, fault, self.time.now(), _site=site)
        self.faults.append(active)
        seconds = fault.usual_duration if duration is None else duration
        if seconds is not None:
            self._tasks.start_soon(self._end_later, active, seconds)
        return active

    async def _end_later(self, active: ActiveFault, seconds: float) -> None:
        await self.time.sleep(seconds)
        await active.end(self.time.now())

    def _attach(self, device: Device) -> Slave:
        spec = device.spec
        site = self._site(spec.bus)
        place = Place(spec.channel)
        if spec.under is not None:
            hub, branch = parse_branch(spec.under)
            site.bus.slave(hub)
            place = site.bus.place(hub).below(hub, branch)
        slave = spec.part(
            spec.rom,
            self.time.now,
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

    def _quantity(self, device: str, name: str, spec: QuantitySpec) -> Quantity:
        house = self._scenario.house
        circumstances = Circumstances(
            lambda: Random(f"{house.seed}/{device}/{name}"), house.start_seconds, self._scenario.folder
        )
        quantity = spec.build(circumstances)
        return quantity if house.speed == 1 else Hurried(quantity, house.speed)

    def _site(self, bus: str) -> Site:
        if bus not in self._sites:
            raise UnknownTarget(f"there is no bus {bus!r}{did_you_mean(bus, self._sites)}")
        return self._sites[bus]

    def _site_of_device(self, name: str) -> tuple[Site, Slave]:
        known: list[str] = []
        for site in self._sites.values():
            for slave in site.bus:
                if slave.alias == name or _same_id(slave, name):
                    return site, slave
                known += [slave.id, slave.alias] if slave.alias else [slave.id]
        raise UnknownTarget(f"there is no device {name!r}{did_you_mean(name, known)}")


def _same_id(slave: Slave, name: str) -> bool:
    try:
        return slave.rom == RomId.parse(name)
    except ValueError:
        return False


def _url(site: Site) -> str:
    return f"owserver://{site.port.host}:{site.port.port}"


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
