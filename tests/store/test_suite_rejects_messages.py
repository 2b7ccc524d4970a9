"""Stores whose messages are broken on purpose, in one way each: the suite must reject them, by a named test."""

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.store.memory import MemoryServer, MemoryStore


class HidesGaps(MemoryStore):
    @asynccontextmanager
    async def subscribe(self, topic, *, queue=1000):
        async with super().subscribe(topic, queue=queue) as messages:
            yield (replace(message, missed=0) async for message in messages)


class LosesTheNewest(MemoryStore):
    """A full queue refuses what comes, instead of giving up the oldest."""

    @asynccontextmanager
    async def subscribe(self, topic, *, queue=1000):
        async with super().subscribe(topic, queue=100_000) as messages:

            class Door:
                def receive(self, message):
                    if len(messages._queue) < queue:
                        messages.receive(message)

            self._server.unsubscribe(topic, messages)
            self._server.subscribe(topic, Door())
            yield messages


class NumbersAllTopicsTogether(MemoryStore):
    async def publish(self, topic, value):
        self._numbers[topic] = max(self._numbers.values(), default=0)
        await super().publish(topic, value)


class SendsExactlyToTheTopic(MemoryServer):
    def publish(self, message):
        for subscriber in self._subscribers.get(message.topic.key, ()):
            subscriber.receive(message)


class IsDeafToItself(MemoryStore):
    @asynccontextmanager
    async def subscribe(self, topic, *, queue=1000):
        async with super().subscribe(topic, queue=queue) as messages:
            yield (message async for message in messages if message.sender != self.name)


#: Each broken store or server, the test that rejects it, and that test's parameters.
BROKEN: list[tuple[type, str, dict[str, Any]]] = [
    (HidesGaps, "a_slow_subscriber_loses_the_oldest_and_learns_how_many", {}),
    (HidesGaps, "messages_sent_during_a_break_count_as_missed", {}),
    (LosesTheNewest, "a_slow_subscriber_loses_the_oldest_and_learns_how_many", {}),
    (NumbersAllTopicsTogether, "messages_of_a_sender_come_in_order_and_numbered", {}),
    (SendsExactlyToTheTopic, "a_subscriber_gets_its_topic_and_what_is_below", {}),
    (IsDeafToItself, "every_subscriber_gets_every_message", {}),
]


@pytest.mark.parametrize(("broken", "check", "parameters"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_store_is_rejected(reject, broken, check, parameters):
    await reject(broken, check, parameters)


@pytest.mark.parametrize(("check", "parameters"), {each[1]: each[1:] for each in BROKEN}.values())
async def test_the_same_test_passes_on_a_sound_store(accept, check, parameters):
    await accept(check, parameters)
