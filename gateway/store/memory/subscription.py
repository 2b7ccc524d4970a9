"""A subscription to the messages of a memory store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.store.subscription import Subscription

if TYPE_CHECKING:
    from gateway.values import Message


class MemorySubscription(Subscription):
    """One that hears nothing while its connection is broken."""

    def __init__(self, queue: int) -> None:
        super().__init__(queue)
        self._connected = True

    def receive(self, message: Message) -> None:
        if self._connected:
            super().receive(message)

    def disconnect(self) -> None:
        self._connected = False

    def reconnect(self, reason: str) -> None:
        # whatever the reason: what was missed shows in the numbers
        self._connected = True
