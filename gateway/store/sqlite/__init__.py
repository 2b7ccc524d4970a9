"""The embedded store: one SQLite file for the processes of one machine."""

from gateway.store.sqlite.damage import DamageReport
from gateway.store.sqlite.store import SqliteStore

__all__ = ["DamageReport", "SqliteStore"]
