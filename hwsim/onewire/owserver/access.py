"""How owserver's properties talk to one device: transactions, checksums, siblings, memory of a register."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from hwsim.onewire.collision import Collision
from hwsim.onewire.owserver.cache import Cache, Timeouts
from hwsim.onewire.rom import RomId, crc8, crc16
from hwsim.onewire.slave import Slave
from hwsim.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hwsim.clock import HouseTime
    from hwsim.onewire.bus import OneWireBus, Place
    from hwsim.onewire.owserver.formats import Value

S = TypeVar("S", bound=Slave)
T = TypeVar("T")


class TransactionError(Exception):
    """A device did not answer, or what it sent is garbled; owserver tries again, then answers -22."""


@dataclass
class Master:
    """One owserver's hold on its bus: the wires, the time they take, and what is counted."""

    bus: OneWireBus
    time: HouseTime
    cache: Cache
    timeouts: Timeouts = field(default_factory=Timeouts)
    conversion_scale: float = 1.0
    transaction_time: float = 0.0
    statistics: Counter[str] = field(default_factory=Counter)
    """What /statistics shows, by path below it."""
    traffic: Traffic = field(default_factory=Traffic)

    @asynccontextmanager
    async def hold(self, channel: int) -> AsyncIterator[None]:
        """Have a wire for oneself, and spend the time that a talk takes on it."""
        wire = self.bus.channels[channel]
        async with wire.lock:
            self.traffic.transactions += 1
            spent = self.transaction_time + wire.extra_delay
            if spent:
                await self.time.sleep(spent)
            yield

    async def pause(self, seconds: float) -> None:
        """Let the time pass that a conversion takes by the book."""
        await self.time.sleep(seconds * self.conversion_scale)


class Siblings(Protocol):
    """Reads another property of the same device the way a client would, cache included."""

    async def __call__(self, name: str, element: int = 0) -> Value: ...


@dataclass
class Access(Generic[S]):
    """One request's way to one device."""

    master: Master
    slave: S
    place: Place
    """Where the path says the device is; it may be wrong."""
    uncached: bool
    sibling: Siblings
    _done: dict[str, Any] = field(default_factory=dict)

    @property
    def rom(self) -> RomId:
        return self.slave.rom

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[S]:
        """Hold the wire and address the device.

        Raises:
            TransactionError: it isn't there.
        """
        async with self.master.hold(self.place.channel):
            bus = self.master.bus
            if not bus.reachable(self.rom) or bus.place(self.rom) != self.place:
                raise TransactionError("no answer")
            twin = self.slave.twin
            yield self.slave if twin is None else cast("S", Collision(self.slave, twin))

    def check8(self, data: bytes) -> bytes:
        """Take off the 8-bit CRC at the end.

        Raises:
            TransactionError: it is wrong.
        """
        self.master.statistics["errors/CRC8_tries"] += 1
        if crc8(data):
            self.master.statistics["errors/CRC8_errors"] += 1
            raise TransactionError("CRC8 is wrong")
        return data[:-1]

    def check16(self, command: bytes, data: bytes, start: int = 0) -> bytes:
        """Take off the inverted 16-bit CRC at the end, which covers the command too and began at `start`.

        Raises:
            TransactionError: it is wrong.
        """
        self.master.statistics["errors/CRC16_tries"] += 1
        body, crc = data[:-2], int.from_bytes(data[-2:], "little")
        if crc16(command + body, start) ^ 0xFFFF != crc:
            self.master.statistics["errors/CRC16_errors"] += 1
            raise TransactionError("CRC16 is wrong")
        return body

    async def remember(self, name: str, read: Callable[[], Awaitable[T]], *, stable: bool = False) -> T:
        """A register that several properties are made of: from the cache if the path allows it."""
        key = ("register", self.rom, name)
        found: T | None = None if self.uncached else self.master.cache.get(key)
        if found is None:
            found = await read()
            timeouts = self.master.timeouts
            self.master.cache.put(key, found, timeouts.stable if stable else timeouts.volatile)
        return found

    async def once(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        """As `remember`; but what all elements of an array are made of is read once in a request, whatever the path."""
        if name not in self._done:
            self._done[name] = await self.remember(name, read)
        found: T = self._done[name]
        return found

    def forget(self, name: str) -> None:
        """Read a register anew the next time."""
        self.master.cache.drop(("register", self.rom, name))

    def simultaneous_age(self) -> float | None:
        """Seconds since the last simultaneous conversion on this wire; None: too long ago, or not to be used."""
        return None if self.uncached else self.master.cache.age(simultaneous_key(self.place))


def simultaneous_key(place: Place) -> tuple[str, Place]:
    """Under which a simultaneous conversion is remembered."""
    return ("simultaneous", place)
