"""Connections to the database file, and its errors in the words of the store."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gateway.errors import Detached, StoreError, StoreUnusable, Uncertain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Tells a store from other SQLite databases: "bgat" (sqlite.org/fileformat2.html, "application id").
APPLICATION_ID: Final = 0x62676174
#: How long SQLite itself waits for a lock, in s; only programs other than busgate keep one that long.
LOCK_TIMEOUT: Final = 2.0
#: Result codes that mean that the file's content is wrong (sqlite.org/rescode.html).
DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: Result codes that say nothing about the file's content.
ENVIRONMENT: Final = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_AUTH,
)


def connect(file: Path, timeout: float = LOCK_TIMEOUT) -> sqlite3.Connection:
    """Open a connection that may be used by any thread, by one at a time.

    WAL with ``synchronous=FULL``: a commit that has returned survives the loss of power.
    """
    connection = sqlite3.connect(file, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")  # bytes that the log keeps after a long read
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction; rolled back when the body raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """One read transaction: all reads in it see the same revision."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        roll_back(connection)


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, if SQLite has not done so itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def code_of(error: sqlite3.Error) -> int:
    """The primary result code; 0 when the error comes from the binding."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explained(error: sqlite3.Error, file: Path, *, committing: bool = False) -> StoreError:
    """What a call raises for an error of SQLite. ``committing``: whether it may have taken effect all the same."""
    code = code_of(error)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in DAMAGE:
        return StoreUnusable(
            f"{file} is damaged ({error}): stop every busgate process that uses it; the next start repairs it"
        )
    if code == sqlite3.SQLITE_FULL:
        return Detached(f"no space left for {file}: nothing was written; free some space on its disk")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Detached(f"another program has locked {file}: nothing was written; close that program")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return Detached(f"{file} can't be opened for writing any more ({error}): check its permissions")
    if committing:
        return Uncertain(f"{file}: {error} ({name}) at the end of a write, which may or may not be there")
    return Detached(f"{file}: {error} ({name})")
