"""Finds damage in a database file and repairs it: what can be read, then the last snapshot.

Theory of operation
-------------------
1. Only who has proved that nobody else has the store open comes here (:mod:`gateway.store.sqlite.opening`).
2. Damage is what SQLite calls corrupt, a row whose checksum is wrong, or a file that was a store, as its mark tells,
   and can't be read as one any more.
   A full disk, a lock, missing permissions and I/O errors are never damage.
3. The damaged file is copied aside first. The new file is built beside and takes its final name ``repaired.db`` only
   when it is complete; then the log of the old file is removed and the new file takes its place. A repair that is
   interrupted before that name begins again; after it, it is finished at the next start.
4. The new file has a new id and a higher revision counter, so whoever resumes by revision gets everything anew.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.errors import StoreUnusable
from gateway.path import Path as StorePath
from gateway.store.sqlite.connection import ENVIRONMENT, code_of, explained
from gateway.store.sqlite.migration import newest, version_of
from gateway.store.sqlite.rows import is_sound
from gateway.store.sqlite.salvage import Salvage, build, rescue

if TYPE_CHECKING:
    from pathlib import Path

#: Files up to this size, in bytes, are checked at every first opening; larger ones after an unclean end only.
CHECKED_SIZE = 64 * 1024 * 1024
#: Room that a second change of the revision counter leaves to revisions that got lost.
REVISION_GAP = 1_000_000


@dataclass(frozen=True, slots=True)
class DamageReport:
    """What was wrong with a store's file, and what has become of its content."""

    file: Path
    found: str  # what was wrong
    set_aside: Path  # directory with the damaged file
    saved: int  # entries read from the damaged file
    from_snapshot: int  # entries taken from the last snapshot; they may be old, or have been deleted since
    lost: tuple[StorePath, ...]  # entries that are known to be missing
    complete: bool  # everything could be read from the damaged file

    def __str__(self) -> str:
        missing = "nothing is missing" if self.complete else f"{len(self.lost)} entries are known to be missing"
        return (
            f"{self.file} was damaged ({self.found}): {self.saved} entries were saved from it, "
            f"{self.from_snapshot} taken from the last snapshot, {missing}; the damaged file is in {self.set_aside}"
        )


class Mark:
    """A file that tells that a database has been a store, which one, and of which schema version."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "id"
        words = self._file.read_text().split() if self._file.exists() else []
        self.id = words[0] if words else ""
        self.version = int(words[1]) if words[1:] and words[1].isdigit() else 0

    def write(self, store_id: str, version: int) -> None:
        if (store_id, version) != (self.id, self.version):
            self._file.write_text(f"{store_id} {version}\n")


def examine(file: Path, mark: Mark) -> str:
    """What is wrong with a file, in words; an empty text when nothing is.

    Raises:
        StoreUnusable: it is no store, is a newer one, or can't be opened.
    """
    if not file.exists():
        return ""
    if mark.id and (wrong := _examine_header(file)):
        return wrong
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)  # another program's is left as it is
        try:
            return _examine(connection, file, mark)
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if isinstance(error, sqlite3.Error) and code_of(error) in ENVIRONMENT:
            raise StoreUnusable(str(explained(error, file))) from error
        if not mark.id:
            raise StoreUnusable(f"{file} is no store of busgate ({error}): name another file") from error
        return str(error)


def _examine_header(file: Path) -> str:
    """Look at what SQLite would take for another kind of file (sqlite.org/fileformat2.html, 1.3)."""
    with file.open("rb") as opened:
        header = opened.read(100)
    if not header:
        return "the file is empty"
    if not header.startswith(b"SQLite format 3\0") or header[18:20] != b"\2\2":
        return "its header is not that of a database with a write-ahead log"
    return ""


def _examine(connection: sqlite3.Connection, file: Path, mark: Mark) -> str:
    try:
        version = version_of(connection, file)
    except StoreUnusable:
        if mark.version > newest() or not _is_marked(connection, mark):
            raise
        return "its header names another program or version"
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        return "its header names no version"
    if version == 0 or not _needs_check(file):
        return ""
    findings = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if findings != ["ok"]:
        return "; ".join(findings)
    if connection.execute("SELECT count(*) FROM store").fetchone() != (1,):
        return "the row of the table store is missing"
    rows = connection.execute("SELECT revision, key, value, crc FROM entry")
    wrong = sum(not is_sound(row) for row in rows)
    return f"{wrong} entries have a wrong checksum" if wrong else ""


def _is_marked(connection: sqlite3.Connection, mark: Mark) -> bool:
    try:
        return bool(connection.execute("SELECT id FROM store").fetchone() == (mark.id,))
    except sqlite3.Error:
        return False


def _needs_check(file: Path) -> bool:
    log = wal_of(file)
    return file.stat().st_size <= CHECKED_SIZE or (log.exists() and log.stat().st_size > 0)


def wal_of(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def repair(file: Path, folder: Path, found: str, *, store_id: str, stamp: str, revision: int) -> DamageReport:
    """Set a damaged file aside and put a new one in its place.

    Args:
        folder: the directory of the store's own files.
        found: what is wrong with it.
        store_id: the id of the new store.
        stamp: names the directory of the damaged file.
        revision: where the new store's counter begins at the least.

    Raises:
        StoreUnusable: there is no room for it.
    """
    aside = folder / f"damaged-{stamp}"
    try:
        aside.mkdir(exist_ok=True)
        for source in (file, wal_of(file)):
            if source.exists():
                _copy(source, aside / source.name)
        damaged = rescue(aside / file.name)
        snapshot = rescue(folder / SNAPSHOT) if not damaged.complete else Salvage()
        draft = folder / "repaired.new"
        _remove(draft)
        entries = {**snapshot.entries, **damaged.entries}
        newest = max(damaged.revision, snapshot.revision) + REVISION_GAP
        build(draft, entries, store_id, max(newest, revision))
        draft.rename(folder / REPAIRED)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(
            f"{file} is damaged ({found}) and can't be repaired: {error}; it was left as it is"
        ) from error
    finish_repair(file, folder)
    return DamageReport(
        file,
        found,
        aside,
        saved=damaged.live(),
        from_snapshot=sum(row[2] is not None for key, row in snapshot.entries.items() if key not in damaged.entries),
        lost=tuple(StorePath.from_key(key) for key in sorted(set(damaged.lost.values()) - entries.keys())),
        complete=damaged.complete,
    )


SNAPSHOT = "snapshot.db"
REPAIRED = "repaired.db"


def finish_repair(file: Path, folder: Path) -> None:
    """Put a repaired file, if there is one, in its place."""
    repaired = folder / REPAIRED
    if repaired.exists():
        _remove(file, main=False)
        repaired.replace(file)
        sync_directory(file.parent)


def _remove(file: Path, *, main: bool = True) -> None:
    """Remove a database's log and, with ``main``, the database."""
    for suffix in ("-wal", "-shm", *([""] if main else [])):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target)
    with target.open("rb") as copied:
        os.fsync(copied.fileno())


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
