"""Ends stored code that blocks the event loop.

Theory of operation
-------------------
1. A task notes the time four times within ``limit``: the beat. While the beat comes, nothing is looked at.
2. A thread sees when the beat stops. Then it samples the main thread's stack. The outermost frame of stored code in
   the running step is the suspect (``suspect``); its time counts from the first sample that shows it.
3. After ``limit`` seconds the thread names the job in the log and sends a signal to the main thread, which interrupts
   even ``time.sleep``. The signal's handler runs between two bytecodes of the main thread. It raises ``LoopBlocked``
   only if no beat came since and the suspect is still the same, so nobody else is hit; and again after another
   ``limit`` seconds if the code goes on.
4. It doesn't raise where the suspect is just calling busgate or the event loop, or importing: that would break what
   isn't the job's. The next signal follows soon. One long call of C code can't be interrupted before it ends.
5. Code that catches ``LoopBlocked`` and goes on, so that it had to be raised ``PATIENCE`` times, can't be ended: then
   the process exits hard, and the job counts as one whose node died.
6. It works only where the event loop runs in the main thread, as Python delivers signals there.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import anyio

from gateway.runner.context import exit_hard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from anyio.abc import TaskStatus

#: Global variable that marks stored code while it runs; its value names the job or the module.
MARK: Final = "__busgate_run__"
#: Ignored by default, so one that comes late does no harm.
SIGNAL: Final = signal.SIGURG
#: Seconds to the next signal if one came at a bad moment.
RETRY: Final = 0.005
#: So often code may go on in spite of ``LoopBlocked``.
PATIENCE: Final = 10
#: Beats within the limit.
BEATS: Final = 4

_UNTOUCHABLE: Final = frozenset({"gateway", "anyio", "asyncio", "trio", "importlib"})
#: Modules of ours that change nothing, so that an exception can't leave anything half done.
_PURE: Final = frozenset({"gateway.path", "gateway.codec", "gateway.values", "gateway.code.variables"})


class LoopBlocked(BaseException):
    """This code has held the event loop for too long."""


def suspect(frame: FrameType | None) -> tuple[FrameType | None, bool]:
    """The outermost frame of stored code in the running step, and whether nothing untouchable runs within it."""
    found, free = None, True
    while frame is not None:
        if MARK in frame.f_globals:
            found = frame
        elif _untouchable(str(frame.f_globals.get("__name__"))):
            if found is not None:
                break
            free = False
        frame = frame.f_back
    return found, free


def _untouchable(module: str) -> bool:
    return module not in _PURE and module.partition(".")[0] in _UNTOUCHABLE


class Watchdog:
    """Watches the event loop while ``run`` runs.

    Args:
        limit: seconds that stored code may hold the loop.
        exit_hard: called with a reason, in a thread, when code can't be ended.
    """

    def __init__(self, limit: float = 1.0, exit_hard: Callable[[str], None] = exit_hard) -> None:
        self._limit = limit
        self._exit_hard = exit_hard
        self._raises = 0  # since the last beat
        self._log = logging.getLogger("busgate.watchdog")
        self._beat = time.monotonic()
        self._suspect: FrameType | None = None
        self._raised = False
        self._stop = threading.Event()

    @property
    def beat(self) -> float:
        """``time.monotonic()`` when the loop last ran; for those who must not act for a loop that stands."""
        return self._beat

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            self._log.warning("the event loop isn't in the main thread; code that blocks it can't be ended")
            task_status.started()
            await anyio.sleep_forever()
        before = signal.signal(SIGNAL, self._interrupt)
        thread = threading.Thread(target=self._watch, name="busgate watchdog", daemon=True)
        thread.start()
        try:
            task_status.started()
            while True:
                self._beat = time.monotonic()
                await anyio.sleep(self._limit / BEATS)
        finally:
            self._stop.set()
            thread.join()
            signal.signal(SIGNAL, before if before is not None else signal.SIG_DFL)

    def _watch(self) -> None:
        """The thread."""
        main = threading.main_thread().ident
        assert main is not None
        since = told = 0.0
        pause = self._limit / BEATS / 2
        while not self._stop.wait(pause):
            pause = self._limit / BEATS / 2
            now, beat = time.monotonic(), self._beat
            if now - beat < 2 * self._limit / BEATS:
                self._suspect, self._raises = None, 0
                continue
            if self._raises >= PATIENCE:
                self._exit_hard(f"stored code holds the event loop and can't be interrupted since {now - beat:.0f} s")
            found, _ = suspect(sys._current_frames().get(main))  # noqa: SLF001 - documented in spite of its name
            if found is not self._suspect or self._raised:
                self._suspect, self._raised, since = found, False, max(now - pause, beat)
            if (now - beat if found is None else now - since) < self._limit:
                continue
            if told != beat:
                told = beat
                self._tell(main, found, now - beat)
            if found is not None:
                signal.pthread_kill(main, SIGNAL)
                pause = RETRY

    def _tell(self, main: int, found: FrameType | None, seconds: float) -> None:
        frame = found or sys._current_frames().get(main)  # noqa: SLF001
        if frame is not None:
            who = str(frame.f_globals[MARK]) if found else frame.f_code.co_qualname
            where = f"{frame.f_code.co_filename}, line {frame.f_lineno}"
            self._log.error("%s holds the event loop since %.1f s (%s)", who, seconds, where)

    def _interrupt(self, _number: int, frame: FrameType | None) -> None:
        """The signal handler, in the main thread."""
        if self._raised or self._suspect is None or time.monotonic() - self._beat < self._limit:
            return
        found, free = suspect(frame)
        if free and found is self._suspect:
            self._raised = True
            self._raises += 1
            raise LoopBlocked(f"held the event loop for more than {self._limit:g} s")
