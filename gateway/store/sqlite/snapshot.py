"""Automatic snapshots: a copy of the database that a repair falls back on."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING

from gateway.store.sqlite.connection import connect, explained
from gateway.store.sqlite.damage import SNAPSHOT, sync_directory
from gateway.store.sqlite.room import open_lock, try_lock

if TYPE_CHECKING:
    from pathlib import Path


def age(folder: Path, now: float) -> float:
    """Seconds since the last snapshot; infinite when there is none."""
    try:
        return now - (folder / SNAPSHOT).stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def take(file: Path, folder: Path) -> bool:
    """Copy the database as it is now. Blocks; False when another process is at it.

    Raises:
        StoreError: the database can't be read, or there is no room for the copy.
    """
    lock = open_lock(folder / "snapshot.lock", file)
    try:
        if not try_lock(lock, fcntl.LOCK_EX):
            return False
        draft = folder / "snapshot.new"
        draft.unlink(missing_ok=True)
        _copy(file, draft)
        draft.replace(folder / SNAPSHOT)
        sync_directory(folder)
        return True
    finally:
        os.close(lock)


def _copy(file: Path, draft: Path) -> None:
    try:
        connection = connect(file)
        try:
            connection.execute("VACUUM INTO ?", (os.fspath(draft),))
        finally:
            connection.close()
    except sqlite3.Error as error:
        draft.unlink(missing_ok=True)
        raise explained(error, file) from error
    with draft.open("rb") as copied:
        os.fsync(copied.fileno())
