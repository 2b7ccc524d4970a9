"""Serial lines in memory, for drivers under any event loop and in virtual time.

::

    lines = MemoryLines()
    stick = lines.plug("memory:stick")
    context = DriverContext(..., open_line=lines.open_line)   # or Interfaces(..., open_line=lines.open_line)
    async with MyDriver().open(MyOptions(port="memory:stick"), context) as interface:
        await stick.send(b"...")
        lines.unplug("memory:stick")
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from gateway.bus.line import Lines

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from gateway.abc import OpenLine
    from gateway.bus.line import LineSpec

#: Bytes that wait for a reader, as many as a terminal of Linux keeps; who sends more has to wait.
ROOM: Final = 20_480


@dataclass(frozen=True, slots=True)
class Link:
    """What a line does to the bytes that pass it, in either direction.

    Args:
        portion: most bytes that arrive together; 0: what was sent together arrives so.
        loss: the chance that what was sent together is lost.
        delay: seconds that it takes, at least and at most; the order stays.
        random: decides; needed for loss and delay.
    """

    portion: int = 0
    loss: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    random: random.Random | None = None


def links(seed: int) -> dict[str, Callable[[], Link]]:
    """The links over which a driver should be tested, by name; each call of one begins with the seed anew."""
    from random import Random

    return {
        "perfect": Link,
        "byte by byte": lambda: Link(portion=1),
        "lossy": lambda: Link(loss=0.2, random=Random(seed)),
        "delayed": lambda: Link(delay=(0.001, 0.3), random=Random(seed)),
    }


class MemoryLines:
    """Hardware at the end of lines in memory, by URL. It is there while it is plugged in, whoever has it open."""

    def __init__(self, link: Link | None = None) -> None:
        self._link = link or Link()
        self._ports: dict[str, MemoryPort] = {}
        self.open_line: OpenLine = Lines({"memory": self._connect})

    def plug(self, url: str) -> MemoryPort:
        """Plug hardware in at ``memory:NAME``; gives its end."""
        self._ports[url] = MemoryPort(self._link)
        return self._ports[url]

    def unplug(self, url: str) -> None:
        """Pull it out: what has been sent before arrives, then whoever has it open learns that it is lost."""
        self._ports.pop(url).unplug()

    async def _connect(self, spec: LineSpec) -> ByteStream:
        await checkpoint()
        if (port := self._ports.get(spec.url)) is None:
            raise OSError(errno.ENOENT, "not plugged in")
        return port.open(spec)


class MemoryPort(ByteStream):
    """The hardware's end. What it sends while nobody has the line open is lost, as on a wire."""

    def __init__(self, link: Link) -> None:
        self.spec: LineSpec | None = None  # as it was opened; None while it is closed
        self.opens = 0
        self._link = link
        self._to_host = _Way(link)
        self._from_host = _Way(link)

    def open(self, spec: LineSpec) -> ByteStream:
        """Open the host's end; OSError when it is open already."""
        if self.spec is not None:
            raise OSError(errno.EBUSY, "in use")
        self.spec = spec
        self.opens += 1
        self._to_host = _Way(self._link)
        return _HostEnd(self, self._to_host, self._from_host)

    def closed(self) -> None:
        """The host has closed its end."""
        self.spec = None

    def unplug(self) -> None:
        """Break both ways."""
        self._to_host.end()
        self._from_host.end()

    async def send(self, item: bytes) -> None:
        await checkpoint()
        if self.spec is not None:
            await self._to_host.put(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._from_host.get(max_bytes)

    async def send_eof(self) -> None:
        raise NotImplementedError("a serial line has no end")

    async def aclose(self) -> None:
        self.unplug()
        await checkpoint()


class _HostEnd(ByteStream):
    """The driver's end, for one opening."""

    def __init__(self, port: MemoryPort, incoming: _Way, outgoing: _Way) -> None:
        self._port = port
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self._receiving = anyio.ResourceGuard("receiving from")
        self._sending = anyio.ResourceGuard("sending to")

    async def receive(self, max_bytes: int = 65536) -> bytes:
        with self._receiving:
            self._check()
            try:
                return await self._incoming.get(max_bytes)
            except anyio.BrokenResourceError:
                self._check()
                raise

    async def send(self, item: bytes) -> None:
        with self._sending:
            await checkpoint()
            self._check()
            await self._outgoing.put(item)

    async def send_eof(self) -> None:
        raise NotImplementedError("a serial line has no end")

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._incoming.end(discard=True)
            self._port.closed()
        await checkpoint()

    def _check(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError


class _Way:
    """One direction of a line: bytes on their way, each with the time at which it arrives."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._portions: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._ended = False
        self._change = anyio.Event()

    async def put(self, data: bytes) -> None:
        """Send; waits while there is no room. BrokenResourceError when it has ended."""
        if self._ended:
            raise anyio.BrokenResourceError
        link = self._link
        if link.random and link.random.random() < link.loss:
            return
        arrival = anyio.current_time() + (link.random.uniform(*link.delay) if link.random else 0.0)
        if self._portions:
            arrival = max(arrival, self._portions[-1][0])
        step = link.portion or ROOM
        for portion in (data[place : place + step] for place in range(0, len(data), step)):
            while self._size + len(portion) > ROOM and not self._ended:
                await self._change.wait()
            if self._ended:
                raise anyio.BrokenResourceError
            self._portions.append((arrival, portion))
            self._size += len(portion)
            self._changed()

    async def get(self, most: int) -> bytes:
        """The next bytes; BrokenResourceError when it has ended and all have been given."""
        await checkpoint()
        while True:
            if not self._portions:
                if self._ended:
                    raise anyio.BrokenResourceError
                await self._change.wait()
            elif (wait := self._portions[0][0] - anyio.current_time()) > 0:
                await anyio.sleep(max(wait, 1e-6))
            else:
                return self._next(most)

    def _next(self, most: int) -> bytes:
        arrival, data = self._portions.popleft()
        if len(data) > most:
            self._portions.appendleft((arrival, data[most:]))
        self._size -= len(data[:most])
        self._changed()
        return data[:most]

    def end(self, *, discard: bool = False) -> None:
        """Nothing more is put in."""
        self._ended = True
        if discard:
            self._portions.clear()
        self._changed()

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()
