"""Records a serial device of this machine: hosts open a terminal instead, and everything is passed on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from hwsim.errors import PortInUse, RecordingError, Unreachable
from hwsim.radio.pty import PtyPort
from hwsim.recording.serial_line import SerialLine
from hwsim.recording.tapped import Tapped

if TYPE_CHECKING:
    from collections.abc import Hashable

    from anyio.abc import TaskGroup

    from hwsim.clock import Clock
    from hwsim.junction import Ending

_LOOK: Final = 0.1
_SETTLING: Final = 0.05
"""Seconds in which a host that has opened a terminal sets its speed."""
_HANDSHAKE: Final = 1.0
"""Seconds after an opening in which pauses between the host's words matter, as after the reset of a stick."""


class TappedSerial(Tapped):
    """Theory of operation
    1. The device is opened when a host opens the terminal, at the speed which the host has chosen, and closed with it;
       so a stick that restarts when it is opened does.
    2. The device is open later than the terminal, and hears the host's first words later. So that pauses do not become
       shorter, what follows soon after them is passed on as much later.
    3. A device that goes away takes the terminal with it, which comes back at the same path with the device.
    """

    line = "tty"

    def __init__(self, peer: str, file: Path, listen: str | None, kind: str, clock: Clock, baud: int | None) -> None:
        super().__init__(peer, file, listen, kind, clock)
        self._baud = baud
        self._device: SerialLine | None = None
        self._ready = anyio.Event()
        self._opened_at = self._lag = 0.0
        self._life: TaskGroup | None = None
        self._session: anyio.CancelScope | None = None

    def opened(self, key: Hashable) -> None:
        """As `Tap.opened`."""
        self.recorder.opened(key)

    def to_device(self, key: Hashable, data: bytes) -> None:
        """As `Tap.to_device`."""
        self.recorder.to_device(key, data)

    def to_host(self, key: Hashable, data: bytes) -> None:
        """As `Tap.to_host`."""
        self.recorder.to_host(key, data)

    def closed(self, key: Hashable, ending: Ending) -> None:
        """As `Tap.closed`."""
        self.recorder.closed(key, ending)
        if self._session is not None:
            self._session.cancel()

    async def _try_device(self) -> None:
        try:
            SerialLine(Path(self.peer), self._baud).close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unreachable(f"nothing to record can be opened at {self.peer}: {reason}") from error
        except ValueError as error:
            raise RecordingError(str(error)) from None

    async def _open(self, tasks: TaskGroup, folder: Path) -> None:
        port = PtyPort(Path(self._listen) if self._listen else folder / "line")
        port.junction.tap = self
        self.url = port.url
        self._plug(port)
        tasks.start_soon(self._be_there, port)

    def _plug(self, port: PtyPort) -> None:
        try:
            port.plug()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortInUse(f"no terminal can be made at {self.url}: {reason}") from error

    async def _be_there(self, port: PtyPort) -> None:
        """Plugged in while the device is."""
        try:
            while True:
                async with anyio.create_task_group() as self._life:
                    await port.serve(self._to_device, lambda: self._opened(port))
                port.unplug()
                while not Path(self.peer).exists():  # noqa: ASYNC240 - nothing tells when a device comes
                    await self._clock.sleep(_LOOK)
                self._plug(port)
        finally:
            port.unplug()

    def _opened(self, port: PtyPort) -> None:
        self._ready = anyio.Event()
        self._opened_at = self._clock.now()
        self._session = anyio.CancelScope()
        if self._life is not None:
            self._life.start_soon(self._while_open, port, self._session)

    async def _to_device(self, data: bytes) -> None:
        came = self._clock.now()
        await self._ready.wait()
        if came - self._opened_at < _HANDSHAKE:
            await self._clock.sleep(max(0.0, came + self._lag - self._clock.now()))
        if self._device is not None:
            with suppress(anyio.ClosedResourceError):
                await self._device.send(data)

    async def _while_open(self, port: PtyPort, session: anyio.CancelScope) -> None:
        """Pass on what the device says, until the host closes the terminal or the device goes."""
        with session:
            await self._clock.sleep(_SETTLING)
            try:
                self._device = device = SerialLine(Path(self.peer), self._baud or port.speed)
            except (OSError, ValueError):
                self._gone()
                return
            try:
                self._lag = self._clock.now() - self._opened_at
                self._ready.set()
                while (data := await device.receive()) and self.recorder.failure is None:
                    await port.put(data)
                self._gone()
            finally:
                self._device = None
                device.close()

    def _gone(self) -> None:
        if self._life is not None:
            self._life.cancel_scope.cancel()
