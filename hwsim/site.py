"""One bus of a running house with all that belongs to it: wires, who serves them, misbehaviour, tasks."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hwsim.errors import FaultError, HwsimError, PortInUse
from hwsim.onewire.bus import Channel, OneWireBus
from hwsim.onewire.owserver.access import Master
from hwsim.onewire.owserver.cache import Cache, Timeouts
from hwsim.onewire.owserver.disturbance import Disturbance
from hwsim.onewire.owserver.owserver import Owserver
from hwsim.onewire.owserver.server import OwserverPort
from hwsim.radio.port import MEMORY

if TYPE_CHECKING:
    from random import Random

    from anyio.abc import ByteStream, TaskGroup

    from hwsim.clock import HouseTime
    from hwsim.junction import Junction
    from hwsim.onewire.slave import Slave
    from hwsim.scenario import BusSpec
    from hwsim.traffic import Traffic

HOST = "127.0.0.1"


@dataclass(kw_only=True)
class WiredSite:
    """Where faults happen: a bus with wires, and for faults of devices one device on it."""

    bus: OneWireBus
    time: HouseTime
    random: Random
    conversion_scale: float = 1.0
    tasks: TaskGroup | None = None
    """The tasks of the house while it runs."""
    slave: Slave | None = None

    @property
    def url(self) -> str:
        """Where a host finds it."""
        raise NotImplementedError

    @property
    def junction(self) -> Junction:
        """Where somebody may listen in on what goes between it and its hosts."""
        raise NotImplementedError

    def connect(self) -> ByteStream:
        """Connect within this process. Raises HwsimError when hosts come in from outside."""
        raise NotImplementedError

    def bind(self, *, sockets: bool) -> None:
        """Take what the place needs, before anything is open. Raises PortInUse when it can't be had."""

    def unbind(self) -> None:
        """Give it back."""

    async def open(self) -> None:
        """Let hosts in, after `bind`, while the house runs."""
        raise NotImplementedError

    @property
    def device(self) -> Slave:
        """The device that a fault is about.

        Raises:
            FaultError: the target of the fault is a bus.
        """
        if self.slave is None:
            raise FaultError("this fault needs a device as its target")
        return self.slave

    def wires(self, number: int | None) -> list[Channel]:
        """The wires that a fault is about: one, or all.

        Raises:
            FaultError: there is no such wire.
        """
        channels = self.bus.channels
        if number is None:
            return channels
        if number >= len(channels):
            raise FaultError(f"bus {self.bus.name!r} has no channel {number}; it has {len(channels)}")
        return [channels[number]]

    @property
    def running(self) -> TaskGroup:
        """The tasks of the house.

        Raises:
            RuntimeError: it does not run.
        """
        if self.tasks is None:
            raise RuntimeError("a bus listens only while its house runs")
        return self.tasks


@dataclass(kw_only=True)
class Site(WiredSite):
    """A bus behind an owserver."""

    owserver: Owserver
    port: OwserverPort
    disturbance: Disturbance

    @classmethod
    def build(cls, spec: BusSpec, time: HouseTime, random: Random) -> Self:
        """A bus without devices."""
        bus = OneWireBus(spec.name, spec.channels)
        master = Master(
            bus,
            time,
            Cache(time.now),
            Timeouts(**spec.cache.model_dump()),
            conversion_scale=spec.conversion_scale,
            transaction_time=spec.transaction_time,
        )
        disturbance = Disturbance()
        owserver = Owserver(master, disturbance, random)
        port = OwserverPort(owserver, disturbance, time, HOST, spec.port)
        return cls(
            bus=bus,
            time=time,
            random=random,
            conversion_scale=spec.conversion_scale,
            owserver=owserver,
            port=port,
            disturbance=disturbance,
        )

    @property
    def url(self) -> str:
        if self.port.in_memory:
            return f"{MEMORY}{self.bus.name}"
        return f"owserver://{self.port.host}:{self.port.port}"

    @property
    def junction(self) -> Junction:
        return self.port.junction

    def connect(self) -> ByteStream:
        if not self.port.in_memory:
            name = self.bus.name
            raise HwsimError(f"bus {name!r} is at {self.url}; run the house with sockets=False to connect like this")
        return self.port.connect()

    @property
    def traffic(self) -> Traffic:
        """The counters of this bus."""
        return self.owserver.master.traffic

    def bind(self, *, sockets: bool) -> None:
        """Take the port, always the same one, or be there within this process.

        Raises:
            PortInUse: somebody else has it.
        """
        self.port.in_memory = not sockets
        try:
            self.port.bind()
        except OSError as error:
            place = f"{self.port.host}:{self.port.port}"
            hint = "; stop the other program or give the bus another port" if error.errno == errno.EADDRINUSE else ""
            reason = (error.strerror or str(error)).lower()
            raise PortInUse(f"bus {self.bus.name!r} can't listen on {place}: {reason}{hint}") from error

    def unbind(self) -> None:
        self.port.unbind()

    async def open(self) -> None:
        """Accept clients, after `bind`, while the house runs."""
        await self.port.open(self.running)
