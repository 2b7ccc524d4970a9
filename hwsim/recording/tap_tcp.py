"""Records a device at a TCP port: clients connect here instead, and everything is passed on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from hwsim.errors import Unreachable
from hwsim.junction import Ending
from hwsim.recording.tapped import Tapped
from hwsim.recording.tcp import break_off, serve

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import SocketStream, TaskGroup

    from hwsim.clock import Clock


class TappedTcp(Tapped):
    """Each client gets a connection of its own to the device. Who hangs up first hangs up the other."""

    line = "tcp"

    def __init__(
        self, peer: str, file: Path, listen: str | None, kind: str, clock: Clock, upstream: tuple[str, int]
    ) -> None:
        super().__init__(peer, file, listen, kind, clock)
        self._upstream = upstream

    async def _try_device(self) -> None:
        try:
            await (await anyio.connect_tcp(*self._upstream)).aclose()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unreachable(f"nothing to record answers at {self.peer}: {reason}") from error

    async def _open(self, tasks: TaskGroup, folder: Path) -> None:
        scheme = self.peer.partition("://")[0]
        self.url = f"{scheme}://{await serve(tasks, self._listen, self._client)}"

    async def _client(self, client: SocketStream) -> None:
        self.recorder.opened(client)
        async with client:
            try:
                device = await anyio.connect_tcp(*self._upstream)
            except OSError:
                ending = Ending.BROKEN
            else:
                async with device:
                    ending = await self._pass_on(client, device)
            self.recorder.closed(client, ending)
            if ending is Ending.BROKEN:
                await break_off(client)

    async def _pass_on(self, client: SocketStream, device: SocketStream) -> Ending:
        """Until one of them hangs up; who did."""
        ending = Ending.BY_HOST

        async def answers() -> None:
            nonlocal ending
            ending = await self._pump(device, client, partial(self.recorder.to_host, client), Ending.BY_DEVICE)
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answers)
            await self._pump(client, device, partial(self.recorder.to_device, client), Ending.BY_HOST)
            tasks.cancel_scope.cancel()
        return ending

    async def _pump(self, source: SocketStream, sink: SocketStream, note: partial[None], end: Ending) -> Ending:
        while True:
            try:
                data = await source.receive()
            except anyio.EndOfStream:
                return end
            except anyio.BrokenResourceError:
                return Ending.BROKEN if end is Ending.BY_DEVICE else end
            note(data)
            if self.recorder.failure is not None:
                return Ending.BROKEN
            try:
                await sink.send(data)
            except anyio.BrokenResourceError:
                return Ending.BY_HOST if end is Ending.BY_DEVICE else Ending.BROKEN
