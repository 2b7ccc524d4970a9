"""Connections to an owserver within one process, for virtual time: no kernel has a part in them."""

from __future__ import annotations

import errno
import os

import anyio
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint


class MemoryListener:
    """Where tasks of this process connect, in place of a listening socket."""

    def __init__(self) -> None:
        self._waiting: list[MemoryPeer] = []
        self._news = anyio.Event()
        self._closed = False

    def connect(self) -> MemoryStream:
        """Connect; the other end comes out of `accept`.

        Raises:
            ConnectionRefusedError: it is closed.
        """
        if self._closed:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        incoming, outgoing = _Way(), _Way()
        self._waiting.append(MemoryPeer(outgoing, incoming))
        self._news.set()
        return MemoryStream(incoming, outgoing)

    async def accept(self) -> MemoryPeer:
        """Wait for the next client."""
        while not self._waiting:
            self._news = anyio.Event()
            await self._news.wait()
        return self._waiting.pop(0)

    def close(self) -> None:
        """Refuse all further clients, and hang up on those that were not accepted."""
        self._closed = True
        for peer in self._waiting:
            peer.close()
        self._waiting.clear()


class MemoryPeer:
    """One connected client, as the server sees it."""

    def __init__(self, incoming: _Way, outgoing: _Way) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def receive_now(self) -> bytes | None:
        """What has come; None: nothing yet; empty when the client has gone."""
        return self._incoming.get_now()

    async def receive(self) -> bytes:
        """What has come; empty when the client has gone."""
        return await self._incoming.get()

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            BrokenPipeError: the client has gone.
        """
        if self._incoming.ended:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._outgoing.put(data)

    def close(self, *, reset: bool = False) -> None:
        """End the connection, or with `reset` break it: what was not read yet is lost then."""
        self._outgoing.end(broken=reset)
        self._incoming.end()


class MemoryStream(ByteStream):
    """The client's side."""

    def __init__(self, incoming: _Way, outgoing: _Way) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The next bytes, when there are some.

        Raises:
            EndOfStream: the server has hung up.
            BrokenResourceError: it has broken the connection.
            ClosedResourceError: the stream is closed.
        """
        self._check()
        data = await self._incoming.get(max_bytes)
        self._check()
        if not data:
            raise anyio.BrokenResourceError if self._incoming.broken else anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        """Send bytes; there is room for any number.

        Raises:
            BrokenResourceError: the server has gone.
            ClosedResourceError: the stream is closed.
        """
        await checkpoint()
        self._check()
        if self._outgoing.ended:
            raise anyio.BrokenResourceError
        self._outgoing.put(item)

    async def send_eof(self) -> None:
        """Say that nothing more will come; the server hangs up then."""
        self._outgoing.end()
        await checkpoint()

    async def aclose(self) -> None:
        """Hang up."""
        self._closed = True
        self._outgoing.end()
        self._incoming.end()
        await checkpoint()

    def _check(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError


class _Way:
    """One direction."""

    def __init__(self) -> None:
        self.ended = False
        self.broken = False
        self._data = bytearray()
        self._change: anyio.Event | None = None

    def put(self, data: bytes) -> None:
        self._data += data
        self._tell()

    def end(self, *, broken: bool = False) -> None:
        self.ended = True
        if broken:
            self.broken = True
            self._data.clear()
        self._tell()

    async def get(self, most: int = 65536) -> bytes:
        """The next bytes; empty when it has ended and all were given."""
        if self._data or self.ended:
            await checkpoint()
        while (data := self.get_now(most)) is None:
            self._change = anyio.Event()
            await self._change.wait()
        return data

    def get_now(self, most: int = 65536) -> bytes | None:
        """The next bytes, if there are some; empty when it has ended and all were given."""
        if not self._data and not self.ended:
            return None
        data = bytes(self._data[:most])
        del self._data[:most]
        return data

    def _tell(self) -> None:
        if self._change is not None:
            self._change.set()
            self._change = None
