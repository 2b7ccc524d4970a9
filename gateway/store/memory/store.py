"""One node's connection to a memory store."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
import anyio.lowlevel

from gateway import codec
from gateway.abc import MAX_MESSAGE, MAX_VALUE, Lease, Store
from gateway.errors import Detached, StoreError, Uncertain
from gateway.store.held_lease import HeldLease
from gateway.store.limits import check_key, packed
from gateway.store.memory.faults import Faults
from gateway.store.memory.subscription import MemorySubscription
from gateway.store.memory.watch import MemoryWatch
from gateway.values import Entry, Link, Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from random import Random
    from types import TracebackType

    from gateway.clock import Clock
    from gateway.path import Path
    from gateway.store.memory.server import MemoryServer

Answer = TypeVar("Answer")

#: Time without a server, in s, after which an uncertain link counts as detached.
DETACHED_AFTER = 2.0


class MemoryStore(Store):
    """A connection with faults of its own. To kill a node: :meth:`cut` its connection, then cancel its tasks.

    Args:
        server: what is shared with the other nodes.
        clock: the node's; faults and the server itself live in the time of the event loop.
        random: decides when faults strike.
        node: goes into the names of senders and leases.
    """

    def __init__(self, server: MemoryServer, *, clock: Clock, random: Random, node: str = "") -> None:
        self.id = server.id
        self.clock = clock
        self.random = random
        self.faults = Faults()
        self.name = f"{node or 'client'}-{random.getrandbits(48):012x}"
        self._server = server
        self._link = Link("detached", clock.lease_now())
        self._link_changed = anyio.Event()
        self._break = anyio.Event()  # set when the connection breaks
        self._streams: dict[MemoryWatch | MemorySubscription, None] = {}
        self._acknowledged: dict[str, int] = {}
        self._numbers: dict[Path, int] = {}

    @property
    def link(self) -> Link:
        return self._link

    async def wait_link(self, seen: Link) -> Link:
        await anyio.lowlevel.checkpoint()
        while self._link.state == seen.state:
            await self._link_changed.wait()
        return self._link

    def cut(self) -> None:
        """Break the connection: calls under way fail, new ones raise ``Detached``, watches fall silent."""
        if self._link.state != "connected":
            return
        self._break.set()
        for stream in self._streams:
            stream.disconnect()
        self._set_link("uncertain")
        self.tasks.start_soon(self._detach, self._link)

    def mend(self, resync: str = "") -> None:
        """Connect again. Watches resume where they were or, with ``resync`` as the reason, are resynchronised."""
        if self._link.state == "connected":
            return
        self._break = anyio.Event()
        for stream in self._streams:
            stream.reconnect(resync)
        self._set_link("connected")

    async def _detach(self, seen: Link) -> None:
        await anyio.sleep(DETACHED_AFTER)
        if self._link is seen:
            self._set_link("detached")

    def _set_link(self, state: Any) -> None:
        self._link = Link(state, self.clock.lease_now())
        self._link_changed.set()
        self._link_changed = anyio.Event()

    async def get(self, path: Path) -> Entry:
        return await self._request(lambda: self._read(path), writes=False)

    def _read(self, path: Path) -> Entry:
        record = self._server.read(path)
        if self._strikes(self.faults.stale_get):
            older = self._server.read_previous(path)
            if older.revision >= self._acknowledged.get(path.key, 0):
                record = older
        return record.entry()

    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        data = packed(value, MAX_VALUE)
        return await self._write(path, data, revision, lease.id if lease else None)

    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        return await self._write(path, None, revision)

    async def _write(self, path: Path, data: bytes | None, revision: int | None, lease: str | None = None) -> int:
        check_key(path)
        written = await self._request(
            lambda: self._server.write(path, data, writer=self.name, revision=revision, lease=lease)
        )
        self._acknowledged[path.key] = max(written, self._acknowledged.get(path.key, 0))
        return written

    async def _request(self, operation: Callable[[], Answer], *, writes: bool = True) -> Answer:
        """Do something at the server, with what may go wrong on the way there and back."""
        self._check_link()
        failure = Uncertain("no reply: it may or may not have been written") if writes else Detached("no reply")
        if writes and self._strikes(self.faults.late):
            self._server.receive_later(operation, self.faults.lateness)
            await self._travel(1.0, failure)
        await self._travel(self.faults.lost_request, failure)
        try:
            return operation()
        finally:
            if self.faults.delay or self.faults.lost_reply:
                await self._travel(self.faults.lost_reply, failure)

    def _check_link(self) -> None:
        if self._break.is_set():
            raise Detached("the connection to the store is broken")
        if self._link.state != "connected":
            raise Detached("the store is not open")

    async def _travel(self, loss: float, failure: StoreError) -> None:
        """One way between node and server; raises ``failure`` when it gets lost there."""
        lost = self._strikes(loss)
        broken = self._break
        await anyio.lowlevel.checkpoint()
        if lost or self.faults.delay > 0:
            with anyio.move_on_after(self.faults.timeout if lost else self.faults.delay):
                await broken.wait()
        if lost or broken.is_set():
            raise failure

    def _strikes(self, chance: float) -> bool:
        return chance > 0 and self.random.random() < chance

    @asynccontextmanager
    async def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AsyncIterator[MemoryWatch]:
        watch = MemoryWatch(self._server, (path, *more), min_depth, max_depth, self.faults)
        self._streams[watch] = None
        try:
            await self._request(lambda: watch.start(fetch, since), writes=False)
            yield watch
        finally:
            watch.end()
            del self._streams[watch]

    def lease(self, ttl: float) -> Lease:
        return HeldLease(self, self, f"{self.name}-{self.random.getrandbits(48):012x}", ttl)

    async def grant(self, lease: Lease) -> None:
        await self._request(lambda: self._server.grant(lease.id, self.name, lease.ttl))

    async def renew(self, lease: Lease) -> bool:
        return await self._request(lambda: self._server.renew(lease.id))

    async def release(self, lease: Lease) -> None:
        """End a lease as well as the connection allows."""
        try:
            await self._request(lambda: self._server.end(lease.id))
        except (Detached, Uncertain):
            return

    async def publish(self, topic: Path, value: Any) -> None:
        check_key(topic)
        data = packed(value, MAX_MESSAGE)
        self._check_link()
        lost = self._strikes(self.faults.lost_request)
        await self._travel(0.0, Detached("the connection broke before the message was sent"))
        number = self._numbers[topic] = self._numbers.get(topic, 0) + 1
        if not lost:
            self._server.publish(Message(topic, codec.decode(data), self.name, number))

    @asynccontextmanager
    async def subscribe(self, topic: Path, *, queue: int = 1000) -> AsyncIterator[MemorySubscription]:
        subscription = MemorySubscription(queue)
        self._streams[subscription] = None
        try:
            await self._request(lambda: self._server.subscribe(topic, subscription), writes=False)
            yield subscription
        finally:
            self._server.unsubscribe(topic, subscription)
            del self._streams[subscription]

    async def __aenter__(self) -> Self:
        self.tasks = await anyio.create_task_group().__aenter__()
        self.tasks.start_soon(self._server.run_expiry, name=f"lease expiry of {self.name}")
        self._set_link("connected")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.tasks.cancel_scope.cancel()  # first, so that its tasks see no closed stream
        for stream in self._streams:
            stream.end()
        self._set_link("detached")
        if isinstance(error, anyio.get_cancelled_exc_class()):
            await self.tasks.__aexit__(kind, error, traceback)
        else:  # an error of the body leaves as it is, not within a group
            await self.tasks.__aexit__(None, None, None)
