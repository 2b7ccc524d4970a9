"""The lives of an interface that the driver suite puts it through."""

from __future__ import annotations

import logging
import random
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import pytest

from gateway.abc import DriverContext
from gateway.bus.options import read_options
from gateway.clock import SystemClock
from gateway.testing.driver_suite.measures import check_value, is_loss

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from gateway.abc import Interface
    from gateway.clock import Clock
    from gateway.testing.driver_suite.rig import Rig


class Lives:
    """Opening, using, losing and closing, each within bounds."""

    #: Seconds within which the driver answers, notices a loss, or gives everything back.
    patience: ClassVar[float] = 10.0
    #: Seconds for which it may keep the event loop from everything else; far above what a loaded machine causes.
    longest_block: ClassVar[float] = 0.3

    #: That of the driver's context; another one shortens its pauses.
    clock: ClassVar[type[Clock]] = SystemClock

    #: Writes that are made at once, at the most, to have a queue longer than the time that one of them may take.
    most_writes: ClassVar[int] = 1000

    def writable(self, rig: Rig) -> tuple[str, str, tuple[Any, Any]]:
        """What the rig lets us write; without anything the check is skipped."""
        if rig.writable is None:
            pytest.skip("this rig has nothing to write")
        return rig.writable

    @asynccontextmanager
    async def opened(self, rig: Rig) -> AsyncIterator[Interface]:
        """The open interface. Opening and closing take ``patience`` at most, the block four times as long."""
        log = logging.getLogger("driver_suite")
        context = DriverContext("suite", "suite", self.clock(), random.Random(1), log, rig.open_line)
        scope = anyio.CancelScope(deadline=anyio.current_time() + self.patience)
        with scope:
            async with rig.driver().open(read_options(rig.driver, rig.options), context) as interface:
                scope.deadline = anyio.current_time() + 4 * self.patience
                yield interface
                scope.deadline = anyio.current_time() + self.patience
        if scope.cancelled_caught:
            pytest.fail("a call, opening or closing went on for ever")

    async def tried(self, rig: Rig) -> str:
        """Open it, use it and close it; what came of it: ``open`` or ``InterfaceDown``."""
        try:
            async with self.opened(rig) as interface:
                await interface.scan()
                check_value(await interface.read(rig.device, rig.attribute))
        except Exception as error:
            if not is_loss(error):
                raise
            return "InterfaceDown"
        return "open"

    async def lose(self, rig: Rig) -> bool:
        """Open it, unplug it, and use it until it says that it is down; whether it does."""
        try:
            async with self.opened(rig) as interface:
                check_value(await interface.read(rig.device, rig.attribute))
                await rig.unplug()
                with self.within("InterfaceDown after the hardware was unplugged"):
                    while True:
                        await interface.read(rig.device, rig.attribute)
                        await interface.probe()
                        await anyio.sleep(0.01)
        except Exception as error:
            if not is_loss(error):
                raise
            return True
        return False

    async def cycle(self, rig: Rig) -> None:
        """All that can happen to an interface in its life."""
        await self.tried(rig)
        await self.lose(rig)
        await self.tried(rig)
        await rig.plug()
        await self.eventually("opening it again", lambda: self.tried(rig), "open")

    @contextmanager
    def within(self, what: str) -> Iterator[None]:
        """Fail when the block takes longer than ``patience``."""
        with anyio.move_on_after(self.patience) as scope:
            yield
        if scope.cancelled_caught:
            pytest.fail(f"waited {self.patience} s in vain for {what}")

    async def eventually(self, what: str, state: Callable[[], Any], wanted: object) -> None:
        """Wait until ``await state()`` is what is wanted."""
        deadline = anyio.current_time() + self.patience
        while (found := await state()) != wanted:
            if anyio.current_time() > deadline:
                pytest.fail(f"{what} did not succeed within {self.patience} s: {found}")
            await anyio.sleep(0.01)
