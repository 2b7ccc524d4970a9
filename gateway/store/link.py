"""How the store is reached, for those who wait for that to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import anyio
import anyio.lowlevel

from gateway.values import Link

if TYPE_CHECKING:
    from gateway.clock import Clock


class LinkState:
    """The link, and the reason when it is not connected."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.link = Link("detached", clock.lease_now())
        self.reason = "the store is not open"
        self._changed = anyio.Event()

    def set(self, state: Literal["connected", "uncertain", "detached"], reason: str = "") -> None:
        self.reason = reason
        if state != self.link.state:
            self.link = Link(state, self._clock.lease_now())
            self._changed.set()
            self._changed = anyio.Event()

    async def wait(self, seen: Link) -> Link:
        await anyio.lowlevel.checkpoint()
        while self.link.state == seen.state:
            await self._changed.wait()
        return self.link
