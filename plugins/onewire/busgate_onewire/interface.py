"""An open owserver, as the host uses it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias

from busgate_onewire.conversion import Wanted
from busgate_onewire.families import attribute_of, family_of
from busgate_onewire.inventory import is_id, rom_id
from busgate_onewire.reader import Reader
from busgate_onewire.survey import alarmed_ids
from busgate_onewire.writer import Writer
from gateway.abc import UNFENCED, Interface
from gateway.errors import NoSuchAttribute, NoSuchDevice
from gateway.values import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from busgate_onewire.families import Attribute
    from busgate_onewire.inventory import Found
    from busgate_onewire.server import Server
    from gateway.abc import Permit
    from gateway.values import Device

#: Where a value is read: its device, its attribute, and whether past the cache.
Route: TypeAlias = "tuple[Found, Attribute, bool]"

_CACHED, _UNCACHED = "cached/", "uncached/"


class OneWireInterface(Interface):
    """All channels of one owserver.

    Devices are named by ROM id (in any of owserver's forms) or by alias; attributes as owserver names them. Before an
    attribute, ``cached/`` takes the value that the owserver remembers (at most 15 s old, without using the bus), and
    ``uncached/`` asks the device; without either, only what never changes by itself comes from the cache.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = Reader(server)
        self._writer = Writer(server)
        self._routes: dict[tuple[str, str], Route] = {}

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        server = self._server
        if not alarmed:
            await server.scan()
            return [found.device() for found in server.inventory.devices.values()]
        ids = await alarmed_ids(server)
        if any(id_ not in server.inventory.devices for id_ in ids):
            await server.look_again()
        known = server.inventory.devices
        return [known[id_].device() for id_ in ids if id_ in known]

    async def read(self, device: str, attribute: str) -> Reading:
        await self._server.look_for([device])
        found = self._server.inventory.find(device)
        if found is None:
            return self._reader.missing(device, self._expected(device, attribute))
        what, fresh = await self._resolve(found, attribute)
        return (await self._reader.read([Wanted(0, found, what, fresh)]))[0]

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        routes = [self._route(*request) for request in requests]
        if not all(routes):
            await self._server.look_for(device for device, _ in requests)
        readings: dict[int, Reading] = {}
        wanted: list[Wanted] = []
        for index, (request, route) in enumerate(zip(requests, routes, strict=True)):
            if route is None:
                known = await self._new_route(*request)
                if isinstance(known, Reading):
                    readings[index] = known
                    continue
                route = known
            wanted.append(Wanted(index, *route))
        readings |= await self._reader.read(wanted)
        return [readings[index] for index in range(len(requests))]

    def _route(self, device: str, attribute: str) -> Route | None:
        """Where a value was read last, if that still holds."""
        route = self._routes.get((device, attribute))
        return route if route and self._server.inventory.devices.get(route[0].id) is route[0] else None

    async def _new_route(self, device: str, attribute: str) -> Route | Reading:
        """Where to read a value, or the reading that says why there is none."""
        found = self._server.inventory.find(device)
        if found is None:
            return self._reader.missing(device, self._expected(device, attribute))
        try:
            what, fresh = await self._resolve(found, attribute)
        except NoSuchAttribute:
            return Reading(None, None, self._server.clock.now(), "absent")
        route = self._routes[device, attribute] = (found, what, fresh)
        return route

    async def write(self, device: str, attribute: str, value: Any, *, permit: Permit = UNFENCED) -> None:
        await self._server.look_for([device])
        found = self._server.inventory.find(device)
        if found is None:
            raise NoSuchDevice(f"no device {device!r} on the bus{self._hint(device)}")
        what, _ = await self._resolve(found, attribute)
        await self._writer.write(found, what, value, permit)

    async def probe(self) -> None:
        await self._server.greet()

    def health(self) -> dict[str, Any]:
        """Counters; times in seconds. Error counts are those of the owserver as of the last scan."""
        channels = self._server.channels.values()
        reads = sum(channel.reads for channel in channels)
        return {
            "channels": len(self._server.channels),
            "devices": len(self._server.inventory.devices),
            "connections": self._server.connections,
            "reconnects": self._server.reconnects,
            "bus_reads": reads,
            "mean_read_time": round(sum(channel.busy for channel in channels) / reads, 6) if reads else None,
            "slowest_read": round(max((channel.slowest for channel in channels), default=0.0), 6),
            **self._server.statistics,
        }

    async def _resolve(self, found: Found, name: str) -> tuple[Attribute, bool]:
        """The attribute without its prefix, and whether its value is to be asked of the device."""
        plain = name.removeprefix(_CACHED).removeprefix(_UNCACHED)
        attribute = attribute_of(found.family, plain)
        if attribute is None and plain.isprintable() and plain and ".." not in plain:
            attribute = await self._server.attribute(found.code, plain)
        if attribute is None:
            near = get_close_matches(plain, found.readable, 3)
            hint = f" (did you mean {', '.join(near)}?)" if near else ""
            raise NoSuchAttribute(f"{found.id} ({found.kind or 'unknown kind'}) has no attribute {plain!r}{hint}")
        fresh = name.startswith(_UNCACHED) or (attribute.volatile and not name.startswith(_CACHED))
        return attribute, fresh

    def _expected(self, device: str, name: str) -> Attribute | None:
        """What an attribute of a device that isn't there would be, by its family."""
        id_ = rom_id(device)
        return attribute_of(family_of(id_[:2]), name.rpartition("cached/")[2]) if is_id(id_) else None

    def _hint(self, device: str) -> str:
        near = get_close_matches(device, self._server.inventory.devices, 1)
        return f" (did you mean {near[0]}?)" if near else ""
