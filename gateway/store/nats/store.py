"""The distributed store: a bucket in the JetStream of NATS servers, reached from several machines.

Theory of operation
-------------------
1. A connection keeps a session with one of the servers (:mod:`~gateway.store.nats.connection`). Without one, every
   call raises ``Detached`` at once.
2. Entries are messages of one stream (:mod:`~gateway.store.nats.entries`), leases are entries with a time to live
   (:mod:`~gateway.store.nats.leases`), each watch has a consumer (:mod:`~gateway.store.nats.following`), messages are
   core NATS (:mod:`~gateway.store.nats.topics`).
3. ``_inner`` holds what works for the store: it ends after ``tasks``, so that whoever lives there can still write.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import anyio
import anyio.lowlevel

from gateway.abc import MAX_MESSAGE, MAX_VALUE, Lease, Store
from gateway.errors import Detached, StoreUnusable
from gateway.store.held_lease import HeldLease
from gateway.store.limits import check_key, packed
from gateway.store.link import LinkState
from gateway.store.nats.bucket import Bucket
from gateway.store.nats.connection import Connection
from gateway.store.nats.credentials import readable_by_others
from gateway.store.nats.diagnosis import Diagnosis
from gateway.store.nats.entries import Entries
from gateway.store.nats.following import Follower
from gateway.store.nats.leases import Leases
from gateway.store.nats.subjects import Subjects, token
from gateway.store.nats.topics import Topics
from gateway.store.nats.watching import PENDING, Watch
from gateway.store.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from random import Random
    from types import TracebackType

    from anyio.abc import TaskGroup

    from gateway.clock import Clock
    from gateway.doctor.finding import Finding
    from gateway.locations import Writable
    from gateway.path import Path
    from gateway.store.nats.session import Session
    from gateway.store.options import StoreOptions
    from gateway.values import Entry, Link, Message, WatchEvent

#: How long a new bucket remembers deletions, in s.
HORIZON: Final = 24 * 3600.0
#: Seconds for which servers are looked for when a store is opened that isn't to wait for them.
PATIENCE: Final = 5.0
#: Seconds between renewals of a lease of ``lease_ttl``.
RENEWAL: Final = 3.0


class NatsStore(Store):
    """A connection to the servers of one bucket; runs on asyncio alone, as nats-py does.

    Args:
        servers: URLs of one host each, such as ``nats://host:4222``.
        bucket: its name; made when there is none.
        options: user, TLS, replicas.
        clock: for times of leases.
        random: for ids and waits.
        node: goes into the names of senders, leases and consumers.
        wait: whether entering it waits for servers that aren't there; else it gives up after ``PATIENCE``.
        horizon: how long a new bucket remembers deletions, in s.
        backlog: how many changes may wait in one watch.

    Entering it raises ``Detached`` when no server can be reached, ``StoreUnusable`` when the servers or the bucket
    can't be used, ``Denied`` when this user may not.
    """

    #: A leader of the servers is chosen within 4 to 9 s (nats-server, server/raft.go): a lease has to outlive that.
    lease_ttl = 20.0
    lease_margin = 2.0

    def __init__(
        self,
        servers: Sequence[str],
        bucket: str,
        options: StoreOptions,
        *,
        clock: Clock,
        random: Random,
        node: str = "",
        wait: bool = False,
        horizon: float = HORIZON,
        backlog: int = PENDING,
    ) -> None:
        self.id = ""
        self.clock = clock
        self.random = random
        self.name = f"{node or 'client'}-{random.getrandbits(48):012x}"
        #: Seconds for which deletions count as remembered by this store's watches; None: as the bucket says.
        self.horizon: float | None = None
        self._wait = wait
        self._backlog = backlog
        self._log = logging.getLogger("busgate.store")
        self._node = node
        self._token = token(node)
        self._options = options
        self._servers = list(servers)
        self._subjects = Subjects(bucket)
        self._link = LinkState(clock)
        self._connection = Connection(
            self._servers,
            options,
            bucket=Bucket(self._subjects, options, horizon, clock, self._log),
            link=self._link,
            clock=clock,
            random=random,
            log=self._log,
            who=self._token,
            name=f"busgate {self.name}",
            restore=self._restore,
        )
        self._entries = Entries(self._connection, self._subjects, options.who)
        self._leases = Leases(self._connection, self._entries)
        self._topics = Topics(self._connection, self._subjects, self.name, options.who)
        self._streams: dict[Watch | Subscription, None] = {}
        self._closed = True

    @property
    def link(self) -> Link:
        return self._link.link

    async def wait_link(self, seen: Link) -> Link:
        return await self._link.wait(seen)

    async def get(self, path: Path) -> Entry:
        self._check_open()
        return await self._entries.get(path)

    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        data = packed(value, MAX_VALUE)
        check_key(path)
        self._check_open()
        return await self._leases.set(path, data, revision, lease)

    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        check_key(path)
        self._check_open()
        return await self._leases.delete(path, revision)

    @asynccontextmanager
    async def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        self._check_open()
        roots = [root.key for root in (path, *more)]
        watch = Watch(roots, min_depth, max_depth, self._log, self._backlog)
        filters = self._subjects.filters(roots, min_depth, max_depth)
        follower = Follower(
            watch,
            self,
            self._entries.saw,
            self._connection,
            self._subjects,
            filters,
            self._token,
            self._log,
            self._remembered,
        )
        self._streams[watch] = None
        try:
            await follower.begin(fetch=fetch, since=since)
            self._inner.start_soon(follower.run, name=f"watch of {path}")
            yield watch
        finally:
            watch.end()
            follower.end()
            del self._streams[watch]

    def lease(self, ttl: float) -> Lease:
        lease_id = f"{self.name}-{self.random.getrandbits(48):012x}"
        return HeldLease(self, self._leases, lease_id, ttl, renewals=self.lease_ttl / RENEWAL)

    async def publish(self, topic: Path, value: Any) -> None:
        check_key(topic)
        data = packed(value, MAX_MESSAGE)
        await anyio.lowlevel.checkpoint()
        self._check_open()
        await self._topics.publish(topic, data)

    @asynccontextmanager
    async def subscribe(self, topic: Path, *, queue: int = 1000) -> AsyncIterator[AsyncIterator[Message]]:
        self._check_open()
        subscription = Subscription(queue)
        self._streams[subscription] = None
        try:
            await self._topics.add(topic, subscription)
            yield subscription
        finally:
            self._topics.remove(subscription)
            del self._streams[subscription]

    async def diagnose(self, writes: Sequence[Writable] = ()) -> list[Finding]:
        self._check_open()
        bucket = self._connection.bucket
        diagnosis = Diagnosis(self._servers, self._options, bucket, self._node, self.clock, self.random)
        return await diagnosis.run(self._connection.session(), self._token, writes)

    def _remembered(self) -> float:
        state = self._connection.state
        if self.horizon is not None:
            return self.horizon
        return state.horizon if state is not None else 0.0

    def _check_open(self) -> None:
        if self._closed:
            raise Detached(self._link.reason)

    async def _restore(self, session: Session) -> None:
        await self._topics.restore(session)

    async def __aenter__(self) -> Self:
        _check_loop()
        for file in readable_by_others(self._options):
            self._log.warning("others on this machine can read %s, and it is a secret: chmod 600 %s", file, file)
        self._inner: TaskGroup = await anyio.create_task_group().__aenter__()
        self.tasks = await anyio.create_task_group().__aenter__()
        try:
            self._inner.start_soon(self._connection.run, name="connection to the store")
            await self._opened()
        except BaseException as error:
            await self._leave(type(error), error, error.__traceback__)
            raise
        state = self._connection.state
        self.id = state.id if state is not None else ""
        self._closed = False
        return self

    async def _opened(self) -> None:
        with anyio.move_on_after(None if self._wait else PATIENCE) as patience:
            await self._connection.opened()
        if patience.cancelled_caught:
            raise Detached(f"no server of {self._connection.names} can be used: {self._connection.trouble}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(kind, error, traceback)

    async def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the tasks, then the connection; an error of the body leaves as it is, not within a group."""
        if not isinstance(error, anyio.get_cancelled_exc_class()):
            kind = error = traceback = None
        self._closed = True
        self._link.set("detached", "the store has been closed")
        for stream in self._streams:
            stream.end()
        self.tasks.cancel_scope.cancel()
        try:
            await self.tasks.__aexit__(kind, error, traceback)
        finally:
            self._inner.cancel_scope.cancel()
            await self._inner.__aexit__(kind, error, traceback)


def _check_loop() -> None:
    """StoreUnusable on an event loop that nats-py can't run on."""
    if "asyncio" not in anyio.get_cancelled_exc_class().__module__:
        raise StoreUnusable("a nats:// store runs on asyncio alone, as its library does; this is another event loop")
