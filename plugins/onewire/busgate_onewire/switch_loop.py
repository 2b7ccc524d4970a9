"""Watches the switches that tell by themselves: searches for those with something to say, and reads these alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from busgate_onewire.switches import CLEAR, SWITCHES, Switch
from gateway.errors import BusFault, InterfaceDown, NoSuchAttribute, NoSuchDevice, WriteRefused

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from busgate_onewire.publisher import Publisher
    from busgate_onewire.roster import Key, Roster
    from gateway.abc import BusHandle
    from gateway.clock import Clock
    from gateway.values import Reading

#: Seconds between two reads of all inputs, in case something was missed.
SAFETY_NET: Final = 60.0


class SwitchLoop:
    """The switches of one bus. Devices that can't be told to answer a search are read at each look instead."""

    def __init__(self, bus: BusHandle, roster: Roster, publisher: Publisher, clock: Clock, log: logging.Logger) -> None:
        self._bus = bus
        self._roster = roster
        self._publisher = publisher
        self._clock = clock
        self._log = log
        self._told: set[str] = set()
        self._refused: set[str] = set()
        self._latched: set[str] = set()
        self._all_read = float("-inf")

    async def prepare(self) -> None:
        """Tell the devices when to answer, and read their inputs once.

        Raises: InterfaceDown.
        """
        for id_ in self._roster.switches():
            if id_ not in self._told:
                await self._tell(id_)
        await self._read_all()

    async def look(self) -> None:
        """One search, and what follows from it.

        Raises: InterfaceDown.
        """
        if self._clock.lease_now() >= self._all_read + SAFETY_NET:
            await self.prepare()
        mine = set(self._roster.switches())
        alarmed = [id_ for id_ in await self._alarmed() if id_ in mine]
        last = self._publisher.last
        stale = [key[0] for key in self._roster.intervals if key in last and last[key].quality == "stale"]
        for id_ in dict.fromkeys([*alarmed, *sorted(self._latched | mine - self._told), *stale]):
            if id_ in mine:
                await self._attend(id_, alarmed=id_ in alarmed)

    async def meet(self, gone: Iterable[str]) -> None:
        """After a scan: set up what is new, and read what wasn't found.

        Raises: InterfaceDown.
        """
        for id_ in self._roster.switches():
            if id_ in gone:
                self._told.discard(id_)
                await self._read(id_, (*SWITCHES[id_[:2]].latches, *SWITCHES[id_[:2]].inputs))
            elif id_ not in self._told:
                await self._tell(id_)
                await self._attend(id_, alarmed=False)

    async def _alarmed(self) -> list[str]:
        try:
            return [device.id for device in await self._bus.scan(alarmed=True)]
        except BusFault as fault:
            self._log.debug("no search for alarms: %s", fault)
            return []

    async def _attend(self, id_: str, *, alarmed: bool) -> None:
        """Read the latches of one device, clear them, and then read its inputs."""
        switch = SWITCHES[id_[:2]]
        latches = await self._read(id_, switch.latches)
        active = any(reading.value for reading in latches)
        self._latched.discard(id_)
        if active:
            self._latched.add(id_)
            await self._write(id_, *CLEAR)
        elif alarmed:
            await self._check(id_, switch)
        await self._read(id_, switch.inputs)

    async def _check(self, id_: str, switch: Switch) -> None:
        """It answered without a reason: see whether it has forgotten what it was told."""
        names = ["uncached/set_alarm", *(["uncached/por"] if switch.por else [])]
        condition, *por = await self._bus.read_many([(id_, name) for name in names])
        forgotten = condition.quality == "ok" and condition.value != switch.condition
        if forgotten or any(reading.value for reading in por):
            self._log.info("%s has lost its supply; it is set up again", id_)
            await self._tell(id_)

    async def _tell(self, id_: str) -> None:
        self._told.discard(id_)
        for attribute, value in SWITCHES[id_[:2]].programming:
            if not await self._write(id_, attribute, value):
                return
        self._told.add(id_)
        self._refused.discard(id_)

    async def _write(self, id_: str, attribute: str, value: int) -> bool:
        """Write; False when the device doesn't take it, which is said once."""
        try:
            await self._bus.write(id_, attribute, value)
        except InterfaceDown:
            raise
        except (BusFault, NoSuchDevice, NoSuchAttribute, WriteRefused) as error:
            if id_ not in self._refused:
                self._log.warning("%s can't be told to report changes: %s", id_, error)
            self._refused.add(id_)
            return False
        return True

    async def _read_all(self) -> None:
        self._all_read = self._clock.lease_now()
        for id_ in self._roster.switches():
            await self._read(id_, (*SWITCHES[id_[:2]].latches, *SWITCHES[id_[:2]].inputs))

    async def _read(self, id_: str, attributes: Iterable[str]) -> list[Reading]:
        """Read, and store what the job asks for."""
        keys: list[Key] = [(id_, attribute) for attribute in attributes]
        readings = await self._bus.read_many(keys)
        wanted = self._roster.intervals
        await self._publisher.put((k, r) for k, r in zip(keys, readings, strict=True) if k in wanted)
        return readings
