"""The one thread that writes: commits all waiting operations as one transaction.

Theory of operation
-------------------
1. Callers queue operations in one of two lanes; the thread takes the urgent lane first. While it commits, more queue
   up: they are the next batch. So the cost of a commit and of a wake-up is shared by all that wait.
2. Operations are taken only after the room is entered (:mod:`gateway.store.sqlite.room`) and the transaction has
   begun. Until then a caller can take its operation back: it has not happened. A batch takes at most ``BATCH_TIME``.
3. An operation that is refused (``Conflict``, ``Denied``) has written nothing: the others of its batch go on. An
   error of SQLite undoes the whole batch, and all its callers get it.
4. After the commit, in this order: the room is left, other processes are told, the callers are woken.
5. ``waiting`` and ``busy`` tell the event loop since when the thread waits for its turn, or works.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import anyio

from gateway.errors import Detached, StoreError, Uncertain
from gateway.store.sqlite.connection import explained, roll_back
from gateway.store.sqlite.operations import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.clock import Clock
    from gateway.store.sqlite.doorbell import Doorbell
    from gateway.store.sqlite.operations import Operation
    from gateway.store.sqlite.room import Room

#: Longest time, in s, that operations are added to a batch, so that writers of other processes get their turn.
BATCH_TIME = 0.05
#: After how many operations the clock is looked at.
CLOCK_GRAIN = 8
#: How often, in s, a store that is closing looks whether its writer is blocked.
CLOSE_GRAIN = 0.1


class Request:
    """One operation of one caller."""

    __slots__ = ("abandoned", "done", "error", "operation", "result")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.done = anyio.Event()
        self.abandoned = False
        self.result = 0
        self.error: Exception | None = None


class Writer:
    """The thread and its queue.

    Args:
        connection: used by the thread alone from here on; it closes it.
        member: who writes (see :class:`~gateway.store.sqlite.operations.Transaction`).
        announce: called in the thread after each commit that changed something.
        committed: called in the event loop after each batch, before its callers are woken: with the transaction,
            or with the error that undid it.
    """

    def __init__(
        self,
        file: Path,
        connection: sqlite3.Connection,
        room: Room,
        doorbell: Doorbell,
        clock: Clock,
        member: str,
        announce: Callable[[], None],
        committed: Callable[[Transaction | StoreError], None],
    ) -> None:
        self._file = file
        self._identity = identity(file)
        self._connection = connection
        self._room = room
        self._doorbell = doorbell
        self._clock = clock
        self._member = member
        self._announce = announce
        self._committed = committed
        self._urgent: deque[Request] = deque()
        self._normal: deque[Request] = deque()
        self._pending: set[Request] = set()
        self._signals: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._ended = anyio.Event()
        self.waiting: float | None = None  # lease_now() since when the thread waits for its turn
        self.blocked = ""  # why it doesn't get its turn, once that is known
        self.busy: float | None = None  # since when it works on a batch
        self._thread = threading.Thread(target=self._run, name=f"writer of {file}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def submit(self, operation: Operation, *, urgent: bool = False) -> int:
        """Have an operation done and committed; return what it gives."""
        if self.blocked:
            raise Detached(self.blocked)
        request = Request(operation)
        self._pending.add(request)
        (self._urgent if urgent else self._normal).append(request)
        self._signals.put(True)
        try:
            await request.done.wait()
        finally:
            request.abandoned = True
            self._pending.discard(request)
        if request.error is not None:
            raise request.error
        return request.result

    def block(self, reason: str) -> None:
        """Refuse all operations for this reason, until the thread gets its turn."""
        self.blocked = reason
        for lane in (self._urgent, self._normal):
            while lane:
                request = lane.popleft()
                request.error = Detached(reason)
                request.done.set()

    def give_up(self, reason: str) -> None:
        """Let every caller go: nobody hears any more what becomes of its operation."""
        self.block(reason)
        for request in self._pending:
            request.error = request.error or Uncertain(reason)
            request.done.set()

    async def close(self) -> None:
        """Wait until all that is queued is done, and end the thread; while it is blocked, let it end by itself."""
        self._signals.put(False)
        while not self._ended.is_set() and not self.blocked:
            with anyio.move_on_after(CLOSE_GRAIN):
                await self._ended.wait()

    def _run(self) -> None:
        while self._signals.get():
            while self._urgent or self._normal:
                self._work()
        self._connection.close()
        self._room.close()
        self._doorbell.ring(self._ended.set)

    def _work(self) -> None:
        """Take part in one turn of the room."""
        self.waiting = self._clock.lease_now()
        try:
            self._room.enter()
            self.busy, self.waiting = self._clock.lease_now(), None
            self.blocked = ""
            try:
                batch, outcome = self._transact()
            finally:
                self._room.leave()
        finally:
            self.busy = self.waiting = None
        if isinstance(outcome, Transaction) and (outcome.changes or outcome.leases != outcome.state.leases):
            self._announce()
        if batch:
            self._doorbell.ring(partial(self._deliver, batch, outcome))

    def _transact(self) -> tuple[list[Request], Transaction | StoreError]:
        """Do what is waiting in one transaction; return it, or the error that undid everything."""
        batch: list[Request] = []
        committing = False
        try:
            self._check_file()
            self._connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._connection, self._member)
            self._fill(batch, transaction)
            transaction.finish()
            committing = True
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            return self._failed(batch, explained(error, self._file, committing=committing))
        except StoreError as error:
            return self._failed(batch, error)
        except Exception as error:  # noqa: BLE001 - the callers get it, and the thread goes on
            outcome = self._failed(batch, Uncertain(f"{self._file}: a write failed: {error!r}"))
            outcome[1].__cause__ = error
            return outcome
        return batch, transaction

    def _failed(self, batch: list[Request], error: StoreError) -> tuple[list[Request], StoreError]:
        """Undo the batch. If it was not even begun, what waits is refused for the same reason."""
        try:
            roll_back(self._connection)
        except sqlite3.Error as second:
            error.add_note(f"and it could not be rolled back: {second}")
        if not batch:
            while request := self._next():
                batch.append(request)
        for request in batch:
            request.error = type(error)(str(error))
            request.error.__cause__ = error.__cause__
        return batch, error

    def _fill(self, batch: list[Request], transaction: Transaction) -> None:
        end = self._clock.lease_now() + BATCH_TIME
        while request := self._next():
            if request.abandoned:
                continue
            batch.append(request)
            try:
                request.result = request.operation.apply(transaction)
            except StoreError as error:
                request.error = error
            if len(batch) % CLOCK_GRAIN == 0 and self._clock.lease_now() >= end:
                return

    def _next(self) -> Request | None:
        lane = self._urgent or self._normal
        try:
            return lane.popleft()
        except IndexError:  # empty, or just emptied by the event loop
            return None

    def _check_file(self) -> None:
        if identity(self._file) != self._identity:
            raise Detached(f"{self._file} is gone or was replaced: put it back, or start busgate again")

    def _deliver(self, batch: list[Request], outcome: Transaction | StoreError) -> None:
        self._committed(outcome)
        for request in batch:
            request.done.set()


def identity(file: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None when it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
