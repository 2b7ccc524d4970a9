"""The calls of an open interface, bounded and checked: what comes out of a driver is a Reading that can be believed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from gateway.abc import UNFENCED, Interface
from gateway.errors import BusFault, NoSuchDevice
from gateway.values import Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.abc import Permit
    from gateway.bus.session import Session, Timing
    from gateway.clock import Clock
    from gateway.values import Device, Quality, Telegram, Transmission


class CheckedInterface(Interface):
    """An interface during one session.

    Its calls raise what :class:`gateway.abc.Interface` says, ``InterfaceDown`` when the session has ended meanwhile,
    and ``BusFault`` when there is no answer in time. A read turns faults into a Reading of that quality.

    Args:
        source: ``NODE/INTERFACE``, stamped on each Reading.
    """

    def __init__(self, session: Session, timing: Timing, clock: Clock, source: str) -> None:
        self._session = session
        self._timing = timing
        self._clock = clock
        self._source = source

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        return await self._session.call(
            "scan", self._timing.scan, lambda: self._session.interface.scan(alarmed=alarmed)
        )

    async def read(self, device: str, attribute: str) -> Reading:
        async def read() -> list[Reading]:
            return [self._checked(await self._session.interface.read(device, attribute))]

        return (await self._read(f"read of {device} {attribute}", 1, read))[0]

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        async def read() -> list[Reading]:
            found = [self._checked(reading) for reading in await self._session.interface.read_many(requests)]
            if len(found) != len(requests):
                raise ValueError(f"read_many gave {len(found)} readings for {len(requests)} requests")
            return found

        return await self._read(f"read of {len(requests)} values", len(requests), read)

    async def _read(self, what: str, count: int, read: Callable[[], Awaitable[list[Reading]]]) -> list[Reading]:
        bound = self._timing.call + self._timing.further * max(0, count - 1)
        try:
            return await self._session.call(what, bound, read)
        except NoSuchDevice:
            return [self._nothing("absent")] * count
        except BusFault as fault:
            return [self._nothing("crc" if fault.quality == "crc" else "bus_error")] * count

    def _checked(self, reading: Reading) -> Reading:
        """Stamp a reading with its source; what is no reading is the driver's crash."""
        if not isinstance(reading, Reading):
            raise TypeError(f"read gave {reading!r}, which is no Reading")
        if isinstance(reading.value, float) and not math.isfinite(reading.value):
            return self._nothing("bus_error")
        return replace(reading, source=self._source, time=reading.time or self._clock.now())

    def _nothing(self, quality: Quality) -> Reading:
        return Reading(None, None, self._clock.now(), quality, self._source)

    async def write(self, device: str, attribute: str, value: Any, *, permit: Permit = UNFENCED) -> None:
        what = f"write of {device} {attribute}"
        await self._session.call(
            what, self._timing.call, lambda: self._session.interface.write(device, attribute, value, permit=permit)
        )

    async def send(self, device: str, command: str, values: Mapping[str, Any], *, permit: Permit = UNFENCED) -> Any:
        what = f"command {command} to {device}"
        return await self._session.call(
            what, self._timing.call, lambda: self._session.interface.send(device, command, values, permit=permit)
        )

    def transmission(self, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
        return self._session.interface.transmission(device, command, values)

    async def hear(self, tell: Callable[[Telegram], None]) -> NoReturn:
        """Call ``tell`` for each telegram that comes in, from now on.

        Raises:
            InterfaceDown: the interface has gone down.
            Unsupported: it hears no telegrams.
        """

        async def listen() -> None:
            async with self._session.interface.listen() as telegrams:
                async for telegram in telegrams:
                    self._session.alive()
                    tell(telegram)

        await self._session.attend("listening", listen)

    async def probe(self) -> None:
        await self._session.call("probe", self._timing.probe, self._session.interface.probe)
