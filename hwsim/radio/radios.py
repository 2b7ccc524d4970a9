"""The radio half of a house: its air, its sticks, and its devices with an antenna."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from hwsim.errors import HwsimError, PortInUse, UnknownTarget, did_you_mean
from hwsim.radio.air import Air
from hwsim.radio.devices import Actor, RadioDevice
from hwsim.radio.port import MemoryPort
from hwsim.radio.pty import PtyPort
from hwsim.radio.stick import Stick

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from hwsim.clock import HouseTime
    from hwsim.quantity import Quantity
    from hwsim.quantity_spec import QuantitySpec
    from hwsim.radio.stick_spec import StickSpec
    from hwsim.scenario import RadioDeviceEntry, Scenario


class Radios:
    """Sticks and devices by name. They do something between `open` and the end of its tasks."""

    def __init__(
        self, scenario: Scenario, time: HouseTime, quantity: Callable[[str, str, QuantitySpec], Quantity]
    ) -> None:
        self._seed = scenario.house.seed
        self.air = Air(time, f"{self._seed}/air", scenario.air.climate)
        self.sticks: dict[str, Stick] = {}
        self.devices: dict[str, RadioDevice] = {}
        self._scenario = scenario
        self._specs = {spec.name: spec for spec in scenario.sticks}
        self.time = time
        self._quantity = quantity
        self._tasks: TaskGroup | None = None
        self._folder: Path | None = None
        for spec in scenario.sticks:
            self.sticks[spec.name] = self._stick(spec)
        for entry in scenario.radio_devices:
            self.add(entry)

    def stick(self, name: str) -> Stick:
        """Raises UnknownTarget when there is none of that name."""
        if name not in self.sticks:
            raise UnknownTarget(f"there is no stick {name!r}{did_you_mean(name, self.sticks)}")
        return self.sticks[name]

    def device(self, name: str) -> RadioDevice:
        """Raises UnknownTarget when there is none of that name."""
        if name not in self.devices:
            raise UnknownTarget(f"there is no radio device {name!r}{did_you_mean(name, self.devices)}")
        return self.devices[name]

    def add(self, entry: RadioDeviceEntry) -> RadioDevice:
        """Put one more device into the house.

        Raises:
            ValueError: something in the house has that name.
        """
        name = entry.spec.name
        if name in self.devices or name in self.sticks:
            raise ValueError(f"there is something named {name!r} already")
        quantities = {key: self._quantity(name, key, spec) for key, spec in entry.quantities.items()}
        device = entry.kind(entry.spec, self.air, self.time, Random(f"{self._seed}/{name}"), quantities)
        self.devices[name] = device
        if isinstance(device, Actor):
            self.air.add(device)
        if self._tasks is not None:
            self._tasks.start_soon(device.run)
        return device

    async def plug(self, stick: Stick) -> None:
        """Plug a stick in while the house runs.

        Raises:
            PortInUse: its path can't be made.
        """
        if self._tasks is None:
            raise HwsimError("the house does not run; sticks are plugged in within `async with house.running()`")
        try:
            await stick.plug(self._tasks)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortInUse(f"stick {stick.name!r} can't be at {stick.port.url}: {reason}") from error

    async def open(self, tasks: TaskGroup, *, ptys: bool) -> None:
        """Plug in the sticks and let devices do what they do by themselves.

        Raises:
            PortInUse: the path of a stick can't be made.
        """
        self._tasks = tasks
        for name, stick in self.sticks.items():
            stick.use(PtyPort(self._path(self._specs[name])) if ptys else MemoryPort(name))
            if self._specs[name].plugged:
                await self.plug(stick)
        for device in self.devices.values():
            tasks.start_soon(device.run)

    def close(self) -> None:
        """After the tasks have ended: leave nothing behind."""
        self._tasks = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _stick(self, spec: StickSpec) -> Stick:
        random = Random(f"{self._seed}/{spec.name}")
        reach = spec.reach(self._scenario.air)
        return Stick(spec.name, spec.firmware(self._seed), self.air, self.time, random, reach, spec.latency)

    def _path(self, spec: StickSpec) -> Path:
        if spec.path is not None:
            return self._scenario.folder / spec.path
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="hwsim-"))
        return self._folder / spec.name
