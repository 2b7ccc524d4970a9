"""One owserver: its connections, its channels, and what hangs on them.

Theory of operation
-------------------
1. A pool of lines, never more than the option ``connections``, because an owserver keeps 20 persistent connections for
   all its clients. Each channel has one for itself as long as they suffice; the rest read from the cache and from
   ``/structure``, so that these never wait for a bus.
2. Whatever a configuration may say, the channel of a device is taken from a scan: owserver answers for a device on the
   wrong ``/bus.N`` as well, with something.
3. A missing device leads to a scan, but not to one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from busgate_onewire.channel import Channel
from busgate_onewire.families import ENVIRONMENT, FAMILIES, Attribute, from_structure
from busgate_onewire.inventory import Inventory, channels
from busgate_onewire.line import Line
from busgate_onewire.owserver import Request
from busgate_onewire.readings import NO_SUCH, describe
from busgate_onewire.survey import survey
from busgate_onewire.together import together
from gateway.errors import BusFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from busgate_onewire.inventory import Found
    from busgate_onewire.options import Options
    from busgate_onewire.owserver import Answer
    from gateway.abc import DriverContext

#: Lines that bulk reads from the cache are spread over. More gain nothing: the server is busy then.
READERS: Final = 2
#: Seconds until a device that was looked for in vain is looked for again, other than by a scan that somebody wants.
SEARCH_PAUSE: Final = 60.0
#: What is read of ``/statistics/errors`` at each scan.
_STATISTICS: Final = ("CRC8_errors", "CRC8_tries", "CRC16_errors", "CRC16_tries")
_BUS_STATISTICS: Final = ("BUS_detect_errors", "BUS_level_errors", "BUS_status_errors", "BUS_next_errors")
#: Attributes in a device's folder that say nothing about what it measures.
_DULL: Final = frozenset({"address", "crc8", "family", "id", "locator", "r_address", "r_id", "r_locator"})


class Server:
    """The owserver of one open interface."""

    def __init__(self, options: Options, context: DriverContext) -> None:
        self.options = options
        self.clock = context.clock
        self.log = context.log
        self.inventory = Inventory()
        self.channels: dict[str, Channel] = {}
        self.statistics: dict[str, int] = {}
        self._lines = [Line(options, context) for _ in range(options.connections)]
        self._structure: dict[str, tuple[Attribute, ...]] = {}
        self._attributes: dict[tuple[str, str], Attribute | None] = {}
        self._scanning = anyio.Lock()
        self._scanned = float("-inf")
        self._missed: dict[str, float] = {}

    @property
    def connections(self) -> int:
        """How many there are now."""
        return sum(line.alive for line in self._lines)

    @property
    def reconnects(self) -> int:
        """How many had to be made again so far."""
        return sum(line.reconnects for line in self._lines)

    @property
    def control(self) -> Line:
        """The line for what needs no bus."""
        return self._lines[0]

    @property
    def readers(self) -> Sequence[Line]:
        """The lines for reads from the cache."""
        free = len(self._lines) - len(self.channels)
        return self._lines[: max(1, min(READERS, free))]

    async def aclose(self) -> None:
        for line in self._lines:
            await line.aclose()

    def request(self, path: str, *, slow: bool = False) -> Request:
        """A read with the timeout that is due."""
        return Request("read", path, self.options.conversion_timeout if slow else self.options.timeout)

    def listing(self, path: str) -> Request:
        return Request("list", path, self.options.conversion_timeout)

    async def greet(self) -> None:
        """See that it answers; InterfaceDown when it doesn't."""
        await self.control.ask([Request("ping", timeout=self.options.timeout)])

    async def find_channels(self) -> None:
        """Learn which channels there are.

        Raises:
            InterfaceDown: no answer.
            BusFault: it can't tell.
        """
        (root,) = await self.control.ask([self.listing("/")])
        if root.code or not root.data:
            why = describe(root.code) if root.code else "the list is empty"
            raise BusFault(f"owserver at {self.options.place} can't list its channels: {why}")
        names = channels(root.data)
        self.inventory.retain(names)
        usable = self._lines[1:]
        self.channels = {
            name: self.channels.get(name) or Channel(name, usable[-1 - place % len(usable)], self.clock)
            for place, name in enumerate(names)
        }

    async def scan(self) -> None:
        """Bring the inventory up to date.

        Raises:
            InterfaceDown: no answer.
            BusFault: a channel can't be listed; the others have been.
        """
        async with self._scanning:
            await self._scan()

    async def look_for(self, names: Iterable[str]) -> None:
        """Scan if one of the devices isn't known and was not looked for lately."""
        now = self.clock.lease_now()
        missing = {name for name in names if self.inventory.find(name) is None}
        if any(self._missed.get(name, float("-inf")) + SEARCH_PAUSE <= now for name in missing):
            await self.look_again()
            self._missed |= dict.fromkeys((name for name in missing if self.inventory.find(name) is None), now)

    async def look_again(self) -> bool:
        """Scan because something is missing, unless that was done just now; return whether it was done."""
        async with self._scanning:
            if self.clock.lease_now() < self._scanned + self.options.rescan_pause:
                return False
            try:
                await self._scan()
            except BusFault as fault:
                self.log.info("%s", fault)
            return True

    async def _scan(self) -> None:
        await self.find_channels()
        outcomes = await together(*(self._survey(name) for name in self.inventory.channels))
        await self._count_errors()
        self._scanned = self.clock.lease_now()
        if faults := [str(outcome) for outcome in outcomes if isinstance(outcome, BusFault)]:
            raise BusFault("; ".join(faults))

    async def _survey(self, name: str) -> None:
        self.inventory.replace(name, await survey(self, name))

    async def attributes(self, device: Found) -> tuple[Attribute, ...]:
        """What a device has: by our own table, else by what the server says of its family."""
        if device.family.attributes or device.code in FAMILIES or device.kind in ENVIRONMENT:
            return device.family.attributes
        if device.code not in self._structure:
            (folder,) = await self.control.ask([self.listing(f"/structure/{device.code}")])
            paths = [path for path in folder.data.decode(errors="replace").split(",") if path and path[-1] != "/"]
            names = [path.rpartition("/")[2] for path in paths]
            lines = await self.control.ask([self.request(path) for path in paths])
            found = (from_structure(name, _text(line)) for name, line in zip(names, lines, strict=True))
            self._structure[device.code] = tuple(a for a in found if a and a.name not in _DULL)
        return self._structure[device.code]

    async def attribute(self, code: str, name: str) -> Attribute | None:
        """What the server says of an attribute that our table doesn't have; None when there is none."""
        if (code, name) not in self._attributes:
            (line,) = await self.control.ask([self.request(f"/structure/{code}/{name}")])
            if line.code and line.code not in NO_SUCH:
                return None
            self._attributes[code, name] = None if line.code else from_structure(name, _text(line))
        return self._attributes[code, name]

    async def _count_errors(self) -> None:
        names = _STATISTICS + _BUS_STATISTICS
        answers = await self.control.ask([self.request(f"/statistics/errors/{name}") for name in names])
        for name, answer in zip(names, answers, strict=True):
            if not answer.code and (text := _text(answer).strip()).isdecimal():
                self.statistics[name] = int(text)


def _text(answer: Answer) -> str:
    return answer.data.decode(errors="replace")
