"""Where a host opens a stick: in this process as a byte stream here, or as a device file in `pty`."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio
from anyio.abc import ByteStream

from hwsim.errors import HwsimError
from hwsim.junction import Ending, Junction

TO_HOST_BUFFER = 20_480
"""Bytes that Linux keeps for a reader of a terminal that does not read."""
FROM_HOST_BUFFER = 4096
"""Bytes that a writer gets rid of while the stick does not read."""

MEMORY = "memory:"
"""What the URL of a `MemoryPort` begins with."""

Take = Callable[[bytes], Awaitable[None]]


class Port(ABC):
    """The stick's side of what the host opens."""

    lost = 0
    """Bytes to the host that found no place, or nobody."""
    opens = 0
    """How often a host has opened it."""

    def __init__(self) -> None:
        self.junction = Junction()

    @property
    @abstractmethod
    def url(self) -> str:
        """What a host opens."""

    def connect(self) -> MemoryStream:
        """Open it within this process.

        Raises:
            HwsimError: it is a terminal; open its path.
            OSError: it is not plugged in (ENOENT), or somebody has it open (EBUSY).
        """
        raise HwsimError(f"{self.url} is a terminal; run the house with ptys=False to open it in this process")

    @abstractmethod
    def plug(self) -> None:
        """Be there."""

    @abstractmethod
    def unplug(self) -> None:
        """Be gone, which breaks the connection of a host."""

    @abstractmethod
    def deliver(self, data: bytes) -> None:
        """Hand bytes to the host; never waits. They are lost when nobody has it open, or nobody reads."""

    @abstractmethod
    async def put(self, data: bytes) -> None:
        """As `deliver`, but waits while the host has it open and does not read."""

    @abstractmethod
    async def serve(self, take: Take, opened: Callable[[], None]) -> NoReturn:
        """Give what the host sends to `take`, and tell each time it opens, until cancelled."""


class MemoryPort(Port):
    """A port that tasks of this process open with `connect`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._plugged = False
        self._stream: MemoryStream | None = None
        self._news = anyio.Event()
        self._announced = True

    @property
    def url(self) -> str:
        return f"{MEMORY}{self._name}"

    def plug(self) -> None:
        self._plugged = True

    def unplug(self) -> None:
        self._plugged = False
        if self._stream is not None:
            self._stream.hang_up()
            self._stream = None
            self.junction.closed(self, Ending.BY_DEVICE)

    def connect(self) -> MemoryStream:
        """Open it.

        Raises:
            OSError: it is not plugged in (ENOENT), or somebody has it open (EBUSY).
        """
        if not self._plugged:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), self.url)
        if self._stream is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), self.url)
        self.opens += 1
        self.junction.opened(self)
        self._stream = MemoryStream(self)
        self._announced = False
        self._news.set()
        return self._stream

    def closed(self, stream: MemoryStream) -> None:
        """The host has closed its stream."""
        if self._stream is stream:
            self._stream = None
            self.junction.closed(self, Ending.BY_HOST)

    def sent(self) -> None:
        """The host has sent something."""
        self._news.set()

    def deliver(self, data: bytes) -> None:
        taken = self._stream.feed(data) if self._stream else 0
        self.lost += len(data) - taken
        self.junction.to_host(self, data[:taken])

    async def put(self, data: bytes) -> None:
        rest = data
        while rest and self._stream is not None:
            taken = self._stream.feed(rest)
            self.junction.to_host(self, rest[:taken])
            rest = rest[taken:]
            if rest:
                await self._stream.change()
        self.lost += len(rest)

    async def serve(self, take: Take, opened: Callable[[], None]) -> NoReturn:
        while True:
            if not self._announced:
                self._announced = True
                opened()
            data = self._stream.drain() if self._stream else b""
            if data:
                self.junction.to_device(self, data)
                await take(data)
            else:
                self._news = anyio.Event()
                await self._news.wait()


class MemoryStream(ByteStream):
    """The host's side of a `MemoryPort`, like an open serial line: no end of file, only a line that breaks."""

    def __init__(self, port: MemoryPort) -> None:
        self._port = port
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._changed = anyio.Event()
        self._closed = False
        self._broken = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The next bytes, when there are some.

        Raises:
            BrokenResourceError: the stick was unplugged, and everything that came before has been received.
            ClosedResourceError: the stream is closed.
        """
        await anyio.lowlevel.checkpoint()
        while not self._incoming:
            self._check()
            await self._changed.wait()
        data = bytes(self._incoming[:max_bytes])
        del self._incoming[:max_bytes]
        self._tell()
        return data

    async def send(self, item: bytes) -> None:
        """Send bytes; waits while the stick does not read and the buffer is full. Cancelling may send a part.

        Raises:
            BrokenResourceError: the stick was unplugged.
            ClosedResourceError: the stream is closed.
        """
        await anyio.lowlevel.checkpoint()
        rest = memoryview(bytes(item))
        while True:
            self._check()
            place = FROM_HOST_BUFFER - len(self._outgoing)
            self._outgoing += rest[:place]
            rest = rest[place:]
            self._port.sent()
            if not rest:
                return
            await self._changed.wait()

    async def send_eof(self) -> None:
        """A serial line has no end of file.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a serial line has no end of file")

    async def aclose(self) -> None:
        """Close the port; another one can open it then."""
        self._closed = True
        self._port.closed(self)
        self._tell()
        await anyio.lowlevel.checkpoint()

    def feed(self, data: bytes) -> int:
        """Take bytes of the stick; returns how many had place."""
        taken = data[: TO_HOST_BUFFER - len(self._incoming)]
        self._incoming += taken
        self._tell()
        return len(taken)

    def drain(self) -> bytes:
        """What the host has sent since the last time."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        self._tell()
        return data

    async def change(self) -> None:
        """Come back when bytes were received, sent or taken, or the stream was closed."""
        await self._changed.wait()

    def hang_up(self) -> None:
        """Break, as when the stick is pulled."""
        self._broken = True
        self._tell()

    def _check(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._broken:
            raise anyio.BrokenResourceError

    def _tell(self) -> None:
        """Wake those who wait on either side."""
        self._changed.set()
        self._changed = anyio.Event()
