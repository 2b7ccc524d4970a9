"""A simulated house: from a scenario to buses that drivers can connect to, and a hand on all of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Self

import anyio

from hwsim.clock import Clock, HouseTime, LoopClock
from hwsim.errors import ActionError, HwsimError, UnknownTarget, did_you_mean
from hwsim.fault_desk import ActiveFault, FaultDesk
from hwsim.onewire.wires import Wires
from hwsim.quantity import Hurried, Quantity
from hwsim.quantity_spec import Circumstances, QuantitySpec
from hwsim.radio.port import MEMORY
from hwsim.radio.radios import Radios
from hwsim.recording.desk import RecordingDesk
from hwsim.scenario_reader import read_device, read_radio_device, read_scenario, read_scenario_file
from hwsim.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import ByteStream, TaskGroup

    from hwsim.junction import Junction
    from hwsim.onewire.slave import Slave
    from hwsim.onewire.wire.adapter import Adapter
    from hwsim.radio.air import Air, Transmission
    from hwsim.radio.devices import RadioDevice
    from hwsim.radio.stick import Stick
    from hwsim.scenario import Scenario
    from hwsim.traffic import Traffic


@dataclass(frozen=True)
class Endpoint:
    """Where a bus can be reached."""

    bus: str
    kind: str
    url: str


class House:
    """All buses of a scenario. Nothing listens before `running`; devices can be changed at any time."""

    def __init__(self, scenario: Scenario, clock: Clock | None = None) -> None:
        self.time = HouseTime(clock or LoopClock())
        self._scenario = scenario
        self._tasks: TaskGroup | None = None
        self._wires = Wires(scenario, self.time, self._quantity)
        self._radios = Radios(scenario, self.time, self._quantity)
        self.recordings = RecordingDesk(self.time, self._line)
        """Where buses are recorded while the house runs."""
        self._faults = FaultDesk(self.time, scenario.kinds, self._wires, self._radios)

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
        return [Endpoint(name, self._scenario.kinds[name], self.url(name)) for name in self._scenario.kinds]

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each bus by its name."""
        return dict(self._scenario.kinds)

    @property
    def radios(self) -> list[RadioDevice]:
        """All devices with an antenna."""
        return [*self._radios.devices.values()]

    @property
    def faults(self) -> list[ActiveFault]:
        """Every fault that was started, in order."""
        return self._faults.started

    @property
    def air(self) -> Air:
        """What all radios of the house share; its `log` tells who sent what when, and who heard it."""
        return self._radios.air

    @property
    def traffic(self) -> dict[str, Traffic]:
        """The counters of each bus with an owserver; those of sticks and adapters are with them."""
        return {name: site.traffic for name, site in self._wires.sites.items() if isinstance(site, Site)}

    def devices(self, bus: str | None = None) -> list[Slave]:
        """All devices on wires, or those of one bus, hubs included; connected or not.

        Raises:
            UnknownTarget: there is no such bus.
        """
        sites = self._wires.sites.values() if bus is None else [self._wires.site(bus)]
        return [slave for site in sites for slave in site.bus]

    def url(self, bus: str) -> str:
        """Where a bus listens: `owserver://127.0.0.1:4304`, the path of a stick or adapter, or `memory:` and its name.

        Raises:
            UnknownTarget: there is no such bus.
            HwsimError: the house does not run.
        """
        if bus not in self._scenario.kinds:
            raise UnknownTarget(f"there is no bus {bus!r}{did_you_mean(bus, self._scenario.kinds)}")
        if self._tasks is None:
            raise HwsimError("the house does not run; its buses listen within `async with house.running()`")
        stick = self._radios.sticks.get(bus)
        return stick.port.url if stick else self._wires.site(bus).url

    def device(self, name: str) -> Slave:
        """A device on a wire by its ROM id or alias.

        Raises:
            UnknownTarget: there is none.
        """
        found = self._wires.find(name)
        if found is None:
            raise UnknownTarget(f"there is no device {name!r}{did_you_mean(name, self._wires.names())}")
        return found[1]

    def radio(self, name: str) -> RadioDevice:
        """A device with an antenna by its name.

        Raises:
            UnknownTarget: there is none.
        """
        return self._radios.device(name)

    def stick(self, bus: str) -> Stick:
        """A stick by the name of its bus; its `traffic` counts what it did.

        Raises:
            UnknownTarget: there is none.
        """
        return self._radios.stick(bus)

    def adapter(self, bus: str) -> Adapter:
        """A serial 1-Wire adapter by the name of its bus; `line.traffic` counts what went over its wire.

        Raises:
            UnknownTarget: there is none.
        """
        return self._wires.adapter(bus).adapter

    def connect(self, bus: str) -> ByteStream:
        """Connect to a bus within this process, by its name or its `memory:` URL.

        That is a stick or adapter, while the house runs with `ptys=False`, or an owserver, with `sockets=False`.

        Raises:
            HwsimError: it is a terminal or a TCP port; open that.
            OSError: a stick is not plugged in (ENOENT), somebody has it open (EBUSY), or an owserver does not
                listen (ECONNREFUSED).
            UnknownTarget: there is no such bus.
        """
        name = bus.removeprefix(MEMORY)
        site = self._wires.sites.get(name)
        return site.connect() if site else self._radios.stick(name).port.connect()

    def add_device(self, **keys: Any) -> Slave:
        """Hang one more device on a bus; the keys are those of `[[device]]`, at least `bus` and `id`.

        Raises:
            ScenarioError: the keys have mistakes.
            UnknownTarget: there is no such bus or hub.
            ValueError: the bus has the device already, or no such channel.
        """
        return self._wires.attach(read_device(keys, self._scenario.folder))

    def add_radio(self, **keys: Any) -> RadioDevice:
        """Put one more device on the air; the keys are those of `[[device]]`, at least `kind` and `name`.

        Raises:
            ScenarioError: the keys have mistakes.
            ValueError: something in the house has that name.
        """
        return self._radios.add(read_radio_device(keys, self._scenario.folder))

    def remove_device(self, name: str) -> None:
        """Take a device on a wire away for good.

        Raises:
            UnknownTarget: there is none.
        """
        slave = self.device(name)
        for site in self._wires.sites.values():
            if slave.rom in site.bus:
                site.bus.detach(slave.rom)

    async def press(
        self, device: str, action: str | None = None, *, hold: float = 0.0, level: int | None = None
    ) -> Transmission:
        """Press something on a device with an antenna; returns when the telegram with all its copies is over.

        Cancelling it ends the signal in the middle.

        Args:
            device: its name.
            action: `on`, `open`, `send` and so on; none: the first that it has.
            hold: seconds for which it is held; more copies go out then.
            level: with the action `level`, 0 to 15.

        Raises:
            UnknownTarget: there is no such device.
            ActionError: it has nothing that can be pressed so.
            HwsimError: its battery is out, or the house does not run.
        """
        self._running("buttons are pressed")
        if device not in self._radios.devices and self._wires.find(device):
            raise ActionError(f"nothing can be pressed on {device!r}, which hangs on a wire; set what it measures")
        return await self._radios.device(device).press(action, hold=hold, level=level)

    async def unplug(self, name: str) -> None:
        """Pull a stick, the battery of a device with an antenna, or a device from its wire.

        Raises:
            UnknownTarget: there is nothing of that name.
            HwsimError: it is a bus with an owserver, or the house does not run.
        """
        await self._faults.unplug(self._running("things are unplugged"), name)

    async def plug(self, name: str) -> None:
        """Undo `unplug`. A stick comes back at the same path.

        Raises:
            UnknownTarget, HwsimError: as `unplug`.
            PortInUse: the path of the stick can't be made.
        """
        await self._faults.plug(self._running("things are plugged in"), name)

    def set(self, device: str, quantity: str, value: float) -> None:
        """Change what a device measures, on a wire or with an antenna.

        Raises:
            UnknownTarget: there is no such device.
            QuantityError: it has no such quantity, or not in that range.
        """
        thing = self._radios.devices.get(device) or self.device(device)
        thing.set(quantity, value)

    async def fault(self, kind: str, *, target: str, duration: float | None = None, **options: Any) -> ActiveFault:
        """Start a fault now; returns when it has happened.

        Args:
            kind: as in the scenario file.
            target: name of a bus, or id, alias or name of a device.
            duration: seconds until it is made good; None: as usual for the kind, mostly until `end_fault`.
            options: those of the kind.

        Raises:
            FaultError: no such kind, or wrong options.
            UnknownTarget: no such bus or device.
            HwsimError: the house does not run.
        """
        return await self._faults.on_demand(self._running("faults happen"), kind, target, duration, options)

    async def end_fault(self, fault: ActiveFault) -> None:
        """Make a fault good before its time; does nothing when it has ended."""
        await fault.end(self.time.now())

    @asynccontextmanager
    async def running(self, *, ptys: bool = True, sockets: bool = True) -> AsyncIterator[Self]:
        """Serve each bus and run the scheduled faults for as long as the context lasts.

        An owserver listens on 127.0.0.1, and a stick is a terminal at a path. For virtual time, which knows nothing of
        the kernel, either is a byte stream that `connect` opens: sticks with `ptys=False`, owservers with
        `sockets=False`. Cancelling it, or leaving it, closes all ports and connections.

        Raises:
            PortInUse: a bus can't have the port or path that the scenario gives it.
            RuntimeError: the house runs already.
        """
        if self._tasks is not None:
            raise RuntimeError("this house runs already")
        failure: Exception | None = None
        self._wires.bind(sockets=sockets)
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    await self._open(tasks, ptys=ptys)
                    yield self
                except Exception as error:  # noqa: BLE001
                    failure = error
                finally:
                    self._tasks = None
                    tasks.cancel_scope.cancel()
        finally:
            self.recordings.close()
            self._radios.close()
            self._wires.close()
        if failure is not None:
            raise failure  # as it was raised within the context, not in a group

    async def _open(self, tasks: TaskGroup, *, ptys: bool) -> None:
        self.time.start()
        await self._wires.open(tasks, ptys=ptys)
        await self._radios.open(tasks, ptys=ptys)
        self._tasks = tasks
        for scheduled in self._scenario.faults:
            tasks.start_soon(self._faults.as_scheduled, tasks, scheduled)

    def _quantity(self, device: str, name: str, spec: QuantitySpec) -> Quantity:
        house = self._scenario.house
        circumstances = Circumstances(
            lambda: Random(f"{house.seed}/{device}/{name}"), house.start_seconds, self._scenario.folder
        )
        quantity = spec.build(circumstances)
        return quantity if house.speed == 1 else Hurried(quantity, house.speed)

    def _line(self, bus: str) -> tuple[Endpoint, Junction]:
        endpoint = Endpoint(bus, self._scenario.kinds.get(bus, ""), self.url(bus))
        stick = self._radios.sticks.get(bus)
        return endpoint, stick.port.junction if stick else self._wires.site(bus).junction

    def _running(self, what: str) -> TaskGroup:
        if self._tasks is None:
            raise HwsimError(f"the house does not run; {what} within `async with house.running()`")
        return self._tasks
