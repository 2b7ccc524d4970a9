"""Faults of 1-Wire lines and of the adapter that drives them; they exist only where there are bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from hwsim.faults.fault import WIRE, Fault

if TYPE_CHECKING:
    from hwsim.onewire.wire.site import AdapterSite


class AdapterFault(Fault):
    target = "bus"
    among = (WIRE,)


class Unplug(AdapterFault):
    """The adapter is pulled: the host's connection breaks; it is back at the same path afterwards."""

    kind = "unplug"

    async def begin(self, site: AdapterSite) -> None:
        await site.adapter.unplug()

    async def end(self, site: AdapterSite) -> None:
        await site.plug()


class Restart(AdapterFault):
    """The adapter loses its supply for a moment, and with it its settings; so do all parasites."""

    kind = "restart"
    usual_duration = 0.0

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.restart()


class Hang(AdapterFault):
    """The adapter takes nothing and says nothing; when the fault ends it takes what has come meanwhile."""

    kind = "hang"

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.awake.close()

    async def end(self, site: AdapterSite) -> None:
        site.adapter.awake.open()


class Noise(AdapterFault):
    """So many random bytes come to the host out of nothing."""

    kind = "noise"
    usual_duration = 0.0

    length: int = Field(default=7, ge=1, le=4096)

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.port.deliver(site.random.randbytes(self.length))


class ShortCircuit(AdapterFault):
    """The line is low for as long as it lasts; parasites lose their supply."""

    kind = "short_circuit"

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.line.lose_power()
        site.adapter.line.trouble.shorted += 1

    async def end(self, site: AdapterSite) -> None:
        site.adapter.line.trouble.shorted -= 1


class NoPresence(AdapterFault):
    """The line is broken near the adapter, so nobody answers; parasites lose their supply."""

    kind = "no_presence"

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.line.lose_power()
        site.adapter.line.trouble.broken += 1

    async def end(self, site: AdapterSite) -> None:
        site.adapter.line.trouble.broken -= 1


class BitErrors(AdapterFault):
    """Each slot is read wrong with this chance, by the master and by the slaves: a long line, a bad contact."""

    kind = "bit_errors"

    rate: float = Field(default=0.001, gt=0, le=1)

    async def begin(self, site: AdapterSite) -> None:
        site.adapter.line.trouble.rates.append(self.rate)

    async def end(self, site: AdapterSite) -> None:
        site.adapter.line.trouble.rates.remove(self.rate)


KINDS: tuple[type[Fault], ...] = (
    Unplug, Restart, Hang, Noise, ShortCircuit, NoPresence, BitErrors,
)  # fmt: skip
