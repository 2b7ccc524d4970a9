"""Entries of one store as a file, and from the file into another store, of any kind."""

from gateway.transfer.archive import Archive, ArchiveError
from gateway.transfer.export import export
from gateway.transfer.restore import NodesRun, Restored, restore

__all__ = ["Archive", "ArchiveError", "NodesRun", "Restored", "export", "restore"]
