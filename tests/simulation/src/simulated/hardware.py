"""Simulated bus hardware that tells the log of each write, and when it is on the wire; it can be unplugged."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import BaseModel
from simulated.events import Operation

from gateway.abc import UNFENCED, Driver, Interface
from gateway.errors import InterfaceDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from simulated.events import Log

    from gateway.abc import DriverContext, Permit
    from gateway.clock import Clock

#: Longest time that a write takes, in s.
LONGEST = 0.4


class Stick:
    """One piece of hardware; survives the processes that use it."""

    def __init__(self) -> None:
        self.plugged = True
        self._changed = anyio.Event()

    def plug(self, *, plugged: bool) -> None:
        self.plugged = plugged
        self._changed.set()
        self._changed = anyio.Event()

    async def unplugged(self) -> None:
        while self.plugged:
            await self._changed.wait()


class NoOptions(BaseModel):
    """It has none."""


class StickInterface(Interface):
    """The stick, opened by one process."""

    def __init__(self, stick: Stick, process: str, log: Log, clock: Clock, random: Random) -> None:
        self._stick = stick
        self._process = process
        self._log = log
        self._clock = clock
        self._random = random

    async def write(self, device: str, attribute: str, value: Any, *, permit: Permit = UNFENCED) -> None:
        if not self._stick.plugged:
            raise InterfaceDown("it has been unplugged", unsent=True)
        permit.check(LONGEST)
        self._log.add(Operation("out", device, self._process, *value))
        try:
            await self._clock.sleep(self._random.uniform(0, LONGEST))
        finally:
            self._log.add(Operation("over", device, self._process, *value))

    async def probe(self) -> None:
        if not self._stick.plugged:
            raise InterfaceDown("it has been unplugged")


def driver_for(sticks: dict[str, Stick], process: str, log: Log) -> type[Driver]:
    """The driver of one process for the sticks of its machine, by the names of the interfaces."""

    class StickDriver(Driver):
        name = "stick"
        options = NoOptions

        @asynccontextmanager
        async def open(self, options: Any, context: DriverContext) -> AsyncIterator[StickInterface]:
            stick = sticks[context.name]
            if not stick.plugged:
                raise InterfaceDown("it is not plugged in")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(report_loss, stick)
                yield StickInterface(stick, process, log, context.clock, context.random)
                tasks.cancel_scope.cancel()

    return StickDriver


async def report_loss(stick: Stick) -> None:
    await stick.unplugged()
    raise InterfaceDown("it has been unplugged")
