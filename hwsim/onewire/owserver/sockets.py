"""TCP sockets on the event loop that can be broken as well as closed.

Streams of the usual kind end a connection politely; a simulated crash must reset it, on every event loop.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final

import anyio

_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_BACKLOG: Final = 100
_CHUNK: Final = 65536


class Listener:
    """A listening socket; port 0 takes a free one, and `port` says which.

    Raises:
        OSError: the port is in use, or not ours to take.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    async def accept(self) -> Peer:
        """Wait for the next client."""
        while True:
            await anyio.wait_readable(self._socket)
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Peer(connection)

    def close(self) -> None:
        """Take no more clients, and free the port."""
        self._socket.close()


class Peer:
    """One connected client."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def receive_now(self) -> bytes | None:
        """What has come; None: nothing yet; empty when the client has gone, in whatever way."""
        try:
            return self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT):
                return b""
            raise

    async def receive(self) -> bytes:
        """What comes; empty when the client has gone, in whatever way."""
        while True:
            await anyio.wait_readable(self._socket)
            data = self.receive_now()
            if data is not None:
                return data

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            BrokenPipeError, ConnectionResetError: the client has gone.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    def close(self, *, reset: bool = False) -> None:
        """End the connection, or with `reset` break it, so that the client's next call fails."""
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._socket.close()
