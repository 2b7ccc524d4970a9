"""What can be done within a write transaction; each operation takes effect as a whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.errors import Conflict, Denied
from gateway.store.sqlite.rows import Row, checksum, read_row, read_state
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from gateway.path import Path
    from gateway.store.sqlite.heartbeat import Process

#: How many old deletions are forgotten in one transaction.
PURGED_AT_ONCE = 500


class Transaction:
    """One write transaction, in which several operations take effect, one after the other.

    Rows are collected and written together, which costs a fraction; of several for one path only the last is written.

    Args:
        member: who writes: the name of this store's lock file.
    """

    def __init__(self, connection: sqlite3.Connection, member: str) -> None:
        self.connection = connection
        self.member = member
        self.state = read_state(connection)
        self.revision = self.state.revision
        self.leases = self.state.leases
        self.changes: list[Row] = []
        self._collected: dict[str, tuple[Row, str | None]] = {}
        self._bound: dict[str, str] | None = None

    def find(self, key: str) -> Row | None:
        """The newest row of a path."""
        collected = self._collected.get(key)
        return collected[0] if collected else read_row(self.connection, key)

    def bound(self, key: str) -> str | None:
        """The lease that an entry is bound to."""
        if key in self._collected:
            return self._collected[key][1]
        if self._bound is None:
            self._bound = dict(self.connection.execute("SELECT key, lease FROM entry WHERE lease NOT NULL"))
        return self._bound.get(key)

    def put(self, key: str, value: bytes | None, lease: str | None = None) -> int:
        """Write a row with the next revision."""
        self.revision += 1
        row = Row(self.revision, key, value)
        self._collected[key] = row, lease
        self.changes.append(row)
        return self.revision

    def holder(self, lease: str) -> str | None:
        """The member that holds a lease; None when it is gone."""
        found = self.connection.execute("SELECT member FROM lease WHERE id = ?", (lease,)).fetchone()
        return found[0] if found else None

    def end(self, lease: str) -> None:
        """Delete what is bound to a lease, and the lease."""
        self._write()
        bound = self.connection.execute("SELECT key FROM entry WHERE lease = ? ORDER BY key", (lease,)).fetchall()
        for (key,) in bound:
            self.put(key, None)
        self.connection.execute("DELETE FROM lease WHERE id = ?", (lease,))
        self.leases += 1

    def finish(self) -> None:
        """Write what is left; to be called before the commit."""
        self._write()
        if self.leases != self.state.leases:
            self.connection.execute("UPDATE store SET leases = ?", (self.leases,))

    def _write(self) -> None:
        if self._collected:
            self.connection.executemany(
                "INSERT OR REPLACE INTO entry (revision, key, value, lease, crc) VALUES (?, ?, ?, ?, ?)",
                [(*row, lease, checksum(*row)) for row, lease in self._collected.values()],
            )
            self._collected.clear()
            self._bound = None


class Operation(Protocol):
    """Something to do in a write transaction. It raises ``StoreError`` only before it has written anything."""

    def apply(self, transaction: Transaction) -> int: ...


class Write(NamedTuple):
    """Set or, with no ``value``, delete one entry; gives the revision, 0 when there was nothing to delete."""

    path: Path
    value: bytes | None
    expected: int | None
    lease: str | None

    def apply(self, transaction: Transaction) -> int:
        key = self.path.key
        if self.lease is not None and transaction.holder(self.lease) != transaction.member:
            raise Denied(f"lease {self.lease} has run out or was never entered: nothing can be bound to it")
        if self.expected is not None or self.value is None:
            row = transaction.find(key)
            found = row.revision if row and row.value is not None else 0
            if self.expected not in (None, found):
                current = row.entry(self.path) if row else Entry(self.path, NotGiven, 0)
                raise Conflict(self.path, self.expected or 0, current)
            if self.value is None and not found:
                return 0
        bound = transaction.bound(key)
        written = transaction.put(key, self.value, self.lease)
        if bound is not None:
            _unbind(transaction, bound)
        return written


def _unbind(transaction: Transaction, lease: str) -> None:
    """After a write to an entry bound to a lease: if it was another's, that one's lease ends with it."""
    holder = transaction.holder(lease)
    if holder is not None and holder != transaction.member:
        transaction.end(lease)


@dataclass(frozen=True, slots=True)
class Grant:
    """Enter a lease."""

    id: str
    ttl: float
    process: Process

    def apply(self, transaction: Transaction) -> int:
        process = self.process
        transaction.connection.execute(
            "INSERT INTO lease (id, ttl, member, boot, namespace, pid, started) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.id, self.ttl, transaction.member, process.boot, process.namespace, process.pid, process.started),
        )
        transaction.leases += 1
        return 0


@dataclass(frozen=True, slots=True)
class End:
    """End a lease if it is still there and ``allowed`` still says so; gives whether it did."""

    id: str
    allowed: Callable[[], bool] = lambda: True

    def apply(self, transaction: Transaction) -> int:
        if transaction.holder(self.id) is None or not self.allowed():
            return False
        transaction.end(self.id)
        return True


@dataclass(frozen=True, slots=True)
class Confirm:
    """Whether a lease is there, after all writes before this one."""

    id: str

    def apply(self, transaction: Transaction) -> int:
        return transaction.holder(self.id) is not None


@dataclass(frozen=True, slots=True)
class Probe:
    """Write something that changes nothing, to learn whether writing works."""

    def apply(self, transaction: Transaction) -> int:
        transaction.connection.execute("UPDATE store SET floor = floor")
        return 0


@dataclass(frozen=True, slots=True)
class Move:
    """Record another run directory, unless somebody else has; the recorded one is then read anew."""

    old: str
    new: str

    def apply(self, transaction: Transaction) -> int:
        return transaction.connection.execute("UPDATE store SET run = ? WHERE run = ?", (self.new, self.old)).rowcount


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget deletions older than ``horizon`` s, as far as marks tell their age; gives how many it forgot."""

    now: float  # Unix seconds
    horizon: float

    def apply(self, transaction: Transaction) -> int:
        connection = transaction.connection
        # a mark from the future was made before the clock was set back
        connection.execute("UPDATE mark SET time = ?1 WHERE time > ?1", (self.now,))
        end = self.now - self.horizon
        (upto,) = connection.execute("SELECT max(revision) FROM mark WHERE time <= ?", (end,)).fetchone()
        connection.execute("INSERT INTO mark (time, revision) VALUES (?, ?)", (self.now, transaction.revision))
        if upto is None:
            return 0
        forgotten = connection.execute(
            "DELETE FROM entry WHERE revision IN"
            " (SELECT revision FROM entry WHERE value IS NULL AND revision <= ? ORDER BY revision LIMIT ?)"
            " RETURNING revision",
            (min(upto, transaction.state.revision - 1), PURGED_AT_ONCE),  # the newest row is the counter
        ).fetchall()
        if forgotten:
            connection.execute("UPDATE store SET floor = ?", (max(revision for (revision,) in forgotten),))
        connection.execute("DELETE FROM mark WHERE revision < ?", (upto,))
        return len(forgotten)
