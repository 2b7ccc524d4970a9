"""A recorded device that answers again: at a TCP port, as a terminal, or in this process.

Theory of operation
 1. The n-th connection of a replay plays the n-th of the recording. Strict, there may be no more of them; tolerant,
    further ones can ask whatever was asked in any connection.
 2. A host that sends something else than was recorded is cut off, and the error is raised where the replay is left.
 3. A terminal whose device went away in the recording goes away and is back at once, at the same path.
"""

from __future__ import annotations

import inspect
import shutil
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
from anyio.from_thread import start_blocking_portal

from hwsim.clock import Clock, LoopClock
from hwsim.errors import HwsimError, ReplayMismatch
from hwsim.radio.port import MemoryPort
from hwsim.radio.pty import PtyPort
from hwsim.recording.conversation import dialect_of
from hwsim.recording.parts import Answers, StrictPart, TolerantPart
from hwsim.recording.replay_port import PortSide, play_tcp
from hwsim.recording.tape import Recording, read_recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from anyio.abc import TaskGroup

    from hwsim.junction import Ending
    from hwsim.radio.port import MemoryStream, Port
    from hwsim.recording.parts import Part

_PATIENCE: Final = 5.0
"""Seconds for what is still on its way when a replay is left that must have been played as a whole."""


def replay(
    recording: Recording | str | Path,
    *,
    tolerant: bool = False,
    fast: bool = False,
    whole: bool = False,
    listen: str | None = None,
    clock: Clock | None = None,
) -> Replay:
    """Make a device of a recording; it is there within `async with ... .running()` or `with ... .in_thread()`.

    Args:
        recording: or the file in which it is.
        tolerant: answer by request instead of insisting on the recorded bytes in their order.
        fast: don't wait for the recorded times.
        whole: leaving it is an error when the host has not done all that was recorded.
        listen: `[HOST:]PORT`, or the path of a terminal; none: a free port, or a new path.
        clock: where times come from; none: the event loop.

    Raises:
        RecordingError: the file can't be read.
    """
    if not isinstance(recording, Recording):
        recording = read_recording(recording)
    return Replay(recording, tolerant=tolerant, fast=fast, whole=whole, listen=listen, clock=clock or LoopClock())


class Replay:
    """One recorded device; `replay` makes it."""

    def __init__(
        self, recording: Recording, *, tolerant: bool, fast: bool, whole: bool, listen: str | None, clock: Clock
    ) -> None:
        self.recording = recording
        self.mismatch: ReplayMismatch | None = None
        """What a host has sent that was not recorded, when strict."""
        self.connections = 0
        """How many there have been."""
        self.open_connections = 0
        self._tolerant = tolerant
        self._fast = fast
        self._whole = whole
        self._listen = listen
        self._clock = clock
        self._dialect = dialect_of(recording)
        self._answers = Answers(recording, self._dialect)
        self._parts: list[StrictPart] = []
        self._url: str | None = None
        self._port: Port | None = None
        self._news = anyio.Event()

    @property
    def kind(self) -> str:
        """The protocol: that of the header, or the one it was recognised as."""
        return self._dialect.kind

    @property
    def url(self) -> str:
        """What a host opens, as in `owserver://127.0.0.1:4304`, or a path.

        Raises:
            HwsimError: it does not run.
        """
        if self._url is None:
            raise HwsimError("the replay does not run; it listens within `async with replay(...).running()`")
        return self._url

    @property
    def unknown(self) -> list[str]:
        """Requests that were never recorded, as text, when tolerant."""
        return [self._dialect.host_text(request) for request in self._answers.unknown]

    @property
    def finished(self) -> bool:
        """Every recorded connection was there and did all that was recorded. A tolerant replay is never finished."""
        return not self._tolerant and self._waits_for is None

    @property
    def missing(self) -> str | None:
        """What has not happened yet, for people; None: it is finished, or tolerant."""
        return None if self._tolerant else self._waits_for

    def connect(self) -> MemoryStream:
        """Open it within this process, while it runs with `ptys=False`.

        Raises:
            HwsimError: it is a terminal or a TCP port; open its URL.
            OSError: it is not plugged in (ENOENT), or somebody has it open (EBUSY).
        """
        if not isinstance(self._port, MemoryPort):
            raise HwsimError(f"this replay is at {self.url}; open that")
        return self._port.connect()

    @asynccontextmanager
    async def running(self, *, ptys: bool = True) -> AsyncIterator[Self]:
        """Be there for as long as the context lasts. Cancelling it, or leaving it, ends all connections.

        Args:
            ptys: with False, what was a serial line is a byte stream that `connect` opens (for virtual time).

        Raises:
            PortInUse: it can't listen where it should.
            ReplayMismatch: on leaving: a host has sent something else than was recorded, or not all of it when it
                must be played as a whole.
        """
        failure: Exception | None = None
        folder = Path(tempfile.mkdtemp(prefix="hwsim-"))
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    await self._open(tasks, folder, ptys=ptys)
                    yield self
                    if self._whole:
                        await self._be_finished()
                except Exception as error:  # noqa: BLE001
                    failure = error
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            self._url = self._port = None
            shutil.rmtree(folder, ignore_errors=True)
        if self.mismatch is not None:
            raise self.mismatch from failure
        if failure is not None:
            raise failure

    @contextmanager
    def in_thread(self) -> Iterator[Self]:
        """As `running`, for programs that have no event loop: it runs in a thread of its own."""
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(self.running()):
            yield self

    def run(self, host: Callable[[str], Any]) -> Any:
        """Let a host, a function or coroutine function of a URL, talk to it while it runs `in_thread`; its result."""
        if inspect.iscoroutinefunction(host):
            return anyio.run(host, self.url)
        return host(self.url)

    async def wait_finished(self) -> None:
        """Come back when it is `finished` and all hosts have hung up, or there is a mismatch."""
        while self.mismatch is None and not (self.finished and self.open_connections == 0):
            self._news = anyio.Event()
            await self._news.wait()

    @property
    def _waits_for(self) -> str | None:
        recorded = self.recording.connections
        if len(self._parts) < len(recorded):
            return f"{len(recorded) - len(self._parts)} of {len(recorded)} recorded connections were not made"
        return next((f"connection {part.number}: {part.missing}" for part in self._parts if not part.finished), None)

    async def _be_finished(self) -> None:
        with anyio.move_on_after(_PATIENCE):
            while self.mismatch is None and self.missing:
                self._news = anyio.Event()
                await self._news.wait()
        if self.missing and self.mismatch is None:
            self.mismatch = ReplayMismatch(f"the recording was not played to its end; {self.missing}")

    async def _open(self, tasks: TaskGroup, folder: Path, *, ptys: bool) -> None:
        header = self.recording.header
        if header.line == "tcp":
            scheme = "owserver" if header.kind == "owserver" else "socket"
            self._url = f"{scheme}://{await play_tcp(self, tasks, self._listen)}"
            return
        self._port = PtyPort(Path(self._listen or folder / "replay")) if ptys else MemoryPort("replay")
        self._url = self._port.url
        await tasks.start(PortSide(self, self._port).run)

    def begin(self) -> Part | None:
        """A host has connected: the part it plays; None: there is none left."""
        self.connections += 1
        recorded, number = self.recording.connections, self.connections
        if self._tolerant:
            talk = self._answers.talks[number - 1] if number <= len(recorded) else None
            self.open_connections += 1
            return TolerantPart(self._answers, talk, self._clock, fast=self._fast)
        if number > len(recorded):
            self._failed(ReplayMismatch(f"a host connects for the {number}. time; the recording has {len(recorded)}"))
            return None
        self.open_connections += 1
        part = StrictPart(self.recording, recorded[number - 1], self._dialect, self._clock, fast=self._fast)
        self._parts.append(part)
        return part

    def ended(self) -> None:
        """A host that had a part has gone."""
        self.open_connections -= 1
        self._news.set()

    async def speak(self, part: Part, send: Callable[[bytes], Awaitable[None]]) -> Ending | None:
        """Say the device's lines; how it hangs up in the end, if it does."""
        while (line := await part.next()) is not None:
            if line.ending is not None:
                return line.ending
            await send(line.data)
            self._news.set()
        return None

    def take(self, part: Part, data: bytes) -> bool:
        """Give what a host has sent to its part; False: it was not what was recorded."""
        try:
            part.take(data)
            self._news.set()
        except ReplayMismatch as mismatch:
            self._failed(mismatch)
            return False
        return True

    def _failed(self, mismatch: ReplayMismatch) -> None:
        self.mismatch = self.mismatch or mismatch
        self._news.set()
