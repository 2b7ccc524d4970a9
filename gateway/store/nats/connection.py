"""The connection: keeps a session with one of the servers, and says how they are reached.

Theory of operation
-------------------
1. The first session counts when the bucket's stream has answered in it. Later ones count at once: while the servers
   choose a leader they are there all the same. Watches wait until the stream has answered.
2. The link is uncertain from the moment at which the server is silent or gone, and detached ``DETACHED`` seconds after
   it was last heard; also when for ``UNHEARD`` seconds writes were tried and none was acknowledged.
3. After a break another server is tried at once. When none is there, rounds are made at growing and random intervals,
   so that a thousand nodes don't come back in one moment.
4. What can't become better by waiting (an old server, a refused user) ends the opening of a store. Later it is told,
   and waited for: somebody may be at work on the servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from gateway.errors import Denied, Detached, StoreError, StoreUnusable
from gateway.store.nats.session import SILENT, Session
from gateway.store.nats.wire import shown

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable
    from random import Random

    from gateway.clock import Clock
    from gateway.store.link import LinkState
    from gateway.store.nats.bucket import Bucket, State
    from gateway.store.options import StoreOptions

#: Seconds after the last sign of a server until the link counts as detached.
DETACHED: Final = 1.5
#: Seconds in which writes were tried and none was acknowledged, until the link counts as detached; as long as a lease.
UNHEARD: Final = 20.0
#: Seconds between rounds through all servers: at first, and at most.
ROUND: Final = (0.1, 1.0)
#: Seconds between looks at a server whose cluster isn't ready.
AGAIN: Final = 0.25
#: Seconds between two lines of the log that say the same trouble.
TELL: Final = 60.0


class Connection:
    """Reaches one of several servers.

    Args:
        servers: their URLs, each with one host.
        who: the node, as part of a subject; ``name``: for people who look at the servers.
        restore: what a new session needs before it is used.
    """

    def __init__(
        self,
        servers: list[str],
        options: StoreOptions,
        *,
        bucket: Bucket,
        link: LinkState,
        clock: Clock,
        random: Random,
        log: logging.Logger,
        who: str,
        name: str,
        restore: Callable[[Session], Awaitable[None]],
    ) -> None:
        self.bucket = bucket
        self.state: State | None = None
        self.fatal: StoreError | None = None
        self.trouble = ""
        self._servers = servers
        self._options = options
        self._link = link
        self._clock = clock
        self._random = random
        self._log = log
        self._who = who
        self._name = name
        self._restore = restore
        self._session: Session | None = None
        self._changed = anyio.Event()
        self._failing_since: float | None = None
        self._told = ("", 0.0)
        self._current = ""

    @property
    def names(self) -> str:
        """The servers, for people."""
        return ", ".join(map(shown, self._servers))

    @property
    def current(self) -> Session | None:
        """The session, if there is one."""
        return self._session if self._session is not None and not self._session.ended.is_set() else None

    def session(self) -> Session:
        """The session; Detached when there is none."""
        if (session := self.current) is None:
            raise Detached(self._link.reason or self.trouble or "the store is not open")
        return session

    async def confirmed(self) -> Session:
        """Wait for a session in which the bucket has been looked at."""
        while (session := self.current) is None or not session.confirmed:
            await self._changed.wait()
        return session

    async def opened(self) -> None:
        """Wait for the first session, or for what makes it impossible; raises that."""
        while self.state is None and self.fatal is None:
            await self._changed.wait()
        if self.fatal is not None:
            raise self.fatal

    def acknowledged(self) -> None:
        """A write was acknowledged."""
        if self._failing_since is not None:
            self._failing_since = None
            if self._session is not None and not self._session.ended.is_set():
                self._link.set("connected")

    def unheard(self) -> None:
        """A write was not acknowledged."""
        now = self._clock.lease_now()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._failing_since > UNHEARD and self._link.link.state == "connected":
            self._link.set("detached", f"no write was acknowledged for {UNHEARD:g} s")

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        async with anyio.create_task_group() as self._tasks:
            await self._run()

    async def _run(self) -> None:
        order = list(self._servers)
        self._random.shuffle(order)
        pause = ROUND[0]
        while True:
            for server in order:
                if await self._live(server):
                    pause = ROUND[0]
                    await anyio.sleep(self._random.uniform(0, 0.05))
            await anyio.sleep(self._random.uniform(pause / 2, pause))
            pause = min(2 * pause, ROUND[1])

    async def _live(self, server: str) -> bool:
        """Connect to one server and stay until that ends; whether it was of use."""
        session = Session(self._options, self._random, self._who, self._silent)
        used = False
        try:
            async with session.open(server, self._name):
                if self.state is not None and await self._prepare(session):
                    used = True
                    self._attach(session, server)
                if await self._look(session):
                    used = True
                    self._attach(session, server)
                    await session.ended.wait()
        except (Detached, StoreUnusable) as error:
            self._trouble(error)
        if used:
            self._detach(session)
        return used

    async def _prepare(self, session: Session) -> bool:
        """Give a later session what it needs; False when it has ended meanwhile."""
        try:
            await self._restore(session)
        except Detached as error:
            session.end(str(error))
        return not session.ended.is_set()

    async def _look(self, session: Session) -> bool:
        """Wait until the bucket can be used; False when the session has ended before."""
        while not session.ended.is_set():
            try:
                state = await self.bucket.open(session, make=self.state is None)
            except Detached as error:
                self._trouble(error)
                if session is self._session:
                    self.unheard()
                await anyio.sleep(self._random.uniform(AGAIN / 2, AGAIN))
                continue
            except (Denied, StoreUnusable) as error:
                self._trouble(error)
                session.end(str(error))
                return False
            session.last_sequence, session.confirmed = state.last, True
            self.state = state
            return True
        return False

    def _trouble(self, error: StoreError) -> None:
        """Tell what is wrong, not too often; at the start some of it is final."""
        self.trouble = str(error)
        if self.state is None and isinstance(error, StoreUnusable | Denied):
            self.fatal = error
            self._change()
            return
        now = self._clock.lease_now()
        if (self._told[0] != self.trouble and now - self._told[1] > 1.0) or now - self._told[1] > TELL:
            self._told = self.trouble, now
            self._log.warning("the store is out of reach: %s; still trying %s", self.trouble, self.names)

    def _attach(self, session: Session, server: str) -> None:
        if session is not self._session and (self._current or self._told[0]):
            self._log.info("connected to %s", shown(server))
        self._current, self._told = server, ("", 0.0)
        self._session = session
        if session.confirmed:
            self._failing_since = None
        if self._failing_since is None or self._clock.lease_now() - self._failing_since <= UNHEARD:
            self._link.set("connected")
        self._change()

    def _detach(self, session: Session) -> None:
        self._session = None
        self.trouble = f"{shown(self._current)}: {session.reason}"
        self._log.warning("lost %s", self.trouble)
        if self._link.link.state == "connected":
            self._link.set("uncertain", self.trouble)
        self._tasks.start_soon(self._give_up, self._link.link, DETACHED)

    async def _give_up(self, seen: object, seconds: float) -> None:
        await anyio.sleep(seconds)
        if self._link.link is seen:
            self._link.set("detached", self.trouble)

    def _silent(self, silent: bool) -> None:
        if self._session is None or self._session.ended.is_set():
            return
        if silent:
            self.trouble = f"{shown(self._current)} does not answer"
            self._link.set("uncertain", self.trouble)
            self._tasks.start_soon(self._give_up, self._link.link, DETACHED - SILENT)
        elif self._link.link.state != "detached":
            self._link.set("connected")

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
