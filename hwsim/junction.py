"""Where somebody may listen in on the line of a simulated bus; nothing happens there unless somebody does."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable


class Ending(Enum):
    """How a connection ended."""

    BY_HOST = "the host closed it"
    BY_DEVICE = "the device closed it"
    BROKEN = "the device broke it"


class Tap(Protocol):
    """Who listens in. A key stands for one connection, from `opened` to `closed`; none of this may raise or wait."""

    def opened(self, key: Hashable) -> None:
        """A host has connected, or opened the port."""

    def to_device(self, key: Hashable, data: bytes) -> None:
        """The host has sent something."""

    def to_host(self, key: Hashable, data: bytes) -> None:
        """The device has sent something."""

    def closed(self, key: Hashable, ending: Ending) -> None:
        """The connection is over; told once or more."""


class Junction:
    """Passes on what happens on a line to its tap, if it has one."""

    tap: Tap | None = None

    def opened(self, key: Hashable) -> None:
        if self.tap is not None:
            self.tap.opened(key)

    def to_device(self, key: Hashable, data: bytes) -> None:
        if self.tap is not None and data:
            self.tap.to_device(key, data)

    def to_host(self, key: Hashable, data: bytes) -> None:
        if self.tap is not None and data:
            self.tap.to_host(key, data)

    def closed(self, key: Hashable, ending: Ending) -> None:
        if self.tap is not None:
            self.tap.closed(key, ending)


class Peer(Protocol):
    """One connected client."""

    def receive_now(self) -> bytes | None:
        """What has come; None: nothing yet; empty when the client has gone."""

    async def receive(self) -> bytes:
        """What has come; empty when the client has gone."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError when the client has gone."""
        ...

    def close(self, *, reset: bool = False) -> None:
        """End the connection, or with `reset` break it."""


class TappedPeer:
    """A client whose connection goes over a junction."""

    def __init__(self, peer: Peer, junction: Junction) -> None:
        self._peer = peer
        self._junction = junction
        junction.opened(self)

    def receive_now(self) -> bytes | None:
        """As `Peer.receive_now`."""
        data = self._peer.receive_now()
        return data if data is None else self._told(data)

    async def receive(self) -> bytes:
        """As `Peer.receive`."""
        return self._told(await self._peer.receive())

    async def send(self, data: bytes) -> None:
        """As `Peer.send`."""
        await self._peer.send(data)
        self._junction.to_host(self, data)

    def close(self, *, reset: bool = False) -> None:
        """As `Peer.close`."""
        self._peer.close(reset=reset)
        self._junction.closed(self, Ending.BROKEN if reset else Ending.BY_DEVICE)

    def _told(self, data: bytes) -> bytes:
        if data:
            self._junction.to_device(self, data)
        else:
            self._junction.closed(self, Ending.BY_HOST)
        return data
