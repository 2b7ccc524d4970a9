"""A DS2480B adapter on its serial port: plugged in and pulled, powered and hanging, at the speed the house gives it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from hwsim.onewire.wire.ds2480b import Ds2480b
from hwsim.onewire.wire.line import Line
from hwsim.radio.gate import Gate
from hwsim.radio.port import MemoryPort, Port

if TYPE_CHECKING:
    from random import Random

    from anyio.abc import TaskGroup, TaskStatus

    from hwsim.clock import HouseTime
    from hwsim.onewire.bus import OneWireBus


@dataclass
class AdapterTraffic:
    """Counters of one adapter since the house began to run."""

    plugged: int = 0
    """How often it was plugged in."""
    received: int = 0
    """Bytes from the host."""
    sent: int = 0
    """Bytes to the host."""


class Adapter:
    """One adapter of a house. It does something between `plug` and `unplug`."""

    def __init__(self, bus: OneWireBus, time: HouseTime, random: Random, *, transaction_time: float = 0.0) -> None:
        self.name = bus.name
        self.random = random
        self.traffic = AdapterTraffic()
        self.awake = Gate()
        """Closed: it hangs."""
        self.port: Port = MemoryPort(bus.name)
        self.line = Line(bus, random)
        self.chip = Ds2480b(self.line, time.now)
        self._channel = bus.channels[0]
        self._time = time
        self._transaction_time = transaction_time
        self._scope: anyio.CancelScope | None = None
        self._dead = anyio.Event()

    @property
    def plugged(self) -> bool:
        return self._scope is not None

    def use(self, port: Port) -> None:
        """Have another port, while it is not plugged in."""
        self.port = port

    async def plug(self, tasks: TaskGroup) -> None:
        """Be there; does nothing if it is. The chip and all parasites have just got their supply.

        Raises:
            OSError: the port can't be made.
        """
        if not self.plugged:
            self.port.plug()
            self.restart()
            self.traffic.plugged += 1
            await tasks.start(self._live)

    async def unplug(self) -> None:
        """Be gone; returns when it is. Does nothing if it is not there."""
        if self._scope is not None:
            self._scope.cancel()
            await self._dead.wait()

    def restart(self) -> None:
        """Lose the supply for a moment, with the port as it is."""
        self.chip.power_up()
        self.line.lose_power()

    async def _live(self, *, task_status: TaskStatus[None]) -> None:
        self._dead = anyio.Event()
        try:
            with anyio.CancelScope() as self._scope:
                async with anyio.create_task_group() as tasks:
                    task_status.started()
                    await self.port.serve(partial(self._take, tasks), lambda: None)
        finally:
            self._scope = None
            self.port.unplug()
            self._dead.set()

    async def _take(self, tasks: TaskGroup, data: bytes) -> None:
        """Bytes from the host; the answer takes the time that the talks on the wire take."""
        await self.awake.passing()
        self.traffic.received += len(data)
        talks = self.line.traffic.resets
        answer = self.chip.receive(data)
        seconds = (self.line.traffic.resets - talks) * (self._transaction_time + self._channel.extra_delay)
        if seconds:
            await self._time.sleep(seconds)
        self._deliver(answer)
        if self.chip.pulse_ends is not None:
            tasks.start_soon(self._await_pulse, self.chip.pulse_ends)

    async def _await_pulse(self, ends: float) -> None:
        await self._time.sleep(max(0.0, ends - self._time.now()))
        await self.awake.passing()
        self._deliver(self.chip.elapse())

    def _deliver(self, answer: bytes) -> None:
        if answer:
            self.traffic.sent += len(answer)
            self.port.deliver(answer)
