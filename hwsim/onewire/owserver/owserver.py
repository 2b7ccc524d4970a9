"""One owserver: what it answers to each request. No sockets here.

Source: the owserver protocol page of owfs.org; return values and their order as measured with 3.2p4.

Theory of operation
 1. A path is parsed first; what can't be parsed is -1, and so is a device that is found on no wire.
 2. Where a device is, is believed for as long as the presence cache says, even when it has gone.
 3. A device that fails is asked three times in all. If the path names no wire, it is looked for in between;
    when it has gone, that is -2.
 4. A path with /bus.N is never doubted: a device that isn't there fails with -22.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from hwsim.onewire.bus import Branches, Place
from hwsim.onewire.owserver.access import Access, Master, TransactionError
from hwsim.onewire.owserver.formats import BadValue, Value
from hwsim.onewire.owserver.frames import LARGEST_REQUEST, Answer, Flag, MessageType, Request, Return
from hwsim.onewire.owserver.information import Desk
from hwsim.onewire.owserver.listing import Listing, alarm_listing, prefix, table_listing, wire_listing
from hwsim.onewire.owserver.paths import Area, PathError, PathParser, Target
from hwsim.onewire.owserver.properties import PROPERTIES
from hwsim.onewire.owserver.property import PropertyError
from hwsim.onewire.owserver.quick import QuickReads
from hwsim.onewire.owserver.values import Unit
from hwsim.traffic import Write

if TYPE_CHECKING:
    from random import Random

    from hwsim.onewire.bus import OneWireBus
    from hwsim.onewire.owserver.disturbance import Disturbance
    from hwsim.onewire.rom import RomId
    from hwsim.onewire.slave import Slave

T = TypeVar("T")
Send = Callable[[Answer], Awaitable[None]]
_TRIES = 3


class Owserver:
    """Answers requests for one bus."""

    def __init__(self, master: Master, disturbance: Disturbance, random: Random) -> None:
        self.master = master
        self._disturbance = disturbance
        self._random = random
        self._quick = QuickReads(master, disturbance)
        self._parser = PathParser(len(master.bus.channels), self._rom_of_alias)

    def at_once(self, request: Request, flags: int) -> Answer | None:
        """The answer to a request that needs no waiting, with these flags; None: `serve` has to find it."""
        return self._quick.answer(request, flags) if request.type == MessageType.READ else None

    async def serve(self, request: Request, send: Send) -> None:
        """Send all answers to one request; the flags word of each is filled in by whoever sends."""
        if request.type == MessageType.NOP:
            await send(Answer())
            return
        handler = self._handler(request.type)
        if handler is None:
            await send(Answer(Return.BAD_MESSAGE_TYPE))
        elif not request.payload:
            await send(Answer(Return.BAD_MESSAGE))
        else:
            try:
                await handler(request, send)
            except PathError:
                await send(Answer(Return.BAD_PATH))
            except PropertyError as error:
                await send(Answer(error.ret))

    def _handler(self, kind: int) -> Callable[[Request, Send], Awaitable[None]] | None:
        handlers: dict[int, Callable[[Request, Send], Awaitable[None]]] = {
            MessageType.READ: self._read,
            MessageType.WRITE: self._write,
            MessageType.DIR: self._dir,
            MessageType.PRESENCE: self._presence,
            MessageType.DIRALL: self._dir_all,
            MessageType.DIRALLSLASH: self._dir_all,
            MessageType.GET: self._get,
            MessageType.GETSLASH: self._get,
        }
        return handlers.get(kind)

    async def _read(self, request: Request, send: Send) -> None:
        if not 0 < request.size <= LARGEST_REQUEST:
            raise PropertyError(Return.MESSAGE_SIZE)
        target = self._parser.parse(request.path)
        channel = await self._locate(target)
        if target.prop is None:
            raise PropertyError(Return.IS_DIRECTORY)
        part = await self._read_file(target, channel, request)
        self._quick.learn(request, target)
        statistics = self.master.statistics
        statistics["read/calls"] += 1
        statistics["read/success"] += 1
        statistics["read/bytes"] += len(part)
        await send(Answer(len(part), part, len(part), request.offset if part else 0))

    async def _write(self, request: Request, send: Send) -> None:
        self.master.traffic.writes.append(Write(self.master.time.now(), request.path, request.data))
        target = self._parser.parse(request.path)
        channel = await self._locate(target)
        if target.prop is None:
            raise PropertyError(Return.IS_DIRECTORY)
        self.master.statistics["write/calls"] += 1
        taken = await self._write_file(target, channel, request)
        self.master.statistics["write/success"] += 1
        self.master.statistics["write/bytes"] += taken
        await send(Answer(size=taken))

    async def _dir(self, request: Request, send: Send) -> None:
        listing = await self._list(request)
        for path in listing.paths(slashes=False):
            text = path.encode(errors="surrogateescape")
            await send(Answer(payload=text + b"\0", size=len(text)))
        await send(Answer(offset=listing.flags))

    async def _dir_all(self, request: Request, send: Send) -> None:
        listing = await self._list(request)
        slashes = request.type in (MessageType.DIRALLSLASH, MessageType.GETSLASH)
        text = ",".join(listing.paths(slashes=slashes)).encode(errors="surrogateescape")
        await send(Answer(payload=text + b"\0" if text else b"", size=len(text), offset=listing.flags))

    async def _get(self, request: Request, send: Send) -> None:
        target = self._parser.parse(request.path)
        await (self._read if target.is_file else self._dir_all)(request, send)

    async def _presence(self, request: Request, send: Send) -> None:
        target = self._parser.parse(request.path)
        await self._locate(target)
        await send(Answer(payload=target.rom.wire if target.rom else bytes(8)))

    async def _locate(self, target: Target) -> int | None:
        """The wire that a path is about; None: all of them.

        Raises:
            PathError: the device is nowhere.
        """
        if target.channel is not None:
            return target.channel
        rom, branches = target.rom, target.branches
        if rom is None and branches:
            rom, branches = branches[-1][0], branches[:-1]
        if rom is None:
            return None
        found: int | None = self.master.cache.get(("presence", rom))
        if found is None:
            found = await self._find(rom, branches)
        if found is None:
            raise PathError("not found on any wire")
        return found

    async def _find(self, rom: RomId, branches: Branches) -> int | None:
        """Look for a device on all wires and note where it is."""
        bus = self.master.bus
        self.master.cache.drop(("presence", rom))
        for channel in range(len(bus.channels)):
            async with self.master.hold(channel):
                there = bus.reachable(rom) and bus.place(rom) == Place(channel, branches)
            if there:
                self.master.cache.put(("presence", rom), channel, self.master.timeouts.presence)
                return channel
        return None

    async def _read_file(self, target: Target, channel: int | None, request: Request) -> bytes:
        prop, element, size, offset = target.prop, target.element, request.size, request.offset
        if prop is None:
            raise PropertyError(Return.IS_DIRECTORY)
        if target.area is Area.STRUCTURE:
            return prop.structure(element).encode()[offset : offset + size] if offset >= 0 else b""
        if target.rom is None:
            return await self._desk(target, channel, request.flags).read(prop, element, size, offset)
        return await self._try(target, channel, request.flags, lambda unit: unit.read(prop, element, size, offset))

    async def _write_file(self, target: Target, channel: int | None, request: Request) -> int:
        prop, element, data, offset = target.prop, target.element, request.data, request.offset
        if prop is None or target.area is Area.STRUCTURE or prop.write is None:
            raise PropertyError(Return.NOT_SUPPORTED)
        try:
            if target.rom is None:
                return await self._desk(target, channel, request.flags).write(prop, element, data, offset)
            return await self._try(target, channel, request.flags, lambda unit: unit.write(prop, element, data, offset))
        except BadValue as error:
            raise PropertyError(error.ret) from None

    async def _try(self, target: Target, channel: int | None, flags: int, action: Callable[[Unit], Awaitable[T]]) -> T:
        """Do something with a device, three times if need be."""
        rom = target.rom
        if rom is None or channel is None:
            raise PathError("no device")
        if rom in self._disturbance.device_errors:
            raise PropertyError(self._disturbance.device_errors[rom])
        for attempt in range(_TRIES):
            self.master.statistics[f"read/tries.{attempt}"] += 1
            try:
                return await action(self._device(target, rom, channel, flags))
            except TransactionError:
                if attempt == 0 and target.channel is None:
                    channel = await self._look_again(target, rom)
        raise PropertyError(Return.INVALID)

    async def _look_again(self, target: Target, rom: RomId) -> int:
        channel = await self._find(rom, target.branches)
        if channel is None:
            raise PropertyError(Return.NO_ENTITY)
        return channel

    def _device(self, target: Target, rom: RomId, channel: int, flags: int) -> Unit:
        place = target.place(channel)
        uncached = target.uncached or bool(flags & Flag.UNCACHED)
        unit = Unit(self.master, rom, place, uncached, flags)

        async def sibling(name: str, element: int = 0) -> Value:
            return await unit.value(PROPERTIES[rom.family][name], element)

        if rom not in self.master.bus:
            raise PropertyError(Return.INVALID)
        unit.reader = Access(self.master, self.master.bus.slave(rom), place, uncached, sibling)
        return unit

    def _desk(self, target: Target, channel: int | None, flags: int) -> Unit:
        place = None if channel is None else target.place(channel)
        return Unit(self.master, target.area, None, True, flags, Desk(self.master, place))

    async def _list(self, request: Request) -> Listing:
        target = self._parser.parse(request.path)
        channel = await self._locate(target)
        if target.is_file:
            raise PropertyError(Return.NOT_DIRECTORY)
        start = prefix(target, self._aliases(target))
        if target.area is not Area.BUS or target.table is not None:
            self.master.statistics["directory/device/calls"] += 1
            return table_listing(target, start, self._part(target.rom))
        self.master.statistics["directory/bus/calls"] += 1
        channels = range(len(self.master.bus.channels)) if channel is None else (channel,)
        slaves: list[Slave] = []
        for number in channels:
            slaves += await self._search(target, number, request.flags)
        if self._disturbance.shuffles:
            self._random.shuffle(slaves)
        if target.alarm:
            return alarm_listing(start, slaves, request.flags)
        return wire_listing(target, start, slaves, len(self.master.bus.channels), request.flags)

    async def _search(self, target: Target, channel: int, flags: int) -> list[Slave]:
        """The devices of a folder; remembered for a while, but not those in alarm."""
        place, cache = target.place(channel), self.master.cache
        bus = self.master.bus
        if target.alarm:
            async with self.master.hold(channel):
                return bus.alarm_search(_selected(bus, place))
        uncached = target.uncached or flags & Flag.UNCACHED
        found: list[Slave] | None = None if uncached else cache.get(("directory", place))
        if found is None:
            async with self.master.hold(channel):
                found = bus.search(_selected(bus, place))
            cache.put(("directory", place), found, self.master.timeouts.directory)
            for slave in found:
                cache.put(("presence", slave.rom), channel, self.master.timeouts.presence)
        return list(found)

    def _part(self, rom: RomId | None) -> str:
        return self.master.bus.slave(rom).part if rom is not None and rom in self.master.bus else ""

    def _aliases(self, target: Target) -> dict[int, str]:
        if target.rom is None or target.rom not in self.master.bus:
            return {}
        alias = self.master.bus.slave(target.rom).alias
        return {target.device_segment: alias} if alias else {}

    def _rom_of_alias(self, alias: str) -> RomId | None:
        return next((slave.rom for slave in self.master.bus if slave.alias == alias), None)


def _selected(bus: OneWireBus, place: Place) -> Place:
    """The same place, if the branches on the way are those of hubs that are there."""
    if not bus.selectable(place):
        raise PropertyError(Return.IO_ERROR)
    return place
