"""What the parts of the store suite share: how to connect, and how to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

import anyio
import pytest

from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from gateway.abc import Store
    from gateway.clock import Clock
    from gateway.path import Path
    from gateway.values import WatchEvent

Item = TypeVar("Item")


class Connect(Protocol):
    """Gives a new connection, not yet entered, to the store of the running test."""

    def __call__(self, node: str) -> AbstractAsyncContextManager[Store]: ...


class StoreChecks:
    """The frame of each part of the suite; times in seconds."""

    #: A lease that the store can renew in time on a busy machine.
    ttl: ClassVar[float] = 1.0
    #: How much later than due an entry may vanish and a holder may notice.
    grace: ClassVar[float] = 0.5
    #: How long a test waits for anything before it fails.
    patience: ClassVar[float] = 20.0

    @pytest.fixture
    def connect(self) -> Connect:
        raise NotImplementedError(f"{type(self).__name__} must override the fixture 'connect'")

    async def next(self, stream: AsyncIterator[Item]) -> Item:
        with anyio.fail_after(self.patience):
            try:
                return await anext(stream)
            except StopAsyncIteration:
                raise AssertionError("the stream ended by itself") from None

    async def snapshot(self, events: AsyncIterator[WatchEvent]) -> tuple[list[Change], Ready]:
        """What comes up to ``Ready``, which must be nothing but changes."""
        found: list[Change] = []
        while True:
            event = await self.next(events)
            if isinstance(event, Ready):
                return found, event
            assert isinstance(event, Change), f"{event} before Ready"
            found.append(event)

    async def changes(self, events: AsyncIterator[WatchEvent], last: Path) -> list[Change]:
        """The changes up to, and without, the first one at ``last``; there must be nothing else."""
        found: list[Change] = []
        while True:
            event = await self.next(events)
            assert isinstance(event, Change), f"{event} without a break"
            if event.path == last:
                return found
            found.append(event)

    async def until(self, clock: Clock, condition: Callable[[], bool]) -> None:
        with anyio.fail_after(self.patience):
            while not condition():
                await clock.sleep(self.ttl / 50)


def plain(changes: list[Change]) -> list[tuple[str, object]]:
    """Paths as text and values, in order; easy to compare and to read."""
    return [(str(change.path), change.value) for change in changes]
