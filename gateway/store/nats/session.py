"""A session: what is asked, heard and sent over one connection, from its beginning to its end.

Theory of operation
-------------------
1. One task sends, in the order of the calls. Callers wait for events, never within the library, so that cancelling one
   disturbs nothing: what it had not sent yet is withdrawn, of what it had sent the outcome is unknown.
2. One subscription, ``_INBOX_NODE.RANDOM.r.*``, brings all answers. Each consumer has one of its own, as what it
   delivers keeps its own subject.
3. The server has to answer pings. Its silence is counted in the ticks of a task that could run: a process that was
   paused begins to count anew.
4. What the server forbids it says apart from any request, by the subject: the requests of that subject then fail.
5. Whatever goes wrong with the connection ends the session, and all that waits in it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from gateway.errors import BusgateError, Denied, Detached, StoreError, Uncertain
from gateway.store.nats.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from random import Random

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from gateway.store.options import StoreOptions

#: Seconds that a server has for the answer to a request.
REQUEST_TIMEOUT: Final = 1.0
#: Seconds between pings, and between looks whether one was answered.
PING: Final = 0.25
#: Seconds of silence after which the link is uncertain, and after which the connection is given up.
SILENT, DEAD = 0.6, 1.2
#: A tick that comes later than this was late because this process did not run.
LATE: Final = 2 * PING
_FORBIDDEN = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``data`` as it came."""

    headers: Mapping[str, str]
    data: bytes

    @property
    def nobody(self) -> bool:
        """Whether there is nobody who could answer (status 503, docs.nats.io "no responders")."""
        return self.headers.get("Status") == "503" and not self.data

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.data)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class _Request:
    subject: str
    answered: anyio.Event = field(default_factory=anyio.Event)
    reply: Reply | None = None
    error: BusgateError | None = None
    sent: bool = False
    withdrawn: bool = False

    def fail(self, error: BusgateError) -> None:
        self.error = error
        self.answered.set()


class Waiting(Protocol):
    """Who wants to know when the session ends."""

    def wake(self) -> None:
        """The session has ended."""


@dataclass(slots=True)
class Heard:
    """A subscription, and who gets its messages."""

    subject: str
    receive: Callable[[Msg], None]
    handle: Subscription | None = None


class Session:
    """One connection that is open.

    Args:
        who: the node, as part of a subject.
        on_silence: called with True when the server has become silent, with False when it has answered again.
    """

    def __init__(
        self,
        options: StoreOptions,
        random: Random,
        who: str,
        on_silence: Callable[[bool], None],
    ) -> None:
        self.ended = anyio.Event()
        self.reason = ""
        self.confirmed = False  # the bucket has been looked at
        self.last_sequence = 0
        self.inbox = f"_INBOX_{who}.{random.getrandbits(64):016x}"
        self.waiting: dict[Waiting, None] = {}
        self._options = options
        self._on_silence = on_silence
        self._wire = Wire(self._complained, lambda: self.end("the connection was closed"))
        self._outbox: deque[tuple[_Request | None, Callable[[], Any]]] = deque()
        self._stirred = anyio.Event()
        self._requests: dict[str, _Request] = {}
        self._numbers = itertools.count()
        self._forbidden: set[str] = set()
        self._heard_at = 0.0

    @property
    def server(self) -> Mapping[str, Any]:
        """What the server says of itself."""
        return self._wire.info

    @asynccontextmanager
    async def open(self, server: str, name: str) -> AsyncIterator[None]:
        """Connect, and keep at it until the block is left; what is wrong then only ``ended`` tells.

        Raises: as :meth:`Wire.connect`.
        """
        try:
            await self._wire.connect(server, self._options, name)
            await self._wire.subscribe(f"{self.inbox}.r.*", self._answered)
            async with anyio.create_task_group() as tasks:
                self._heard_at = anyio.current_time()
                for part in (self._send, self._ping, self._look):
                    tasks.start_soon(part)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
                    await self._send_rest()
        finally:
            broken = self.ended.is_set()
            self.end("the store has been closed")
            await self._wire.close(broken=broken)

    def end(self, reason: str) -> None:
        """Fail all that waits."""
        if not self.ended.is_set():
            self.reason = reason
            self.ended.set()
            for request in list(self._requests.values()):
                request.fail(_unanswered(request, reason))
            for waiting in list(self.waiting):
                waiting.wake()

    async def request(
        self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> Reply:
        """Send a message and wait for the answer.

        Raises:
            Detached: it was not sent.
            Uncertain: it was sent and not answered.
            Denied: the server forbids it.
            LimitExceeded: it is too large for the server.
        """
        self.check()
        token, request = f"{next(self._numbers):x}", _Request(subject)
        self._requests[token] = request
        self._put(lambda: self._wire.publish(subject, data, f"{self.inbox}.r.{token}", headers), request)
        try:
            with anyio.move_on_after(timeout):
                await request.answered.wait()
        finally:
            del self._requests[token]
            request.withdrawn = True
        if request.error is not None:
            raise request.error
        if request.reply is None:
            raise _unanswered(request, f"no answer within {timeout:g} s")
        return request.reply

    async def ask(self, subject: str, body: Mapping[str, Any] | None = None, timeout: float = REQUEST_TIMEOUT) -> Any:
        """Ask for something that changes no entry: the JSON of the answer.

        Raises:
            Detached: nobody has answered.
            Denied: the server forbids it.
        """
        try:
            reply = await self.request(subject, json.dumps(body).encode() if body else b"", timeout=timeout)
        except Uncertain as error:
            raise Detached(str(error)) from error
        if reply.nobody:
            raise Detached("the servers have nobody who could answer")
        return reply.json()

    def send(self, subject: str, data: bytes = b"", reply: str = "") -> None:
        """Send a message whose answers nobody waits for, as soon as it goes; ``reply``: the subject they go to."""
        self._put(lambda: self._wire.publish(subject, data, reply))

    async def settle(self) -> None:
        """Wait until the server knows of what was asked for before, subscriptions too.

        Raises: Detached.
        """
        done = anyio.Event()

        async def ask() -> None:
            await self._wire.ping()
            done.set()

        self._put(ask)
        with anyio.move_on_after(REQUEST_TIMEOUT):
            await done.wait()
        self.check()
        if not done.is_set():
            raise Detached(f"no answer within {REQUEST_TIMEOUT:g} s")

    def forbids(self, subject: str) -> bool:
        """Whether the server has refused this subject before."""
        return subject.lower() in self._forbidden

    def subscribe(self, heard: Heard) -> None:
        """Have messages of a subject delivered; in force when what is asked for afterwards has been answered."""

        async def begin() -> None:
            heard.handle = await self._wire.subscribe(heard.subject, heard.receive)

        self._put(begin)

    def unsubscribe(self, heard: Heard) -> None:
        async def stop() -> None:
            if heard.handle is not None:
                await self._wire.unsubscribe(heard.handle)

        self._put(stop)

    def check(self) -> None:
        """Detached when the session has ended."""
        if self.ended.is_set():
            raise Detached(self.reason)

    def _put(self, action: Callable[[], Any], request: _Request | None = None) -> None:
        self._outbox.append((request, action))
        self._stirred.set()

    async def _send(self) -> None:
        while True:
            while self._outbox:
                request, action = self._outbox.popleft()
                if request is None or not request.withdrawn:
                    await self._act(request, action)
            self._stirred = anyio.Event()
            await self._stirred.wait()

    async def _send_rest(self) -> None:
        """Send what nobody waits for: the names of consumers to be deleted."""
        with anyio.move_on_after(PING, shield=True):
            while self._outbox and not self.ended.is_set():
                request, action = self._outbox.popleft()
                if request is None:
                    await self._act(request, action)

    async def _act(self, request: _Request | None, action: Callable[[], Any]) -> None:
        if request is not None:
            request.sent = True
        try:
            await action()
        except Detached as error:
            self.end(str(error))
        except BusgateError as error:  # LimitExceeded: too large for this server
            if request is not None:
                request.sent = False
                request.fail(error)

    async def _ping(self) -> None:
        while not self.ended.is_set():
            try:
                await self._wire.ping()
            except Detached as error:
                self.end(str(error))
            self._heard_at = anyio.current_time()
            await anyio.sleep(PING)

    async def _look(self) -> None:
        """Count the server's silence."""
        silent, tick = False, anyio.current_time()
        while not self.ended.is_set():
            await anyio.sleep(PING / 2)
            now = anyio.current_time()
            if now - tick > LATE:
                self._heard_at = now
            tick = now
            if (now - self._heard_at > SILENT) != silent:
                silent = not silent
                self._on_silence(silent)
            if now - self._heard_at > DEAD:
                self.end(f"the server has not answered for {DEAD:g} s")

    def _answered(self, message: Msg) -> None:
        request = self._requests.get(message.subject.rpartition(".")[2])
        if request is not None and not request.answered.is_set():
            request.reply = Reply(message.headers or {}, message.data)
            request.answered.set()

    def _complained(self, text: str) -> None:
        """The server refuses something, or the connection is broken."""
        found = _FORBIDDEN.search(text.lower())
        if found is None:
            return
        subject = found[2]
        if len(self._forbidden) < 1000:
            self._forbidden.add(subject)
        for request in self._requests.values():
            if request.subject.lower() == subject:
                request.fail(Denied(f"the servers forbid {self._options.who} to use {request.subject}"))


def _unanswered(request: _Request, reason: str) -> StoreError:
    if request.sent:
        return Uncertain(f"it may or may not have been done: {reason}")
    return Detached(reason)
