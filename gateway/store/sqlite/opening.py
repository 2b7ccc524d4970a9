"""Opens the database file: alone first if possible, then with the others.

Theory of operation
-------------------
1. Every open store holds a shared lock on the file ``open`` in the folder beside the database. Who can lock it
   exclusively has proved that nobody has the store open, and alone may check, repair and migrate it and clear away
   what dead processes left. Then it opens the file like everybody else, under the shared lock.
2. The kernel drops these locks when a process dies, so a killed process hinders nobody.
3. The database file itself is touched by SQLite only: closing it in any other way would drop SQLite's own locks in
   this process (sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from gateway.errors import StoreUnusable
from gateway.store.sqlite import damage, place, run_directory
from gateway.store.sqlite.connection import connect, explained, writing
from gateway.store.sqlite.migration import migrate, newest, version_of
from gateway.store.sqlite.operations import Transaction
from gateway.store.sqlite.room import Room, holders, is_stopped, open_lock, try_lock
from gateway.store.sqlite.rows import State, read_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gateway.clock import Clock
    from gateway.store.sqlite.damage import DamageReport

#: Time between two attempts to get the lock while another process checks the file, in s.
RETRY = 0.02


@dataclass(slots=True)
class Opened:
    """An open database file."""

    file: Path
    folder: Path
    lock: int
    room: Room
    writer: sqlite3.Connection
    reader: sqlite3.Connection
    id: str
    state: State
    run: Path
    damage: DamageReport | None


async def open_file(name: str | os.PathLike[str], clock: Clock, random: Random) -> Opened:
    """Open or make a store.

    Raises:
        StoreUnusable: names the file, and says what to do.
    """
    file = await anyio.to_thread.run_sync(place.prepare, name)
    folder = _folder(file)
    lock = open_lock(folder / "open", file)
    try:
        report = await _share(lock, file, clock, partial(_prepare_alone, file, folder, clock, random))
        return await anyio.to_thread.run_sync(_open, file, folder, lock, report)
    except sqlite3.Error as error:
        os.close(lock)
        raise StoreUnusable(str(explained(error, file))) from error
    except BaseException:
        os.close(lock)
        raise


async def _share(
    lock: int, file: Path, clock: Clock, prepare: Callable[[], DamageReport | None]
) -> DamageReport | None:
    """Take the shared lock; if nobody has the store open, prepare it first. Return what that reported."""
    report = None
    while True:
        if try_lock(lock, fcntl.LOCK_EX):
            report = await anyio.to_thread.run_sync(prepare) or report
        if try_lock(lock, fcntl.LOCK_SH):
            return report
        for pid in filter(is_stopped, holders(lock)):
            raise StoreUnusable(
                f"{file}: pid {pid} was opening it and is stopped: continue it (kill -CONT {pid}) or end it"
            )
        await clock.sleep(RETRY)


def _folder(file: Path) -> Path:
    """The folder of the store's own files, beside the database; open to the group if the database is."""
    folder = file.with_name(file.name + ".d")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if file.exists() and file.stat().st_mode & 0o020 and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o770)
        if file.exists() and os.geteuid() == 0:
            os.chown(folder, file.stat().st_uid, file.stat().st_gid)
    except OSError as error:
        raise StoreUnusable(f"{folder} can't be made: {error.strerror}") from error
    return folder


def _prepare_alone(file: Path, folder: Path, clock: Clock, random: Random) -> DamageReport | None:
    """Check, repair, make and migrate the file, and clear away what is left of processes that died."""
    damage.finish_repair(file, folder)
    mark = damage.Mark(folder)
    found = damage.examine(file, mark)
    report = None
    if found:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.now()))
        report = damage.repair(
            file, folder, found, store_id=_new_id(random), stamp=stamp, revision=_first_revision(clock)
        )
    connection = connect(file)
    try:
        migrate(connection, file)
        with writing(connection):
            _initialise(connection, clock, random)
            store_id, run = connection.execute("SELECT id, run FROM store").fetchone()
    finally:
        connection.close()
    mark.write(store_id, newest())
    if run:
        _clear(Path(run))
    return report


def _new_id(random: Random) -> str:
    return f"sqlite-{random.getrandbits(64):016x}"


def _first_revision(clock: Clock) -> int:
    """Unix microseconds: a store made anew under the same name gets no revision twice."""
    return int(clock.now() * 1e6)


def _initialise(connection: sqlite3.Connection, clock: Clock, random: Random) -> None:
    """Make the store's row; in an old store end the leases, whose holders are all dead."""
    if connection.execute("SELECT count(*) FROM store").fetchone() == (0,):
        first = _first_revision(clock)
        values = (_new_id(random), first, first)
        connection.execute("INSERT INTO store VALUES (1, ?, ?, ?, 0, '')", values)
        return
    transaction = Transaction(connection, "")
    for (lease,) in connection.execute("SELECT id FROM lease").fetchall():
        transaction.end(lease)
    transaction.finish()


def _clear(run: Path) -> None:
    """Remove the sockets and lock files in a run directory that nobody uses."""
    if run_directory.make(run):
        for left in run.iterdir():
            left.unlink(missing_ok=True)


def _open(file: Path, folder: Path, lock: int, report: DamageReport | None) -> Opened:
    writer = connect(file)
    try:
        version = version_of(writer, file)
        if version < newest():
            raise StoreUnusable(
                f"{file} is in use by an older busgate (schema {version}, this one needs {newest()}): "
                "stop the other busgate processes, then start this one again"
            )
        (store_id,) = writer.execute("SELECT id FROM store").fetchone()
        run = _run_directory(writer, store_id)
        room = Room(folder, file)
        return Opened(file, folder, lock, room, writer, connect(file), store_id, read_state(writer), run, report)
    except BaseException:
        writer.close()
        raise


def _run_directory(connection: sqlite3.Connection, store_id: str) -> Path:
    """The recorded run directory, or a new one, recorded."""
    with writing(connection):
        (recorded,) = connection.execute("SELECT run FROM store").fetchone()
        if recorded and run_directory.usable(Path(recorded)):
            return Path(recorded)
        run = run_directory.choose(store_id)
        connection.execute("UPDATE store SET run = ?", (str(run),))
        return run
