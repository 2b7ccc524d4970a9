"""Publish and subscribe between processes: at most once, in order for each sender, numbered by topic.

Theory of operation
-------------------
1. A store that has subscribers has a socket for messages in the run directory. A sender sends every message to each
   of these; the receiving store looks who of its subscribers wants it. So nothing is sent where nobody listens.
2. The kernel queues few datagrams (``net.unix.max_dgram_qlen``, often 10). A sender keeps what doesn't fit in an
   outbox for that peer and goes on as the peer makes room; beyond its bound the oldest are dropped. So a slow peer
   never holds up a sender.
3. Messages are numbered for each sender and topic. A gap in the numbers is what was lost on the way.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

import anyio
import msgpack

from gateway import codec
from gateway.errors import CodecError
from gateway.path import Path
from gateway.store.sqlite.notice import DATAGRAM
from gateway.values import Message

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from gateway.store.sqlite.notice import Peers
    from gateway.store.subscription import Subscription

#: Bounds of what waits for one slow peer.
OUTBOX, OUTBOX_BYTES = 1000, 4 * 1024 * 1024


class Switchboard:
    """The subscribers of one store."""

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[Subscription, None]] = {}

    def add(self, topic: Path, subscription: Subscription) -> None:
        self._subscribers.setdefault(topic.key, {})[subscription] = None

    def remove(self, topic: Path, subscription: Subscription) -> None:
        here = self._subscribers.get(topic.key, {})
        here.pop(subscription, None)
        if not here:
            self._subscribers.pop(topic.key, None)

    def arrived(self, datagram: bytes) -> None:
        """Take a message of another process; what isn't one is dropped."""
        try:
            sender, key, number, value = msgpack.unpackb(datagram)
            self.deliver(sender, key, number, value)
        except (ValueError, TypeError, CodecError, msgpack.exceptions.UnpackException):
            return

    def deliver(self, sender: str, key: str, number: int, value: bytes) -> None:
        """Give a message to every subscriber of its topic or one above it; each gets a value of its own."""
        root = key
        while True:
            for subscription in self._subscribers.get(root, ()):
                subscription.receive(Message(Path.from_key(key), codec.decode(value), sender, number))
            if not root:
                return
            root = root.rpartition(".")[0]

    def end(self) -> None:
        for subscriptions in self._subscribers.values():
            for subscription in subscriptions:
                subscription.end()


class Outbox:
    """What goes to one peer."""

    def __init__(self, file: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * DATAGRAM)
        try:
            self.socket.connect(file)
        except OSError:
            self.socket.close()
            raise
        self.waiting: deque[bytes] = deque()
        self._size = 0

    def put(self, datagram: bytes) -> None:
        """Queue a message; drop the oldest ones if there are too many."""
        self.waiting.append(datagram)
        self._size += len(datagram)
        while len(self.waiting) > OUTBOX or self._size > OUTBOX_BYTES:
            self._size -= len(self.waiting.popleft())

    def flush(self) -> None:
        """Send what the peer takes now; OSError when it is gone."""
        while self.waiting:
            try:
                self.socket.send(self.waiting[0])
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                    return
                raise
            self._size -= len(self.waiting.popleft())

    def shut(self) -> None:
        """Give everything up; a task that waits for room ends."""
        self.waiting.clear()
        anyio.notify_closing(self.socket)
        self.socket.close()


class Publisher:
    """Sends to the other processes. Runs in the event loop; its calls never block."""

    def __init__(self, sender: str, peers: Peers) -> None:
        self.sender = sender
        self._peers = peers
        self.tasks: TaskGroup
        self._numbers: dict[str, int] = {}
        self._outboxes: dict[str, Outbox] = {}

    def number(self, key: str) -> int:
        """The next number of a topic."""
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        return number

    def send(self, key: str, number: int, value: bytes) -> None:
        """Send a message to every store that has subscribers."""
        names = self._peers.names()
        for gone in self._outboxes.keys() - names:
            self._outboxes.pop(gone).shut()
        if names:
            datagram = msgpack.packb([self.sender, key, number, value])
            for name in names:
                self._send_to(name, datagram)

    def _send_to(self, name: str, datagram: bytes) -> None:
        try:
            outbox = self._outboxes.get(name) or self._open(name)
            idle = not outbox.waiting
            outbox.put(datagram)
            if idle:
                outbox.flush()
        except OSError as error:
            self._drop(name, error)
            return
        if idle and outbox.waiting:
            self.tasks.start_soon(self._drain, name, outbox, name=f"messages to {name}")

    def _open(self, name: str) -> Outbox:
        outbox = self._outboxes[name] = Outbox(os.fspath(self._peers.file(name)))
        return outbox

    async def _drain(self, name: str, outbox: Outbox) -> None:
        """Send on as the peer makes room."""
        try:
            while outbox.waiting:
                await anyio.wait_writable(outbox.socket)
                outbox.flush()
        except anyio.ClosedResourceError:
            return
        except OSError as error:
            self._drop(name, error)

    def _drop(self, name: str, error: OSError) -> None:
        """Give a peer up; if nobody listens at its socket, it is gone for ever."""
        if error.errno == errno.ECONNREFUSED:
            self._peers.forget(name)
        outbox = self._outboxes.pop(name, None)
        if outbox is not None:
            outbox.shut()

    def close(self) -> None:
        for outbox in self._outboxes.values():
            outbox.shut()
