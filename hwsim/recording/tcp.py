"""TCP ports of recorded devices: listening at one, and breaking a connection."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

import anyio
from anyio.abc import SocketAttribute

from hwsim.errors import PortInUse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import Listener, SocketStream, TaskGroup

HOST: Final = "127.0.0.1"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


async def serve(tasks: TaskGroup, where: str | None, client: Callable[[SocketStream], Awaitable[None]]) -> str:
    """Give each client that connects to `client` for as long as `tasks` last; returns the address.

    Args:
        tasks: those of whoever listens.
        where: `[HOST:]PORT`; none: a free port of this machine.
        client: gets an open stream, which it closes.

    Raises:
        PortInUse: nobody can listen there.
    """
    host, port = _address(where)
    try:
        listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    except OSError as error:
        reason = "address already in use" if "in use" in str(error) else (error.strerror or str(error)).lower()
        raise PortInUse(f"can't listen on {host}:{port}: {reason}") from error
    tasks.start_soon(_serve, listener, client)
    return f"{host}:{listener.extra(SocketAttribute.local_port)}"


async def _serve(listener: Listener[SocketStream], client: Callable[[SocketStream], Awaitable[None]]) -> None:
    async with listener:
        await listener.serve(client)


async def break_off(stream: SocketStream) -> None:
    """Break a connection, so that the other side's next call fails, instead of ending it."""
    raw = stream.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    await anyio.aclose_forcefully(stream)


def _address(text: str | None) -> tuple[str, int]:
    """Read `[HOST:]PORT`; none is a free port of this machine.

    Raises:
        PortInUse: it is no address.
    """
    host, _, port = (text or "0").rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise PortInUse(f"{text!r} is no address to listen at; write HOST:PORT or PORT")
    return host or HOST, int(port)
