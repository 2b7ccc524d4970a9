"""Faults of a server and its wires, as owserver clients report them in public trackers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PrivateAttr

from hwsim.faults.fault import ONE_WIRE, WIRE, Fault
from hwsim.onewire.bus import Place
from hwsim.onewire.families import DS18B20
from hwsim.onewire.owserver.disturbance import ClosePoint, Rule, Treatment
from hwsim.onewire.rom import RomId

if TYPE_CHECKING:
    from hwsim.site import Site, WiredSite


class Restart(Fault):
    """The server dies, which breaks all connections, and listens again on the same port when the fault ends."""

    kind = "restart"
    target = "bus"
    usual_duration = 0.5

    reset: bool = True
    """Break the connections (RST) instead of ending them (FIN)."""

    async def begin(self, site: Site) -> None:
        await site.port.close(reset=self.reset)
        site.owserver.master.cache.clear()

    async def end(self, site: Site) -> None:
        if not site.port.is_open:
            site.bind(sockets=not site.port.in_memory)
            await site.open()


class Hang(Fault):
    """The server does nothing any more, like a stopped process, and goes on where it was when the fault ends."""

    kind = "hang"
    target = "bus"

    async def begin(self, site: Site) -> None:
        site.disturbance.stop()

    async def end(self, site: Site) -> None:
        site.disturbance.go_on()


class _RequestFault(Fault):
    """Changes the treatment of the next `count` requests, or of all while it lasts."""

    target = "bus"

    count: int | None = Field(default=None, ge=1)
    _rule: Rule | None = PrivateAttr(None)

    def change(self, treatment: Treatment) -> None:
        """Change the treatment of one request."""
        raise NotImplementedError

    async def begin(self, site: Site) -> None:
        self._rule = Rule(self.change, self.count)
        site.disturbance.rules.append(self._rule)

    async def end(self, site: Site) -> None:
        if self._rule in site.disturbance.rules:
            site.disturbance.rules.remove(self._rule)


class Keepalives(_RequestFault):
    """So many signs of life come before each answer."""

    kind = "keepalives"

    frames: int = Field(default=3, ge=1)

    def change(self, treatment: Treatment) -> None:
        treatment.keepalives = self.frames


class NoAnswer(_RequestFault):
    """Requests are never answered; with `alive` the signs of life go on for ever."""

    kind = "no_answer"

    alive: bool = False

    def change(self, treatment: Treatment) -> None:
        treatment.answered = False
        treatment.alive = self.alive


class Close(_RequestFault):
    """The server hangs up: before its answer, within the header, or within the payload."""

    kind = "close"

    where: ClosePoint = ClosePoint.BEFORE
    reset: bool = False

    def change(self, treatment: Treatment) -> None:
        treatment.close = self.where
        treatment.reset = self.reset


class NoPersistence(_RequestFault):
    """Nobody is granted persistence, so each connection ends after one answer."""

    kind = "no_persistence"

    def change(self, treatment: Treatment) -> None:
        treatment.persistence = False


class ShortValue(_RequestFault):
    """Values that are read arrive cut to `length` bytes."""

    kind = "short_value"

    length: int = Field(default=0, ge=0)

    def change(self, treatment: Treatment) -> None:
        treatment.shortest = self.length


class Shuffle(Fault):
    """The devices of a listing come in another order each time."""

    kind = "shuffle"
    target = "bus"

    async def begin(self, site: Site) -> None:
        site.disturbance.shuffles += 1

    async def end(self, site: Site) -> None:
        site.disturbance.shuffles -= 1


class SlowBus(Fault):
    """Each talk on a wire takes so many seconds more, and holds it."""

    kind = "slow_bus"
    target = "bus"
    among = (ONE_WIRE, WIRE)

    delay: float = Field(default=0.5, gt=0)
    channel: int | None = Field(default=None, ge=0)

    async def begin(self, site: WiredSite) -> None:
        for channel in site.wires(self.channel):
            channel.extra_delay += self.delay

    async def end(self, site: WiredSite) -> None:
        for channel in site.wires(self.channel):
            channel.extra_delay -= self.delay


class Crowd(Fault):
    """So many thermometers more hang on a wire, which makes listings huge."""

    kind = "crowd"
    target = "bus"
    among = (ONE_WIRE, WIRE)

    devices: int = Field(default=1000, ge=1, le=20000)
    channel: int = Field(default=0, ge=0)
    _guests: list[RomId] = PrivateAttr(default_factory=list)

    async def begin(self, site: WiredSite) -> None:
        site.wires(self.channel)
        self._guests = _invite(site, self.devices, self.channel)

    async def end(self, site: WiredSite) -> None:
        for rom in self._guests:
            site.bus.detach(rom)


def _invite(site: WiredSite, count: int, channel: int) -> list[RomId]:
    """Hang so many new DS18B20 on a wire, with ids from the seed; returns the ids."""
    guests: list[RomId] = []
    while len(guests) < count:
        rom = RomId(DS18B20.family, site.random.randbytes(6))
        if rom not in site.bus:
            site.bus.attach(DS18B20(rom, site.time.now), Place(channel))
            guests.append(rom)
    return guests
