"""The two ways in which hosts reach a replay: a TCP port, and a terminal or a port in this process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from hwsim.errors import PortInUse
from hwsim.junction import Ending
from hwsim.recording.tcp import break_off, serve

if TYPE_CHECKING:
    from collections.abc import Hashable

    from anyio.abc import SocketStream, TaskGroup, TaskStatus

    from hwsim.radio.port import Port
    from hwsim.recording.parts import Part
    from hwsim.recording.replay import Replay


async def play_tcp(device: Replay, tasks: TaskGroup, where: str | None) -> str:
    """Let hosts connect for as long as `tasks` last; returns the address. Raises PortInUse."""
    return await serve(tasks, where, partial(_client, device))


async def _client(device: Replay, stream: SocketStream) -> None:
    async with stream:
        part = device.begin()
        if part is None or await _converse(device, stream, part) is Ending.BROKEN:
            await break_off(stream)
    if part is not None:
        device.ended()


async def _converse(device: Replay, stream: SocketStream, part: Part) -> Ending:
    ending = Ending.BY_HOST

    async def speak() -> None:
        nonlocal ending
        try:
            if (how := await device.speak(part, stream.send)) is not None:
                ending = how
                tasks.cancel_scope.cancel()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the host has gone, which is noticed below

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(speak)
        try:
            while device.take(part, await stream.receive()):
                pass
            ending = Ending.BROKEN
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
        tasks.cancel_scope.cancel()
    return ending


class PortSide:
    """A replay that is a terminal, or a port in this process; the `Tap` of its port, so it knows what a host does."""

    def __init__(self, device: Replay, port: Port) -> None:
        self._device = device
        self._port = port
        self._life: TaskGroup | None = None
        self._part: Part | None = None
        self._speaking: anyio.CancelScope | None = None
        port.junction.tap = self

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Be plugged in until cancelled, and again after each time the device has gone."""
        started = False
        try:
            while True:
                self._plug()
                if not started:
                    task_status.started()
                started = True
                async with anyio.create_task_group() as self._life:
                    await self._port.serve(self._ignore, lambda: None)
                self._port.unplug()
        finally:
            self._port.unplug()

    def opened(self, key: Hashable) -> None:
        self._part = self._device.begin()
        if self._life is None:
            return
        if self._part is None:
            self._life.cancel_scope.cancel()
        else:
            self._life.start_soon(self._speak, self._part)

    def to_device(self, key: Hashable, data: bytes) -> None:
        if self._part is not None and not self._device.take(self._part, data) and self._life is not None:
            self._life.cancel_scope.cancel()

    def to_host(self, key: Hashable, data: bytes) -> None:
        pass

    def closed(self, key: Hashable, ending: Ending) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        if self._part is not None:
            self._part = None
            self._device.ended()

    async def _speak(self, part: Part) -> None:
        self._speaking = anyio.CancelScope()
        with self._speaking:
            ending = await self._device.speak(part, self._port.put)
            if ending is not None and self._life is not None:
                self._life.cancel_scope.cancel()

    async def _ignore(self, data: bytes) -> None:
        """What came was told as a tap."""

    def _plug(self) -> None:
        try:
            self._port.plug()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortInUse(f"no terminal can be made at {self._port.url}: {reason}") from error
