"""A device that is somewhere else and is recorded; what is common to all ways of reaching it."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from hwsim.errors import RecordingError
from hwsim.recording.tape import Header, Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from hwsim.clock import Clock


class Tapped:
    """A device that is recorded."""

    line: ClassVar[str]

    def __init__(self, peer: str, file: Path, listen: str | None, kind: str, clock: Clock) -> None:
        self.peer = peer
        self.file = file
        self.kind = kind
        self.url = ""
        """Where hosts find it, while it runs."""
        self._listen = listen
        self._clock = clock
        self._recorder: Recorder | None = None

    @property
    def recorder(self) -> Recorder:
        """The recording, from the time when it runs; its counters stay."""
        if self._recorder is None:
            raise RecordingError("the tap does not run; use `async with tap(...).running()`")
        return self._recorder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Record for as long as the context lasts; leaving it, or cancelling it, ends all connections.

        Raises:
            PortInUse: it can't listen where it should.
            RecordingError: the file can't be made, or on leaving, not be written any more.
            Unreachable: the device is not there.
        """
        await self._try_device()
        header = Header(self.kind, self.line, self.peer, time.time())
        self._recorder = Recorder(self.file, header, self._clock.now)
        failure: Exception | None = None
        folder = Path(tempfile.mkdtemp(prefix="hwsim-"))
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    await self._open(tasks, folder)
                    yield self
                except Exception as error:  # noqa: BLE001
                    failure = error
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            self._recorder.close()
            shutil.rmtree(folder, ignore_errors=True)
        if failure is not None:
            raise failure
        self._check()

    def _check(self) -> None:
        """Raise RecordingError when the file can't be written any more."""
        if self.recorder.failure is not None:
            raise self.recorder.failure

    async def _try_device(self) -> None:
        raise NotImplementedError

    async def _open(self, tasks: TaskGroup, folder: Path) -> None:
        raise NotImplementedError
