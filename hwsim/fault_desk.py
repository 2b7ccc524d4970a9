"""Lets faults happen in a running house, and ends them: those of the scenario, and those on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hwsim.errors import HwsimError, UnknownTarget, did_you_mean
from hwsim.faults import FAULTS, ONE_WIRE, RADIO, Fault, Place, find_fault, make_fault, targets_of
from hwsim.radio.site import RadioSite

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from hwsim.clock import HouseTime
    from hwsim.onewire.wires import Wires
    from hwsim.radio.radios import Radios
    from hwsim.scenario import ScheduledFault
    from hwsim.site import WiredSite


@dataclass
class ActiveFault:
    """A fault that was started; it stays in the house's list when it has ended."""

    kind: str
    target: str
    fault: Fault
    began: float
    """Seconds after the start of the house."""
    ended: float | None = None
    _site: WiredSite | RadioSite | None = None

    async def end(self, now: float) -> None:
        """Make it good again; does nothing when it has ended."""
        if self.ended is None and self._site is not None:
            self.ended = now
            await self.fault.end(self._site)


class FaultDesk:
    """Knows where each target is. Faults happen between `open` and the end of its tasks."""

    def __init__(self, time: HouseTime, kinds: dict[str, str], wires: Wires, radios: Radios) -> None:
        self.started: list[ActiveFault] = []
        """Every fault that was started, in order."""
        self._time = time
        self._kinds = kinds
        self._wires = wires
        self._radios = radios

    async def on_demand(
        self, tasks: TaskGroup, kind: str, target: str, duration: float | None, options: dict[str, Any]
    ) -> ActiveFault:
        """Start a fault now; returns when it has happened.

        Raises:
            FaultError: no such kind, it can't happen there, or wrong options.
            UnknownTarget: no such bus or device.
        """
        wanted = targets_of(kind) if kind in FAULTS else "bus or device"
        fault = make_fault(kind, options, self._place(target, wanted))
        return await self._start(tasks, fault, target, duration)

    async def as_scheduled(self, tasks: TaskGroup, scheduled: ScheduledFault) -> None:
        """Start a fault of the scenario at each of its times."""
        spec = scheduled.spec
        at = spec.at
        while True:
            await self._time.sleep(max(0.0, at - self._time.now()))
            await self._start(tasks, scheduled.fault.model_copy(), spec.target, spec.duration)
            if spec.every is None:
                return
            at += spec.every

    async def unplug(self, tasks: TaskGroup, name: str) -> None:
        """Pull a stick, a battery, or a device from its wire. Raises UnknownTarget, or HwsimError for an owserver."""
        await self._unplug_fault(name).begin(self._site(tasks, name))

    async def plug(self, tasks: TaskGroup, name: str) -> None:
        """Undo `unplug`, with the same errors."""
        await self._unplug_fault(name).end(self._site(tasks, name))

    def _unplug_fault(self, name: str) -> Fault:
        place = self._place(name, "bus or device")
        if place == Place("bus", ONE_WIRE):
            raise HwsimError(f"{name!r} is an owserver, which has no plug; try the fault 'restart'")
        return find_fault("unplug", place).model_validate({})

    async def _start(self, tasks: TaskGroup, fault: Fault, target: str, duration: float | None) -> ActiveFault:
        site = self._site(tasks, target)
        await fault.begin(site)
        active = ActiveFault(fault.kind, target, fault, self._time.now(), _site=site)
        self.started.append(active)
        seconds = fault.usual_duration if duration is None else duration
        if seconds is not None:
            tasks.start_soon(self._end_later, active, seconds)
        return active

    async def _end_later(self, active: ActiveFault, seconds: float) -> None:
        await self._time.sleep(seconds)
        await active.end(self._time.now())

    def _place(self, target: str, wanted: str) -> Place:
        """What a target is; `wanted` says in words what was looked for."""
        if target in self._kinds:
            return Place("bus", self._kinds[target])
        if target in self._radios.devices:
            return Place("device", RADIO)
        if found := self._wires.find(target):
            return Place("device", self._kinds[found[0].bus.name])
        devices = [*self._radios.devices, *self._wires.names()]
        known = {"bus": [*self._kinds], "device": devices}.get(wanted, [*self._kinds, *devices])
        raise UnknownTarget(f"there is no {wanted} {target!r}{did_you_mean(target, known)}")

    def _site(self, tasks: TaskGroup, target: str) -> WiredSite | RadioSite:
        """Where a fault happens."""
        if stick := self._radios.sticks.get(target):
            return RadioSite(tasks, self._radios, some_stick=stick)
        if device := self._radios.devices.get(target):
            return RadioSite(tasks, self._radios, some_device=device)
        if found := self._wires.find(target):
            return replace(found[0], slave=found[1])
        return self._wires.site(target)
