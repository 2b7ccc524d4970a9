"""Serial lines by URL: device files, ``socket://HOST:PORT``, and schemes that a test makes up.

Theory of operation
-------------------
1. A scheme gives an anyio ``ByteStream``; what it raises on opening is an ``OSError``. :class:`Line` stands before it
   and turns whatever it raises into :class:`LineDown`, which says what was lost and what to do.
2. Each ``send`` has the time that its bytes need at the line's speed, and ``PATIENCE`` more. A line that has not taken
   them by then is dead, and is closed: a part of a frame may have left, so nothing more may follow it.
3. A driver that holds an open line of which the device goes away learns of it from ``receive``: it should have one task
   that receives all the time.
"""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream, SocketAttribute

from gateway.bus.port_trouble import explain
from gateway.errors import ConfigError, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from gateway.abc import SerialLibrary

#: Seconds for which a line may take nothing, and for which closing may last.
PATIENCE: Final = 2.0
#: Seconds for a connection to a ``socket://``.
CONNECTING: Final = 5.0
#: Bits on the line for one byte: start, eight of data, stop.
BITS_PER_BYTE: Final = 10
#: After so many seconds of silence the kernel asks the other end of a ``socket://``, each so many, at most so often.
KEEPALIVE: Final = (20, 5, 3)


@dataclass(frozen=True, slots=True)
class LineSpec:
    """What is to be opened; the fields are those of :class:`gateway.abc.OpenLine`."""

    url: str
    baudrate: int
    library: SerialLibrary = "pyserial"
    dtr: bool = True

    @property
    def scheme(self) -> str:
        """What comes before the colon; empty for the path of a device file."""
        return "" if self.url.startswith("/") else self.url.partition(":")[0]

    @property
    def device(self) -> str | None:
        """The path of the device file, where it is one."""
        return None if self.scheme else self.url


Connect: TypeAlias = "Callable[[LineSpec], Awaitable[ByteStream]]"


class LineDown(InterfaceDown, anyio.BrokenResourceError):
    """The line was lost or can't be opened."""


class Lines:
    """Opens lines: an ``OpenLine``.

    Args:
        schemes: further schemes, or others in the place of ``socket`` and of device files (the scheme ``""``). Each
            gives an open stream or raises ``OSError``; one of ``ENOENT`` and one of ``EBUSY`` are told in words.
    """

    def __init__(self, schemes: Mapping[str, Connect] | None = None) -> None:
        self._schemes: dict[str, Connect] = {"": _device, "socket": _connect} | dict(schemes or {})

    @asynccontextmanager
    async def __call__(
        self, url: str, *, baudrate: int, library: SerialLibrary = "pyserial", dtr: bool = True
    ) -> AsyncIterator[ByteStream]:
        """Open a line; see :class:`gateway.abc.OpenLine`."""
        spec = LineSpec(url, baudrate, library, dtr)
        if (connect := self._schemes.get(spec.scheme)) is None:
            known = "a path such as /dev/serial/by-id/..., or socket://HOST:PORT"
            raise ConfigError([f"{url!r} is no serial line: it should be {known}"])
        try:
            line = Line(await connect(spec), spec)
        except OSError as error:
            reason = await anyio.to_thread.run_sync(explain, url, error) if spec.device else explain(url, error)
            raise LineDown(reason, unsent=True, device=spec.device) from error
        try:
            yield line
        finally:
            await line.aclose()


class Line(ByteStream):
    """An open line; whatever happens to it is told as :class:`LineDown`."""

    def __init__(self, stream: ByteStream, spec: LineSpec) -> None:
        self._stream = stream
        self._spec = spec
        self._reason = ""

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The next bytes that have come; see :class:`gateway.abc.OpenLine`."""
        try:
            return await self._stream.receive(max_bytes)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._raise(error)

    async def send(self, item: bytes) -> None:
        """Send all of it; see :class:`gateway.abc.OpenLine`."""
        if self._reason:
            raise LineDown(self._reason, unsent=True, device=self._spec.device)
        bound = PATIENCE + len(item) * BITS_PER_BYTE / self._spec.baudrate
        try:
            with anyio.move_on_after(bound) as scope:
                await self._stream.send(item)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._raise(error)
        if scope.cancelled_caught:
            self._reason = f"{self._spec.url} takes no bytes: {len(item)} of them have not left within {bound:.1f} s"
            await self.aclose()
            raise LineDown(self._reason, device=self._spec.device)

    async def send_eof(self) -> None:
        """A line has no end: NotImplementedError."""
        raise NotImplementedError("a serial line has no end")

    async def aclose(self) -> None:
        """Give it back, within ``PATIENCE``; cancellation doesn't hinder it."""
        with anyio.move_on_after(PATIENCE, shield=True):
            await self._stream.aclose()

    def _raise(self, error: Exception) -> NoReturn:
        """Raise what the driver gets for what the stream has raised."""
        if isinstance(error, anyio.ClosedResourceError) and not self._reason:
            raise error
        if not self._reason:
            self._reason = f"{self._spec.url} was lost: {_words(error, self._spec)}"
        raise LineDown(self._reason, device=self._spec.device) from error


def _words(error: Exception, spec: LineSpec) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    if spec.scheme == "socket":
        if isinstance(error, anyio.EndOfStream) or isinstance(error.__cause__, ConnectionResetError):
            return "its server has closed the connection"
        return f"the connection has failed{cause}"
    return f"it has been unplugged, or its driver has ended{cause}"


async def _device(spec: LineSpec) -> ByteStream:
    from gateway.bus.serial import open_serial  # loads asyncio and a library, which only real ports need

    return await open_serial(spec.url, baudrate=spec.baudrate, library=spec.library, dtr=spec.dtr)


async def _connect(spec: LineSpec) -> ByteStream:
    """Connect to a server that passes the bytes on as they are, such as ser2net with ``accepter: tcp``."""
    host, port = _address(spec.url)
    try:
        with anyio.fail_after(CONNECTING):
            stream = await anyio.connect_tcp(host, port)
    except TimeoutError:
        raise TimeoutError(f"no answer within {CONNECTING:g} s") from None
    wire = stream.extra(SocketAttribute.raw_socket)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in zip((socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT), KEEPALIVE, strict=True):
        wire.setsockopt(socket.IPPROTO_TCP, option, value)
    return stream


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.port and parts.path in ("", "/"):
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise ConfigError([f"{url!r} should be socket://HOST:PORT"])
