"""All reading from the database.

It happens in worker threads, for a disk may take its time; only a short page of what was committed this moment, which
is in memory, is read right in the event loop, because the way to a thread and back would take ten times as long.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from gateway.store.sqlite.connection import connect, explained, reading
from gateway.store.sqlite.rows import Page, Range, Row, State, read_page, read_row, read_state, read_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Result = TypeVar("Result")

#: How much of a snapshot is read at once, in bytes of values.
STAGED_BYTES = 16 * 1024 * 1024
#: Rows of a page that is read in a thread, and in the event loop at the most.
PAGE, FRESH = 1000, 50


class Snapshot:
    """A read transaction under way, on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, ranges: Sequence[Range]) -> None:
        self.connection = connection
        connection.execute("BEGIN")
        self.revision = read_state(connection).revision
        self._rows: Iterator[Row] = read_tree(connection, ranges)
        self._first: tuple[list[Row], bool] | None = self._next()

    def more(self) -> tuple[list[Row], bool]:
        """The next rows, and whether they were the last. The first ones are there already."""
        first, self._first = self._first, None
        return first or self._next()

    @property
    def waits(self) -> bool:
        """Whether the next rows must be read first."""
        return self._first is None

    def _next(self) -> tuple[list[Row], bool]:
        rows, size = [], 0
        for row in self._rows:
            rows.append(row)
            size += len(row.value or b"") + len(row.key)
            if size > STAGED_BYTES:
                return rows, False
        return rows, True


class Reader:
    """One connection for short reads, used by one thread at a time, one for the event loop, a few for snapshots."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self._file = file
        self._connection = connection
        self._fresh = connect(file, timeout=0)
        self._one = anyio.CapacityLimiter(1)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a function with the connection, in a thread."""
        return await self._in_thread(partial(function, self._connection), self._one)

    async def _in_thread(self, function: Callable[[], Result], limiter: anyio.CapacityLimiter | None = None) -> Result:
        try:
            return await anyio.to_thread.run_sync(function, limiter=limiter)
        except sqlite3.Error as error:
            raise explained(error, self._file) from error

    async def row(self, key: str) -> Row | None:
        return await self.read(lambda connection: read_row(connection, key))

    async def page(self, after: int, limit: int, ranges: Sequence[Range] | None = None, *, rows: bool = True) -> Page:
        return await self.read(lambda connection: read_page(connection, after, limit, ranges, rows=rows))

    async def fresh(self, after: int, *, rows: bool) -> Page:
        """The next page after a revision, of all paths."""
        try:
            if read_state(self._fresh).revision - after <= FRESH:
                return read_page(self._fresh, after, FRESH + 1, rows=rows)
        except sqlite3.OperationalError:
            pass  # somebody recovers the log: in the thread there is time to wait for that
        return await self.page(after, PAGE, rows=rows)

    async def keys(self, ranges: Sequence[Range]) -> tuple[int, set[str]]:
        """The newest revision, and the keys that are there at it."""
        return await self.read(partial(_read_keys, ranges))

    async def since(self, ranges: Sequence[Range], revision: int) -> tuple[list[Row], State, set[str]]:
        """The changes after a revision, the state with the newest one, and the keys that may have been there before."""
        return await self.read(partial(_read_since, ranges, revision))

    async def difference(self, ranges: Sequence[Range], revision: int) -> tuple[list[Row], set[str], int]:
        """The rows after a revision, depth-first, the keys that are there now, and the newest revision."""
        return await self.read(partial(_read_difference, ranges, revision))

    async def snapshot(self, ranges: Sequence[Range]) -> Snapshot:
        """Begin a snapshot, which is to be read to its end or discarded."""
        return await self._in_thread(partial(self._begin, ranges))

    def _begin(self, ranges: Sequence[Range]) -> Snapshot:
        connection = self._borrow()
        try:
            return Snapshot(connection, ranges)
        except BaseException:
            connection.close()
            raise

    async def more(self, snapshot: Snapshot) -> tuple[list[Row], bool]:
        """The next rows of a snapshot, and whether they were the last."""
        rows, finished = await self._in_thread(snapshot.more) if snapshot.waits else snapshot.more()
        if finished:
            self.discard(snapshot)
        return rows, finished

    def discard(self, snapshot: Snapshot) -> None:
        """End a snapshot's transaction, and keep its connection for the next."""
        snapshot.connection.rollback()
        if self._closed:
            snapshot.connection.close()
        else:
            self._idle.append(snapshot.connection)

    def _borrow(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._file)

    async def close(self) -> None:
        self._closed = True
        for connection in [*self._idle, self._fresh, self._connection]:
            await self._in_thread(connection.close)


def _read_keys(ranges: Sequence[Range], connection: sqlite3.Connection) -> tuple[int, set[str]]:
    with reading(connection):
        return read_state(connection).revision, {row.key for row in read_tree(connection, ranges)}


def _read_since(
    ranges: Sequence[Range], revision: int, connection: sqlite3.Connection
) -> tuple[list[Row], State, set[str]]:
    with reading(connection):
        state = read_state(connection)
        rows = list(read_tree(connection, ranges, f"revision > {int(revision)}"))
        older = {row.key for row in read_tree(connection, ranges, f"value NOT NULL AND revision <= {int(revision)}")}
    rows.sort(key=lambda row: row.revision)
    return rows, state, older | {row.key for row in rows}


def _read_difference(
    ranges: Sequence[Range], revision: int, connection: sqlite3.Connection
) -> tuple[list[Row], set[str], int]:
    with reading(connection):
        rows = list(read_tree(connection, ranges, f"revision > {int(revision)}"))
        present = {row.key for row in read_tree(connection, ranges, "value NOT NULL")}
        return rows, present, read_state(connection).revision
