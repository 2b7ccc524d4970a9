"""Real serial ports: one anyio ``ByteStream`` over the asyncio transports of pyserial-asyncio and of serialx.

Theory of operation
-------------------
1. asyncio and the two libraries are imported here and in the two modules beside it, which only open, and nowhere else.
2. Opening happens in a worker thread, as it may take as long as the hardware likes, and is exclusive: whoever else
   opens the port with a lock of this kind is refused, and so are we.
3. What comes is kept as it comes. From ``FULL`` bytes on the transport doesn't read, so that the kernel's own buffer
   fills and nothing grows here; it reads again when ``ROOM`` are left.
4. The transport's write buffer has the limit 0: ``send`` returns when the kernel has all of it. The rest of a cancelled
   ``send`` leaves before the next one begins.
5. Closing is ``abort()``, and that only if the transport isn't closing by itself: pyserial-asyncio fails in a callback
   when it gets both. Bytes that the kernel still holds get ``LINGER`` to leave and are dropped then, as the libraries
   or the kernel would wait for a device that holds them back, in the case of pyserial-asyncio within the event loop.
6. pyserial waits with ``select()``, which ends at 1023: beyond, it neither reads nor fails but spins. It is refused.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from gateway.bus.usb_latency import lessen_latency
from gateway.errors import Unsupported

if TYPE_CHECKING:
    from gateway.abc import SerialLibrary

#: Received bytes that wait, at most and when reading goes on.
FULL: Final = 16 * 1024
ROOM: Final = 4 * 1024
#: Seconds for bytes in the kernel to leave before the port is closed, and between two looks.
LINGER: Final = 0.2
LOOK: Final = 0.01
#: Seconds for a transport to report that it is closed.
CLOSING: Final = 2.0


async def open_serial(path: str, *, baudrate: int, library: SerialLibrary, dtr: bool) -> SerialStream:
    """Open a device file, 8N1 and exclusively.

    Raises:
        OSError: with the number that the system gave, where it gave one.
        Unsupported: this event loop isn't asyncio's.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise Unsupported(
            f"{path} can be opened under asyncio only; other event loops reach a port by socket://HOST:PORT"
        ) from None
    opened = _Received()
    await anyio.to_thread.run_sync(lessen_latency, path)
    try:
        transport = await _connect(library, opened, path, baudrate, dtr)
    except (termios.error, ValueError) as error:
        raise OSError(*error.args) from error
    return SerialStream(transport, opened)


async def _connect(library: SerialLibrary, received: _Received, path: str, baudrate: int, dtr: bool) -> Any:
    """Open it by one of the libraries; the other isn't loaded."""
    if library == "serialx":
        from gateway.bus.serial_by_serialx import connect
    else:
        from gateway.bus.serial_by_pyserial import connect
    return await connect(received, path, baudrate, dtr)


class _Received(asyncio.Protocol):
    """What the transport has reported."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.paused = False
        self.error: Exception | None = None
        self.news = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost = asyncio.Event()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.chunks.append(data)
        self.size += len(data)
        if self.size >= FULL and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self.news.set()

    def take(self, most: int) -> bytes:
        """The oldest bytes, at most so many."""
        chunk = self.chunks.popleft()
        if len(chunk) > most:
            self.chunks.appendleft(chunk[most:])
            chunk = chunk[:most]
        self.size -= len(chunk)
        if self.paused and self.size <= ROOM and not self.transport.is_closing():
            self.paused = False
            self.transport.resume_reading()
        return chunk

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        self.lost.set()
        self.news.set()
        self.writable.set()


class SerialStream(ByteStream):
    """An open port. Losing it is a ``BrokenResourceError``; a line has no end, so ``EndOfStream`` never comes."""

    def __init__(self, transport: asyncio.Transport, received: _Received) -> None:
        self._transport = transport
        self._received = received
        self._closed = False
        self._receiving = anyio.ResourceGuard("receiving from")
        self._sending = anyio.ResourceGuard("sending to")
        transport.set_write_buffer_limits(high=0)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The next bytes; cancelled, it loses none. What came before the port was lost is given first."""
        received = self._received
        with self._receiving:
            if received.chunks and not self._closed:
                await checkpoint()
                return received.take(max_bytes)
            while True:
                self._check(reading=True)
                if received.chunks:
                    return received.take(max_bytes)
                received.news.clear()
                await received.news.wait()

    async def send(self, item: bytes) -> None:
        """Give all of it to the kernel; cancelled while it waits, all of it goes out all the same unless closed."""
        with self._sending:
            await checkpoint()
            await self._sent()
            if item:
                self._transport.write(item)
                await self._sent()

    async def _sent(self) -> None:
        self._check()
        while not self._received.writable.is_set():
            await self._received.writable.wait()
            self._check()

    async def send_eof(self) -> None:
        """A line has no end: NotImplementedError."""
        raise NotImplementedError("a serial line has no end")

    async def aclose(self) -> None:
        """Close it; returns when the port can be opened again, or after ``CLOSING``. May be called at any time."""
        if not self._closed:
            self._closed = True
            self._received.news.set()
            self._received.writable.set()
            if not self._transport.is_closing():
                with anyio.CancelScope(shield=True):
                    await self._linger()
            if not self._transport.is_closing():
                self._transport.abort()
        with anyio.move_on_after(CLOSING, shield=True):
            await self._received.lost.wait()
        await checkpoint()

    def _check(self, *, reading: bool = False) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._received.lost.is_set() and not (reading and self._received.chunks):
            raise anyio.BrokenResourceError from self._received.error

    async def _linger(self) -> None:
        number = self._transport.get_extra_info("serial").fileno()
        with suppress(OSError, termios.error):
            for _ in range(round(LINGER / LOOK)):
                if not struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, b"\0\0\0\0"))[0]:
                    return
                await anyio.sleep(LOOK)
            termios.tcflush(number, termios.TCOFLUSH)
