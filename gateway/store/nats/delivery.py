"""What one consumer sends: waiting in a queue, or handed over at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from gateway.store.nats.session import Heard, Session

#: Seconds between the heartbeats of a consumer that has nothing to send.
HEARTBEAT: Final = 1.0
#: Heartbeats that may be missing.
SILENT: Final = 2.5


class Broken(Exception):
    """The consumer can't be relied upon any more."""


@dataclass(eq=False, slots=True)
class Delivery:
    """What one consumer sends."""

    name: str
    session: Session
    heard: Heard = field(init=False)
    waiting: int = 0  # messages when it began
    number: int = 0  # of its newest message
    behind: int = 0  # messages that waited behind it
    take: Callable[[Msg], None] | None = None  # gets messages at once; else they queue
    trouble: Exception | None = None  # why it can't be relied upon
    queue: deque[Msg] = field(default_factory=deque)
    arrived: anyio.Event = field(default_factory=anyio.Event)

    def receive(self, message: Msg) -> None:
        if self.take is None:
            self.queue.append(message)
            self.arrived.set()
        elif self.trouble is None:
            try:
                self.take(message)
            except Exception as error:  # noqa: BLE001 - raised again by the follower, and not in the library's task
                self.trouble = error
                self.arrived.set()

    def hand_over(self, take: Callable[[Msg], None]) -> None:
        """Have messages given to ``take`` at once; none waits. Then ``arrived`` tells of trouble alone."""
        self.arrived = anyio.Event()
        self.take = take

    def wake(self) -> None:
        self.arrived.set()

    async def next(self) -> Msg:
        """Raises Broken when the servers have gone silent."""
        while not self.queue:
            self.session.check()
            self.arrived = anyio.Event()
            with anyio.move_on_after(SILENT * HEARTBEAT) as patience:
                await self.arrived.wait()
            if patience.cancelled_caught and not self.queue:
                raise Broken("the consumer has become silent")
        return self.queue.popleft()


def fields(message: Msg) -> tuple[int, int, int]:
    """Of a message: its sequence in the stream, its number of the consumer, and how many wait behind it.

    ``$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.NUMBER.TIME.WAITING`` has 9 parts; with domain and account before the
    stream, and a random one at the end, it has 11 or 12 (ADR-15 of nats-architecture-and-design).
    """
    parts = message.reply.split(".")
    if len(parts) < 9:
        raise Broken(f"{message.reply!r} tells no order")
    first = 5 if len(parts) == 9 else 7
    return int(parts[first]), int(parts[first + 1]), int(parts[first + 3])
