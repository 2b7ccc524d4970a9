"""The procedure ``onewire.poll``: reads a 1-Wire bus and stores what it finds.

Theory of operation
-------------------
1. First a scan, then one read of everything, then ``setup_done``. From then on several loops share the bus: one for
   each interval, one for switches that tell by themselves, and one that looks for devices.
2. The values of one interval are due together, so that thermometers convert at the same time. Those that keep the bus
   for long have a loop of their own and are read one after the other, each when no other round is under way, so that
   they hold up the rest as little as can be. Times are on a grid: a slow bus skips a round, and never runs behind.
3. A value that has become stale is read again after at most 5 s, so that three failures are known soon.
4. When the bus goes down, each loop waits until it is up again and then goes on with what it was about to do. After 1 s
   the values are marked stale, and those that get too old are given up.
5. A device that is gone is read on, and shown as absent; nothing is ever deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from busgate_onewire.publisher import Publisher
from busgate_onewire.roster import LEAST_INTERVAL, PRESENT, Key, Roster, Wishes, seconds
from busgate_onewire.switch_loop import SwitchLoop
from gateway.errors import BusFault, InterfaceDown
from gateway.path import Path
from gateway.values import Device, Reading

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from gateway.abc import BusHandle
    from gateway.clock import Clock

T = TypeVar("T")

#: Seconds between two scans.
USUAL_RESCAN: Final = 120.0
#: Seconds after which a stale value is read again.
_SOON: Final = 5.0
#: Seconds that the bus may be down before the stored values say so.
_GRACE: Final = 1.0
#: Seconds between two looks for values that have been stale for too long.
_AGEING: Final = 5.0
#: Seconds by which slow values let the quick ones of the same moment go first.
_BEHIND: Final = 0.01
#: Seconds to wait after an outage that seems to be over at once.
_PAUSE: Final = 0.1


async def poll(
    _self: Any,
    _client: Any,
    _log: logging.Logger,
    bus: str | None = None,
    interval: float | None = None,
    dest: Any = "onewire",
    devices: list[str] | None = None,
    attributes: dict[str, list[str]] | list[str] | None = None,
    intervals: dict[str, float] | None = None,
    rescan: float | None = None,
) -> None:
    """Poll a 1-Wire bus for ever.

    Args:
        bus: name of the bus; default: the job's.
        interval: seconds between two reads of a value; default: by family (60 s, inputs 1 s).
        dest: path below which readings are stored, as ``dest`` + ROM id + attribute.
        devices: ROM ids or aliases; default: all that are found.
        attributes: what to read: a list, or a map of lists by ROM id, kind or family code; default: by family.
        intervals: seconds by ROM id, attribute, kind or family code; they go before ``interval``.
        rescan: seconds between two scans for new devices; default 120.

    Raises:
        ValueError: one of these can't be used; says which and why.
    """
    wishes = Wishes.of(devices, attributes, interval, intervals)
    period = USUAL_RESCAN if rescan is None else seconds("rescan", rescan)
    publisher = Publisher(_self, Path.build("onewire" if dest is None else dest), _log)
    await Poll(_self.bus(bus), Roster(wishes), publisher, _client.clock, _log, period).run(_self.setup_done)


class Poll:
    """One run of the procedure."""

    def __init__(
        self,
        bus: BusHandle,
        roster: Roster,
        publisher: Publisher,
        clock: Clock,
        log: logging.Logger,
        rescan: float,
    ) -> None:
        self._bus = bus
        self._roster = roster
        self._publisher = publisher
        self._clock = clock
        self._log = log
        self._rescan = rescan
        self._outage = anyio.Lock()
        self._outages = 0
        self._looping: set[float] = set()  # intervals
        self._rounds = 0  # of quick values, under way
        self._calm = anyio.Event()  # set when there is none
        self._calm.set()
        self._grown = anyio.Event()  # set when there are values more
        self._switches = SwitchLoop(bus, roster, publisher, clock, log)

    async def run(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Poll until cancelled; call ``ready`` when everything has been read once."""
        self._roster.meet(self._roster.wishes.expected())
        await self._meet(await self._scan())
        await self._read(self._roster.measured())
        await self._through_outages(self._switches.prepare)
        await ready()
        async with anyio.create_task_group() as tasks:
            self._start_loops(tasks)
            tasks.start_soon(self._switch_forever)
            tasks.start_soon(self._scan_forever, tasks)

    def _start_loops(self, tasks: TaskGroup) -> None:
        for interval in {self._roster.intervals[key] for key in self._roster.measured()} - self._looping:
            self._looping.add(interval)
            tasks.start_soon(self._read_forever, interval, False)
            tasks.start_soon(self._read_forever, interval, True)

    async def _read_forever(self, interval: float, slow: bool) -> None:
        """Read the quick or the slow values of one interval, on a grid of times that begins now."""
        begun = self._clock.lease_now()
        while True:
            passed = self._clock.lease_now() - begun
            due = begun + (passed // interval + 1) * interval
            await self._read_stale(interval, slow, due)
            await self._clock.sleep(due - self._clock.lease_now() + slow * _BEHIND)
            await self._read(self._due(interval, slow))

    def _due(self, interval: float, slow: bool) -> list[Key]:
        return [key for key in self._roster.measured(interval) if self._slow(key) is slow]

    def _slow(self, key: Key) -> bool:
        return self._roster.slow(key, self._publisher.last.get(key))

    async def _read_stale(self, interval: float, slow: bool, due: float) -> None:
        """Until then, read again what has become stale."""
        while self._clock.lease_now() + _SOON < due:
            last = self._publisher.last
            stale = [key for key in self._due(interval, slow) if key in last and last[key].quality == "stale"]
            if not stale:
                return
            await self._clock.sleep(_SOON)
            await self._read(stale)

    async def _read(self, keys: Sequence[Key]) -> None:
        """Read and store: the quick ones at once, then the slow ones one after the other."""
        slow = [key for key in keys if self._slow(key)]
        if quick := [key for key in keys if key not in slow]:
            await self._read_quickly(quick)
        for key in slow:
            await self._read_batch([key], patiently=True)

    async def _read_quickly(self, keys: Sequence[Key]) -> None:
        if not self._rounds:
            self._calm = anyio.Event()
        self._rounds += 1
        try:
            async with anyio.create_task_group() as tasks:
                for batch in self._roster.batches(keys):
                    tasks.start_soon(self._read_batch, batch)
        finally:
            self._rounds -= 1
            if not self._rounds:
                self._calm.set()

    async def _read_batch(self, keys: Sequence[Key], *, patiently: bool = False) -> None:
        async def read() -> list[Reading]:
            if patiently:
                await self._calm.wait()
            return await self._bus.read_many(keys)

        readings = await self._through_outages(read)
        await self._publisher.put(zip(keys, readings, strict=True))

    async def _switch_forever(self) -> None:
        while True:
            self._grown = anyio.Event()
            if (interval := self._roster.switch_interval()) is None:
                await self._grown.wait()
                continue
            await self._clock.sleep(max(LEAST_INTERVAL, interval))
            await self._through_outages(self._switches.look)

    async def _scan_forever(self, tasks: TaskGroup) -> None:
        while True:
            await self._clock.sleep(min(self._rescan, self._roster.tag_interval()))
            known = set(self._roster.devices)
            found = await self._scan()
            fresh = await self._meet(found)
            gone = known - {device.id for device in found}
            await self._read([key for key in self._roster.measured() if key in fresh or key[0] in gone])
            await self._through_outages(lambda: self._switches.meet(gone))  # noqa: B023 - called at once
            self._start_loops(tasks)

    async def _scan(self) -> list[Device]:
        """The devices that are there; those known when the bus can't tell."""
        try:
            return await self._through_outages(self._bus.scan)
        except BusFault as fault:
            self._log.warning("the bus can't be scanned: %s", fault)
            return list(self._roster.devices.values())

    async def _meet(self, found: Sequence[Device]) -> set[Key]:
        """Take the outcome of a scan; return the values that are new."""
        fresh = set(self._roster.meet(found))
        if fresh:
            self._grown.set()
        there = {device.id for device in found}
        now = self._clock.now()
        tags = [((id_, PRESENT), Reading(id_ in there, None, now)) for id_ in self._roster.tags()]
        last = self._publisher.last
        await self._publisher.put((k, r) for k, r in tags if k not in last or last[k].value != r.value)
        return fresh

    async def _through_outages(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call on the bus, again after each outage."""
        while True:
            seen = self._outages
            try:
                return await call()
            except InterfaceDown as down:
                reason = str(down)
            await self._wait_out(seen, reason)

    async def _wait_out(self, seen: int, reason: str) -> None:
        """Wait until the bus is up; the first to come here marks the values."""
        async with self._outage:
            if self._outages != seen:
                return
            self._log.warning("bus %s is down: %s", self._bus.bus, reason)
            with anyio.move_on_after(_GRACE) as patience:
                await self._bus.wait_up()
            if patience.cancelled_caught:
                await self._publisher.bus_lost()
                await self._grow_old()
            await self._clock.sleep(_PAUSE)
            self._outages += 1
            self._log.info("bus %s is up again", self._bus.bus)

    async def _grow_old(self) -> None:
        while True:
            with anyio.move_on_after(_AGEING):
                await self._bus.wait_up()
                return
            await self._publisher.expire(self._clock.now(), self._roster.intervals)
