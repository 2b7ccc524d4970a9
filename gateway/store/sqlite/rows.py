"""Rows of the table of entries: how they are checked, found and read."""

from __future__ import annotations

import zlib
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway import codec
from gateway.errors import StoreUnusable
from gateway.store.sqlite.connection import reading
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.path import Path


class Row(NamedTuple):
    """The newest write of one path; no ``value``: it was a deletion."""

    revision: int
    key: str
    value: bytes | None

    def decoded(self) -> Any:
        return NotGiven if self.value is None else codec.decode(self.value)

    def entry(self, path: Path) -> Entry:
        return Entry(path, self.decoded(), 0 if self.value is None else self.revision)


class Page(NamedTuple):
    """Rows in the order of revisions; everything up to ``upto`` is among them."""

    rows: list[Row]
    upto: int
    state: State


class State(NamedTuple):
    """What may change of the store as a whole."""

    revision: int  # the newest one given out
    floor: int
    leases: int


class Range(NamedTuple):
    """A subtree, in these depths below ``root`` (a key); a negative ``max_depth`` is no bound."""

    root: str
    min_depth: int
    max_depth: int

    def takes(self, key: str) -> bool:
        depth = depth_of(key) - depth_of(self.root)
        return self.min_depth <= depth and (self.max_depth < 0 or depth <= self.max_depth)


def depth_of(key: str) -> int:
    return key.count(".") + 1 if key else 0


def checksum(revision: int, key: str, value: bytes | None) -> int:
    return zlib.crc32(value or b"", zlib.crc32(f"{revision} {key}".encode()))


def is_sound(found: Sequence[Any]) -> bool:
    """Whether (revision, key, value, crc) is what was written."""
    revision, key, value, crc = found
    return (
        type(key) is str
        and (value is None or type(value) is bytes)
        and type(revision) is int
        and crc == checksum(revision, key, value)
    )


def checked(found: Sequence[Any]) -> Row:
    """The row of (revision, key, value, crc); StoreUnusable when it is damaged."""
    if not is_sound(found):
        raise StoreUnusable(
            f"the entry {found[1]!r} of revision {found[0]} is damaged: "
            "stop every busgate process that uses this store; the next start repairs it"
        )
    return Row(found[0], found[1], found[2])


def read_state(connection: sqlite3.Connection) -> State:
    return State(
        *connection.execute(
            "SELECT max(first, ifnull((SELECT max(revision) FROM entry), 0)), floor, leases FROM store"
        ).fetchone()
    )


def read_run(connection: sqlite3.Connection) -> str:
    """The recorded run directory; empty: none."""
    return str(connection.execute("SELECT run FROM store").fetchone()[0])


def read_row(connection: sqlite3.Connection, key: str) -> Row | None:
    found = connection.execute("SELECT revision, key, value, crc FROM entry WHERE key = ?", (key,)).fetchone()
    return checked(found) if found else None


def read_page(
    connection: sqlite3.Connection, after: int, limit: int, ranges: Sequence[Range] | None = None, *, rows: bool = True
) -> Page:
    """The next rows after a revision, of all paths or of these ranges; without ``rows`` only the state."""
    with reading(connection):
        state = read_state(connection)
        if not rows or state.revision <= after:
            return Page([], max(after, state.revision), state)
        where, values = _within(ranges, "+key") if ranges is not None else ("1", [])
        found = connection.execute(
            f"SELECT revision, key, value, crc FROM entry WHERE revision > ? AND {where} ORDER BY revision LIMIT ?",
            (after, *values, limit),
        ).fetchall()
    page = [checked(row) for row in found]
    return Page(page, page[-1].revision if len(page) == limit else state.revision, state)


def read_tree(
    connection: sqlite3.Connection, ranges: Iterable[Range], condition: str = "value NOT NULL"
) -> Iterator[Row]:
    """Rows of these ranges depth-first, each once; the caller keeps a read transaction open meanwhile."""
    last = None
    cursors = [_cursor(connection, part, condition) for part in dict.fromkeys(ranges)]
    for row in merge(*cursors, key=itemgetter(1)):
        if row[1] != last:
            last = row[1]
            yield checked(row)


def _cursor(connection: sqlite3.Connection, part: Range, condition: str) -> Iterator[Sequence[Any]]:
    where, values = _within([part], "key")
    return connection.execute(
        f"SELECT revision, key, value, crc FROM entry WHERE {where} AND {condition} ORDER BY key",
        values,
    )


def _within(ranges: Sequence[Range], column: str) -> tuple[str, list[Any]]:
    """A condition for keys in these ranges; "/" is the character after ".", which separates the elements of a key."""
    clauses, values = [], []
    for part in ranges:
        clause = "1"
        if part.root:
            clause = f"({column} = ? OR {column} > ? AND {column} < ?)"
            values += [part.root, part.root + ".", part.root + "/"]
        depth = depth_of(part.root)
        if part.min_depth > 0:
            clause += f" AND {_DEPTH} >= {depth + part.min_depth}"
        if part.max_depth >= 0:
            clause += f" AND {_DEPTH} <= {depth + part.max_depth}"
        clauses.append(f"({clause})")
    return f"({' OR '.join(clauses)})", values


_DEPTH = "(CASE WHEN key = '' THEN 0 ELSE length(key) - length(replace(key, '.', '')) + 1 END)"
