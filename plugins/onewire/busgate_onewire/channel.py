"""One channel of an owserver (``/bus.N``): its line, and its simultaneous conversions.

Theory of operation
-------------------
1. While the thermometers convert, neither the line nor a thread is held: others read what they like meanwhile.
2. A simultaneous conversion that is under way is shared: to start another would spoil the first one's values. Who comes
   later waits for the rest of it.
3. Who started one tells the others only when the server has confirmed it; if that fails, the next one tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from busgate_onewire.owserver import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from busgate_onewire.conversion import Cycle, Job
    from busgate_onewire.line import Line
    from busgate_onewire.options import Options
    from gateway.clock import Clock


@dataclass(slots=True)
class _Conversion:
    """One that was asked for; ``started`` in seconds of ``lease_now``, None when it failed."""

    told: anyio.Event = field(default_factory=anyio.Event)
    started: float | None = None
    code: int = 0


class Channel:
    """One bus behind the server. ``busy`` adds up the seconds that its reads took."""

    def __init__(self, name: str, line: Line, clock: Clock) -> None:
        self.name = name
        self.line = line
        self.simultaneous = True
        self.reads = 0
        self.busy = 0.0
        self.slowest = 0.0
        self._clock = clock
        self._conversion: _Conversion | None = None

    async def run(self, cycle: Cycle, longest: float, options: Options) -> list[tuple[Job, Answer]]:
        """Make the reads of a cycle; those after a conversion that failed have its error as their answer.

        Args:
            longest: seconds that the slowest thermometer of this channel takes.

        Raises:
            InterfaceDown: no answer.
        """
        done: list[tuple[Job, Answer]] = []
        if not cycle.latest:
            done += await self.ask(cycle.quick, options.timeout)
        else:
            conversion = await self._convert(cycle.wait, longest, options)
            done += await self.ask(cycle.quick, options.timeout)
            if conversion.started is None:
                failed = Answer(conversion.code, at=self._clock.lease_now())
                done += [(job, failed) for job in cycle.latest]
            else:
                await self._clock.sleep(conversion.started + cycle.wait - self._clock.lease_now())
                done += await self.ask(cycle.latest, options.timeout)
        return done + await self.ask(cycle.slow, options.conversion_timeout)

    async def ask(self, jobs: Sequence[Job], timeout: float) -> list[tuple[Job, Answer]]:
        """Make reads, and note how long they took."""
        if not jobs:
            return []
        began = self._clock.lease_now()
        answers = await self.line.ask([Request("read", job.path, timeout) for job in jobs])
        took = self._clock.lease_now() - began
        self.reads += len(jobs)
        self.busy += took
        self.slowest = max(self.slowest, took / len(jobs))
        return list(zip(jobs, answers, strict=True))

    async def _convert(self, wait: float, longest: float, options: Options) -> _Conversion:
        """Start a simultaneous conversion, or share the one that is under way."""
        while (running := self._conversion) is not None:
            await running.told.wait()
            if running.started is not None and self._clock.lease_now() < running.started + max(wait, longest):
                return running
            if self._conversion is running:
                self._conversion = None
        mine = self._conversion = _Conversion()
        try:
            request = Request("write", f"/{self.name}/simultaneous/temperature", options.timeout, b"1")
            (answer,) = await self.line.ask([request])
            mine.code = answer.code
            if not answer.code:
                mine.started = self._clock.lease_now()
        finally:
            mine.told.set()
        return mine
