"""Reads values: finds the devices, runs a cycle on each channel, judges what comes back.

Theory of operation
-------------------
1. Values that change by themselves are asked of the device (``/uncached``), the others of the server's cache. An
   attribute written ``cached/temperature`` or ``uncached/temphigh`` says otherwise.
2. Channels work at the same time; a channel does one thing after the other.
3. A device that isn't known, or that fails as one that is gone does, makes us look for it: once, and not again for
   ``rescan_pause`` seconds. Where it turns up elsewhere, it is read there at once.
4. A temperature in doubt for the first time is measured again after ``suspect_delay`` seconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from busgate_onewire.conversion import Job, Wanted, duration, merge, plan
from busgate_onewire.inventory import rom_id
from busgate_onewire.owserver import Answer
from busgate_onewire.readings import (
    NO_SUCH,
    POWER_ON,
    Judge,
    at_power_on,
    elements,
    parse,
    quality_of,
)
from busgate_onewire.together import together
from gateway.errors import BusFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from busgate_onewire.families import Attribute
    from busgate_onewire.readings import Value
    from busgate_onewire.server import Server
    from gateway.values import Quality, Reading

#: The server has closed a channel: the listing fails, or the path.
_LOST: Final = 45
#: A line for reads from the cache is worth its while from so many on.
_FEWEST_PER_LINE: Final = 8


class Reader:
    """The reading side of an open interface."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._judge = Judge(server.options.strikes)

    async def read(self, wanted: Sequence[Wanted]) -> dict[int, Reading]:
        """Read values, by their ``index``.

        Raises:
            InterfaceDown: the owserver doesn't answer.
        """
        got = await self._fetch(wanted)
        lost = [want for want in wanted if got[want.index].code and self._looks_gone(want, got[want.index])]
        moved: list[Wanted] = []
        if lost and await self._server.look_again():
            moved = [again for want in lost if (again := self._moved(want))]
            got |= await self._fetch(moved)
        offset = self._server.clock.now() - self._server.clock.lease_now()
        readings = {want.index: self._judged(want, got[want.index], offset) for want in wanted}
        certain = {index: reading for index, reading in readings.items() if reading}
        doubts = [want for want in wanted if want.index not in certain]
        return certain | await self._reconsider(doubts, got) if doubts else certain

    def missing(self, device: str, attribute: Attribute | None) -> Reading:
        """The reading of a device that isn't there."""
        name, unit = (attribute.name, attribute.unit) if attribute else ("", None)
        return self._judge.failed((rom_id(device), name), "absent", unit, self._server.clock.now())

    async def _fetch(self, wanted: Sequence[Wanted]) -> dict[int, Answer]:
        """The raw answers. Those of an array's element hold that element alone."""
        by_channel: dict[str, list[Wanted]] = {}
        for want in wanted:
            if want.fresh:
                by_channel.setdefault(want.found.place.channel, []).append(want)
        calls = [self._cycle(channel, group) for channel, group in by_channel.items()]
        if cached := [want for want in wanted if not want.fresh]:
            calls.append(self._from_cache(cached))
        outcomes = await together(*calls)
        answers: dict[int, Answer] = {}
        for outcome in outcomes:
            if not isinstance(outcome, BusFault):
                answers |= outcome
        return answers

    async def _cycle(self, name: str, wanted: Sequence[Wanted]) -> dict[int, Answer]:
        server = self._server
        channel = server.channels.get(name)
        if channel is None:
            return dict.fromkeys((want.index for want in wanted), Answer(_LOST, at=server.clock.lease_now()))
        cycle = plan(wanted, simultaneous=channel.simultaneous)
        longest = max((duration(f) for f in server.inventory.on(name) if f.simultaneous), default=0.0)
        answers = _spread(await channel.run(cycle, longest, server.options))
        unable = [job for job in cycle.latest if any(answers[w.index].code in NO_SUCH for w, _ in job.wanted)]
        if cycle.latest and len(unable) == len(cycle.latest):
            # nobody answers: an owserver before 3.1 has no `latesttemp`, and some have no `simultaneous`
            channel.simultaneous = False
            again = plan([w for job in unable for w, _ in job.wanted], simultaneous=False)
            alone = _spread(await channel.run(again, longest, server.options))
            channel.simultaneous = all(answer.code for answer in alone.values())
            answers |= alone
        return answers

    async def _from_cache(self, wanted: Sequence[Wanted]) -> dict[int, Answer]:
        """Read through the server's cache, over several lines when there is much to read."""
        jobs = merge(wanted)
        lines = self._server.readers
        count = max(1, min(len(lines), len(jobs) // _FEWEST_PER_LINE))
        parts = [jobs[first::count] for first in range(count)]
        outcomes = await together(*(self._ask(number, part) for number, part in enumerate(parts)))
        return {index: answer for part in outcomes if isinstance(part, dict) for index, answer in part.items()}

    async def _ask(self, number: int, jobs: Sequence[Job]) -> dict[int, Answer]:
        requests = [self._server.request(job.path, slow=True) for job in jobs]
        answers = await self._server.readers[number].ask(requests, burst=True) if requests else []
        return _spread(zip(jobs, answers, strict=True))

    def _looks_gone(self, want: Wanted, answer: Answer) -> bool:
        return answer.code in NO_SUCH or self._judge.serious(want.key)

    def _moved(self, want: Wanted) -> Wanted | None:
        """The same device where it is now, when that is elsewhere."""
        now = self._server.inventory.devices.get(want.found.id)
        return replace(want, found=now) if now and now.place != want.found.place else None

    def _judged(self, want: Wanted, answer: Answer, offset: float) -> Reading | None:
        """The reading; None when the value is in doubt. ``offset`` makes Unix time of ``lease_now``."""
        key, unit, at = want.key, want.attribute.unit, answer.at + offset
        if answer.code:
            return self._judge.failed(key, self._fault(want, answer), unit, at)
        try:
            value = parse(answer.data, want.attribute)
        except ValueError:
            return self._judge.failed(key, "bus_error", unit, at)
        if self._judge.in_doubt(key, value) and _measures(want):
            return None
        return self._judge.good(key, value, unit, at)

    def _fault(self, want: Wanted, answer: Answer) -> Quality:
        return quality_of(answer.code) if want.found.id in self._server.inventory.devices else "absent"

    async def _reconsider(self, doubts: Sequence[Wanted], first: dict[int, Answer]) -> dict[int, Reading]:
        """Look more closely at temperatures in doubt."""
        fresh = [want for want in doubts if not self._judge.doubted(want.key)]
        again: dict[int, Answer] = {}
        if fresh:
            await self._server.clock.sleep(self._server.options.suspect_delay)
            again = await self._fetch([replace(want, fresh=True) for want in fresh])
        pads = await self._scratchpads(doubts)
        offset = self._server.clock.now() - self._server.clock.lease_now()
        readings = {}
        for want in doubts:
            answer = again.get(want.index, first[want.index])
            reading = self._judged(want, answer, offset)
            readings[want.index] = reading or self._settle(want, answer, offset, pads.get(want.index))
        return readings

    def _settle(self, want: Wanted, answer: Answer, offset: float, scratchpad: bytes | None) -> Reading:
        """Judge a temperature that is still in doubt."""
        value: Value = parse(answer.data, want.attribute)
        unit, at = want.attribute.unit, answer.at + offset
        converted = scratchpad is not None and not at_power_on(scratchpad)
        if value == POWER_ON and converted:
            return self._judge.good(want.key, value, unit, at)
        return self._judge.doubtful(want.key, value, unit, at)

    async def _scratchpads(self, wanted: Sequence[Wanted]) -> dict[int, bytes]:
        jobs = [
            Job(f"/uncached{want.found.path}/scratchpad", ((want, None),))
            for want in wanted
            if any(attribute.name == "scratchpad" for attribute in want.found.family.attributes)
        ]
        by_channel: dict[str, list[Job]] = {}
        for job in jobs:
            by_channel.setdefault(job.wanted[0][0].found.place.channel, []).append(job)
        timeout = self._server.options.timeout
        asked = [
            channel.ask(group, timeout)
            for name, group in by_channel.items()
            if (channel := self._server.channels.get(name))
        ]
        outcomes = await together(*asked)
        done = [pair for part in outcomes if isinstance(part, list) for pair in part]
        return {index: answer.data for index, answer in _spread(done).items() if not answer.code}


def _measures(want: Wanted) -> bool:
    """Whether this is the temperature of a part that holds 85 °C after power-on."""
    return want.found.family.thermometer and "temp" in want.attribute.name and want.attribute.change == "v"


def _spread(done: Iterable[tuple[Job, Answer]]) -> dict[int, Answer]:
    """Give each of those that a job was for its answer."""
    answers = {}
    for job, answer in done:
        parts = [] if answer.code else elements(answer.data)
        for want, element in job.wanted:
            if element is None or answer.code:
                answers[want.index] = answer
            else:
                part = parts[element] if element < len(parts) else b""
                answers[want.index] = replace(answer, data=part)
    return answers
