"""Reads what can be read from a damaged database file, and builds a new one from it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.path import Path as StorePath
from gateway.store.sqlite.connection import connect, writing
from gateway.store.sqlite.migration import migrate
from gateway.store.sqlite.rows import Row, checksum, is_sound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The key is read as bytes, or a damaged one would end the whole sweep.
_COLUMNS = "revision, CAST(key AS BLOB), value, crc, lease"
#: The index that SQLite makes for the unique key.
_INDEX = "sqlite_autoindex_entry_1"


@dataclass(slots=True)
class Salvage:
    """What was read: the sound entries by key, without those bound to a lease (nobody renews it any more)."""

    entries: dict[str, Row] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)  # keys of rows that are there but wrong, by their number
    revision: int = 0
    broken: bool = False  # there may be rows that were not even seen

    @property
    def complete(self) -> bool:
        """Whether every row that was in the file has been read."""
        return not self.broken and not self.lost

    def live(self) -> int:
        return sum(row.value is not None for row in self.entries.values())

    def take(self, found: Any, raw: Any = None) -> None:
        """Take over a row of ``_COLUMNS`` if it is sound, perhaps with the key that the index has for it."""
        revision, own, value, crc, lease = found
        keys = [key for key in (_key(own), _key(raw)) if key is not None]
        for key in keys:
            if is_sound((revision, key, value, crc)):
                self.revision = max(self.revision, revision)
                self.lost.pop(revision, None)
                if lease is None:
                    self.entries[key] = Row(revision, key, value)
                return
        if keys:
            self.lost[revision] = keys[-1]
        else:
            self.broken = True


def _key(raw: Any) -> str | None:
    """A key as it is in the database; None when it is none."""
    try:
        key = bytes(raw).decode("ascii")
        return key if StorePath.from_key(key).key == key else None
    except (ValueError, TypeError, LookupError):
        return None


def rescue(file: Path) -> Salvage:
    """Read every entry that can be reached, in several ways; changes nothing in the file."""
    salvage = Salvage()
    if not file.exists():
        return salvage
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        _rescue(connection, salvage)
    finally:
        connection.close()
    return salvage


def _rescue(connection: sqlite3.Connection, salvage: Salvage) -> None:
    for order in ("ASC", "DESC"):
        for found in _sweep(connection, salvage, f"SELECT {_COLUMNS} FROM entry NOT INDEXED ORDER BY revision {order}"):
            salvage.take(found)
        if salvage.complete:
            break  # the sweep came to the end, and every row was sound
    for (newest,) in _sweep(connection, salvage, "SELECT first FROM store"):
        salvage.revision = max(salvage.revision, newest if isinstance(newest, int) else 0)
    if not salvage.complete:
        _rescue_by_index(connection, salvage)


def _rescue_by_index(connection: sqlite3.Connection, salvage: Salvage) -> None:
    """Reach rows behind a damaged page: the index of keys has their revisions, and each leads to its row."""
    seen: set[int] = {row.revision for row in salvage.entries.values()}
    for order in ("ASC", "DESC"):
        index = f"SELECT CAST(key AS BLOB), revision FROM entry INDEXED BY {_INDEX} ORDER BY key {order}"
        for raw, revision in _sweep(connection, salvage, index):
            if revision in seen:
                continue
            seen.add(revision)
            rows = list(_sweep(connection, salvage, f"SELECT {_COLUMNS} FROM entry WHERE revision = {int(revision)}"))
            for found in rows:
                salvage.take(found, raw)
            if not rows and (key := _key(raw)) is not None:
                salvage.lost[revision] = key


def _sweep(connection: sqlite3.Connection, salvage: Salvage, query: str) -> Iterator[Any]:
    """Rows up to the first that can't be read."""
    try:
        yield from connection.execute(query)
    except (sqlite3.Error, UnicodeDecodeError):
        salvage.broken = True


def build(file: Path, entries: dict[str, Row], store_id: str, revision: int) -> None:
    """Make a new database with these entries. Its counter begins at ``revision``, and so do its deletions."""
    connection = connect(file)
    try:
        migrate(connection, file)
        with writing(connection):
            connection.execute("INSERT INTO store VALUES (1, ?, ?, ?, 0, '')", (store_id, revision, revision))
            connection.executemany(
                "INSERT INTO entry (revision, key, value, crc) VALUES (?, ?, ?, ?)",
                (
                    (row.revision, row.key, row.value, checksum(row.revision, row.key, row.value))
                    for row in entries.values()
                    if row.value is not None
                ),
            )
    finally:
        connection.close()
