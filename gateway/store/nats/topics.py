"""Published messages: core NATS, without storage, numbered by sender and topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from gateway import codec
from gateway.errors import CodecError, Denied
from gateway.path import Path
from gateway.store.nats.session import Heard
from gateway.values import Message

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from gateway.store.nats.connection import Connection
    from gateway.store.nats.session import Session
    from gateway.store.nats.subjects import Subjects
    from gateway.store.subscription import Subscription


class Topics:
    """What one store publishes and is subscribed to.

    A subscription is renewed with each new connection; what was published in between shows as a gap in the numbers.
    """

    def __init__(self, connection: Connection, subjects: Subjects, sender: str, who: str) -> None:
        self._connection = connection
        self._subjects = subjects
        self._sender = sender
        self._who = who
        self._numbers: dict[str, int] = {}
        self._heard: dict[Subscription, Heard] = {}

    async def publish(self, topic: Path, data: bytes) -> None:
        """Send a message; returns when the server has it, so that who subscribes afterwards does not get it.

        Raises: Detached, Denied.
        """
        session = self._connection.session()
        subject = self._subjects.message(topic.key)
        if session.forbids(subject):
            raise Denied(f"{self._who} may not publish at {topic}: the servers forbid it")
        number = self._numbers[topic.key] = self._numbers.get(topic.key, 0) + 1
        session.send(subject, msgpack.packb([self._sender, number, data]))
        await session.settle()

    async def add(self, topic: Path, subscription: Subscription) -> None:
        """Begin to receive; returns when nothing published afterwards is missed.

        Raises: Detached, Denied.
        """
        session = self._connection.session()

        def receive(message: Msg) -> None:
            _deliver(self._subjects.topic(message.subject), message.data, subscription)

        heard = self._heard[subscription] = Heard(self._subjects.messages(topic.key), receive)
        session.subscribe(heard)
        await session.settle()
        if session.forbids(heard.subject):
            raise Denied(f"{self._who} may not subscribe at {topic}: the servers forbid it")

    def remove(self, subscription: Subscription) -> None:
        heard = self._heard.pop(subscription, None)
        if heard is not None and (session := self._connection.current) is not None:
            session.unsubscribe(heard)

    async def restore(self, session: Session) -> None:
        """Subscribe anew in a new session."""
        for heard in self._heard.values():
            session.subscribe(heard)
        if self._heard:
            await session.settle()


def _deliver(key: str, data: bytes, subscription: Subscription) -> None:
    """Give a message to its subscriber; what isn't one is dropped."""
    try:
        fields: Any = msgpack.unpackb(data)
        sender, number, value = fields
        message = Message(Path.from_key(key), codec.decode(value), str(sender), int(number))
    except (ValueError, TypeError, CodecError, msgpack.exceptions.UnpackException):
        return
    subscription.receive(message)
