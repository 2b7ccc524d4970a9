"""The reference store: short, in memory, shared by the nodes of one process, with faults on demand."""

from gateway.store.memory.faults import Faults
from gateway.store.memory.server import MemoryServer, Record
from gateway.store.memory.store import MemoryStore

__all__ = ["Faults", "MemoryServer", "MemoryStore", "Record"]
