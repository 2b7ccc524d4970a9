"""A bus behind a DS2480B, as a place where faults happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hwsim.errors import PortInUse
from hwsim.onewire.bus import OneWireBus
from hwsim.onewire.wire.adapter import Adapter
from hwsim.onewire.wire.packet_pty import PacketPtyPort
from hwsim.site import WiredSite

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from anyio.abc import ByteStream

    from hwsim.clock import HouseTime
    from hwsim.junction import Junction
    from hwsim.scenario import AdapterSpec


@dataclass(kw_only=True)
class AdapterSite(WiredSite):
    """A bus whose master is on the other end of a serial line."""

    adapter: Adapter
    path: Path | None
    """Where the link to its terminal is made; None: where the house likes."""
    plugged: bool
    """Whether it is there when the house begins to run."""

    @classmethod
    def build(cls, spec: AdapterSpec, time: HouseTime, random: Random) -> Self:
        """A bus without devices."""
        bus = OneWireBus(spec.name)
        adapter = Adapter(bus, time, random, transaction_time=spec.transaction_time)
        return cls(
            bus=bus,
            time=time,
            random=random,
            conversion_scale=spec.conversion_scale,
            adapter=adapter,
            path=spec.path,
            plugged=spec.plugged,
        )

    @property
    def url(self) -> str:
        return self.adapter.port.url

    @property
    def junction(self) -> Junction:
        return self.adapter.port.junction

    def connect(self) -> ByteStream:
        return self.adapter.port.connect()

    def use_terminal(self, path: Path) -> None:
        """Be a terminal at a path, instead of a stream in memory."""
        self.adapter.use(PacketPtyPort(path, self.adapter.chip.flushed))

    async def open(self) -> None:
        if self.plugged:
            await self.plug()

    async def plug(self) -> None:
        """Plug the adapter in.

        Raises:
            PortInUse: its path can't be made.
        """
        try:
            await self.adapter.plug(self.running)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortInUse(f"adapter {self.bus.name!r} can't be at {self.url}: {reason}") from error
