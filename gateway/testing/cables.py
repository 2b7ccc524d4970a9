"""A cable between a program and its server that can be pulled: a TCP relay on this machine."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import SocketAttribute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import ByteReceiveStream, ByteSendStream, SocketStream, TaskStatus

BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


class Cable:
    """Relays to a port of this machine; while it is pulled, connections break and new ones are refused.

    For example ``async with Cable(server_port).plugged() as cable``, with a client of ``cable.port``.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    @asynccontextmanager
    async def plugged(self) -> AsyncIterator[Cable]:
        async with anyio.create_task_group() as self._tasks:
            await self.plug()
            yield self
            self._tasks.cancel_scope.cancel()

    async def plug(self) -> None:
        """Relay from now on, at the same port as before."""
        await self._tasks.start(self._relay)

    async def pull(self) -> None:
        """Break all connections, and refuse others."""
        self._scope.cancel()
        await self._ended.wait()

    async def _relay(self, *, task_status: TaskStatus[None]) -> None:
        self._ended = anyio.Event()
        try:
            with anyio.CancelScope() as self._scope:
                listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
                self.port = listener.extra(SocketAttribute.local_port)
                async with listener:
                    task_status.started()
                    await listener.serve(self._serve)
        finally:
            self._ended.set()

    async def _serve(self, stream: SocketStream) -> None:
        with suppress(*BROKEN):
            async with stream, await anyio.connect_tcp("127.0.0.1", self._target) as other, _group() as tasks:
                for one, another in ((stream, other), (other, stream)):
                    tasks.start_soon(_copy, one, another, tasks.cancel_scope)


def _group() -> anyio.abc.TaskGroup:
    return anyio.create_task_group()


async def _copy(source: ByteReceiveStream, target: ByteSendStream, scope: anyio.CancelScope) -> None:
    with suppress(*BROKEN):
        while True:
            await target.send(await source.receive())
    scope.cancel()
