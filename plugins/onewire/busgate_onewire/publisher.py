"""Stores readings, and no more often than they say something new.

Theory of operation
-------------------
1. A reading stands at the destination + ROM id + attribute. A good or suspect one is stored each time, because its time
   is new; one that says "still stale" or "still absent" is stored once.
2. A counter's total is stored beside its reading (``counter.A`` and ``total.A``, ``delta.A``), together with the count
   that it was made of, so that a node which takes over goes on from there. A total is never null: while the counter
   can't be read, it is stale.
3. Writes wait while the store is out of reach (``offline``): a house goes on measuring without its network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio

from busgate_onewire.counters import Count, advance
from gateway.errors import Detached
from gateway.values import Reading

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Mapping

    from busgate_onewire.roster import Key
    from gateway.path import Path

_COUNTER: Final = "counter."
#: Intervals without a good reading after which an old value is no longer shown, and the least time for that in seconds.
_LIFE_IN_INTERVALS: Final = 3
_LEAST_LIFE: Final = 30.0


class Publisher:
    """Writes below ``dest`` through a run's ``_self``."""

    def __init__(self, admin: Any, dest: Path, log: logging.Logger) -> None:
        self._admin = admin
        self._dest = dest
        self._log = log
        self._counts: dict[Key, Count] = {}
        self._told: dict[tuple[str, str], str] = {}
        self.last: dict[Key, Reading] = {}

    async def put(self, readings: Iterable[tuple[Key, Reading]], *, quiet: bool = False) -> None:
        """Store readings, at the same time, as far as they are news; ``quiet``: without a word in the log."""
        async with anyio.create_task_group() as tasks:
            for key, reading in readings:
                if not quiet:
                    self._tell(key, reading)
                if self._news(key, reading):
                    tasks.start_soon(self._put, key, reading)

    def _news(self, key: Key, reading: Reading) -> bool:
        last = self.last.get(key)
        if last is None or reading.quality in ("ok", "suspect"):
            return True
        return (last.quality, last.value) != (reading.quality, reading.value)

    async def _put(self, key: Key, reading: Reading) -> None:
        self.last[key] = reading
        await self._set(key, reading.as_map())
        if key[1].startswith(_COUNTER):
            await self._count(key, reading)

    def _tell(self, key: Key, reading: Reading) -> None:
        """Say once that something is wrong, and once that it is well again."""
        device = key[0]
        place = (device, "") if reading.quality == "absent" else key
        if reading.quality == "ok":
            for well in {(device, ""), key} & self._told.keys():
                self._log.info("%s is well again (it was %s)", " ".join(well).strip(), self._told.pop(well))
        elif reading.quality != "stale" and self._told.get(place) != reading.quality:
            self._told[place] = reading.quality
            self._log.warning("%s is %s", " ".join(place).strip(), reading.quality)

    async def _set(self, key: Key, record: Mapping[str, Any]) -> None:
        await self._admin.set(self._dest / key[0] / key[1], dict(record), offline=True)

    async def _count(self, key: Key, reading: Reading) -> None:
        device, attribute = key
        element = attribute.removeprefix(_COUNTER)
        total_key = (device, f"total.{element}")
        before = self._counts.get(key)
        try:
            before = before or await self._stored(total_key)
        except Detached:
            return  # what is counted meanwhile is in the counter
        if reading.quality == "ok" and isinstance(reading.value, int):
            step = advance(before, reading.value)
            if step.event:
                self._log.warning("%s %s: %s (from %s to %s)", device, attribute, step.event, before, reading.value)
            before = self._counts[key] = step.count
            await self._set((device, f"delta.{element}"), replace(reading, value=step.delta).as_map())
        if before is not None:
            shown = replace(reading, value=before.total, quality="ok" if reading.quality == "ok" else "stale")
            await self._set(total_key, shown.as_map() | {"raw": before.raw})

    async def _stored(self, key: Key) -> Count | None:
        """The count that was stored last, by whichever node."""
        try:
            record = await self._admin.get(self._dest / key[0] / key[1])
            return Count(int(record["raw"]), int(record["value"]))
        except (KeyError, TypeError, ValueError):
            return None

    async def bus_lost(self) -> None:
        """The bus is down: what was good is stale."""
        lost = [
            (key, Reading(last.value, last.unit, last.time, "stale", last.source))
            for key, last in self.last.items()
            if last.quality in ("ok", "suspect")
        ]
        await self.put(lost, quiet=True)

    async def expire(self, now: float, intervals: Mapping[Key, float]) -> None:
        """Give up values that have been stale for too long."""
        old = [
            (key, Reading(None, last.unit, now, "bus_error", last.source))
            for key, last in self.last.items()
            if last.quality == "stale" and now - last.time > self._life(intervals.get(key, 0.0))
        ]
        await self.put(old, quiet=True)

    def _life(self, interval: float) -> float:
        return max(_LEAST_LIFE, _LIFE_IN_INTERVALS * interval)
