"""Brings a database file to the newest schema: the numbered files in ``schema/``, each applied once.

Theory of operation
-------------------
1. ``PRAGMA user_version`` is the number of the newest file applied; 0: an empty database.
2. All missing files are applied in one transaction, so an interrupted migration has not happened.
3. Only who has the store to itself migrates (see :mod:`gateway.store.sqlite.opening`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import StoreUnusable
from gateway.store.sqlite.connection import APPLICATION_ID, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = Path(__file__).parent / "schema"


def newest(schema: Path = SCHEMA) -> int:
    """The number of the newest schema file."""
    return max(_files(schema))


def version_of(connection: sqlite3.Connection, file: Path, schema: Path = SCHEMA) -> int:
    """The schema version of a database.

    Raises:
        StoreUnusable: it is no store, or a newer busgate wrote it.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise StoreUnusable(f"{file} is a database of another program: name another file")
    if version > newest(schema):
        raise StoreUnusable(
            f"{file} was written by a newer busgate (schema {version}, this one knows {newest(schema)}): "
            "upgrade busgate"
        )
    return version


def migrate(connection: sqlite3.Connection, file: Path, schema: Path = SCHEMA) -> None:
    """Apply the schema files that are missing, all or none.

    Raises:
        StoreUnusable: as :func:`version_of`.
    """
    with writing(connection):
        version = version_of(connection, file, schema)
        missing = {number: script for number, script in sorted(_files(schema).items()) if number > version}
        for script in missing.values():
            for statement in _statements(script.read_text()):
                connection.execute(statement)
        if missing:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {max(missing)}")


def _files(schema: Path) -> dict[int, Path]:
    return {int(file.stem): file for file in schema.glob("*.sql")}


def _statements(script: str) -> Iterator[str]:
    """The single statements of a script; ``executescript`` would commit before it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
