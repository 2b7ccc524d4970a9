"""What goes wrong on one connection to a memory store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """May be changed at any time. Times in seconds of the event loop; chances from 0 to 1, from the store's Random.

    A break of the connection is :meth:`~gateway.store.memory.MemoryStore.cut`; a mass expiry is
    :meth:`~gateway.store.memory.MemoryServer.expire_all`.
    """

    #: Time that a request takes, and again its reply.
    delay: float = 0.0
    #: Chance that a request doesn't arrive: nothing happens, the call raises ``Uncertain`` (a read: ``Detached``).
    lost_request: float = 0.0
    #: Chance that a reply doesn't arrive: the write has happened, the call raises the same.
    lost_reply: float = 0.0
    #: Chance that a write is held up on its way, for ``lateness`` seconds: it happens after its call has raised
    #: ``Uncertain``, even if the connection has broken or its holder has died meanwhile.
    late: float = 0.0
    #: To be longer than ``timeout``.
    lateness: float = 3.0
    #: Time after which a call gives up waiting for its reply.
    timeout: float = 1.0
    #: Chance that ``get`` gives the value before the last, unless this connection knows better by its own writes.
    stale_get: float = 0.0
    #: Time that watches lag behind.
    lag: float = 0.0
