"""Messages: publish and subscribe."""

from __future__ import annotations

import anyio
import pytest

from gateway.abc import MAX_MESSAGE
from gateway.codec import encode
from gateway.errors import CodecError, LimitExceeded
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.values import NotGiven

TOPIC = P("suite.topic")


class Messages(StoreChecks):
    """Guarantees about ``publish`` and ``subscribe``."""

    async def test_a_subscriber_gets_its_topic_and_what_is_below(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.subscribe(TOPIC) as messages:
            for text in ("suite", "suite.topics", "suite.topic", "suite.topic.below:5", "elsewhere", "suite.topic"):
                await other.publish(P(text), [text])
            found = [await self.next(messages) for _ in range(3)]
            assert [(str(message.topic), message.value) for message in found] == [
                (text, [text]) for text in ("suite.topic", "suite.topic.below:5", "suite.topic")
            ]

    async def test_messages_of_a_sender_come_in_order_and_numbered(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.subscribe(TOPIC) as messages:
            for number in range(100):
                await other.publish(TOPIC, number)
                await other.publish(P("suite.unheard"), number)
            found = [await self.next(messages) for _ in range(100)]
            assert [message.value for message in found] == list(range(100))
            numbers = [message.number for message in found]
            assert numbers == sorted(set(numbers))
            assert {message.missed for message in found} == {0}
            assert len({message.sender for message in found}) == 1

    async def test_senders_are_told_apart(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.subscribe(TOPIC) as messages:
            for number in range(5):
                await store.publish(TOPIC, ("a", number))
                await other.publish(TOPIC, ("b", number))
            found = [await self.next(messages) for _ in range(10)]
            by_sender = {
                message.sender: [each.value for each in found if each.sender == message.sender] for message in found
            }
            assert sorted(by_sender.values()) == [[[name, number] for number in range(5)] for name in "ab"]
            assert {message.missed for message in found} == {0}

    async def test_a_second_connection_of_a_node_is_another_sender(self, connect: Connect) -> None:
        async with connect("a") as store, store.subscribe(TOPIC) as messages:
            for _ in range(2):
                async with connect("b") as other:
                    await other.publish(TOPIC, 1)
                    await self.next(messages)
                    await other.publish(TOPIC, 2)
                    message = await self.next(messages)
                    assert (message.value, message.missed) == (2, 0)

    async def test_what_was_sent_before_is_not_received(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            await other.publish(TOPIC, "early")
            async with store.subscribe(TOPIC) as messages:
                await other.publish(TOPIC, "late")
                message = await self.next(messages)
                assert (message.value, message.missed) == ("late", 0)

    async def test_every_subscriber_gets_every_message(self, connect: Connect) -> None:
        async with connect("a") as store, store.subscribe(TOPIC) as one, store.subscribe(P("suite")) as two:
            await store.publish(TOPIC, {"list": [1]})
            first, second = await self.next(one), await self.next(two)
            assert first.value == second.value == {"list": [1]}

    async def test_a_slow_subscriber_loses_the_oldest_and_learns_how_many(self, connect: Connect) -> None:
        async with (
            connect("a") as store,
            connect("b") as other,
            store.subscribe(TOPIC, queue=3) as slow,
            store.subscribe(TOPIC, queue=30) as quick,
        ):
            for number in range(1, 21):
                await other.publish(TOPIC, number)
            for _ in range(20):
                await self.next(quick)
            found = [await self.next(slow)]
            while found[-1].value != 20:
                found.append(await self.next(slow))
            assert [message.value for message in found] == [18, 19, 20]
            assert [message.missed for message in found] == [17, 0, 0]
            await other.publish(TOPIC, 21)
            assert (await self.next(slow)).missed == 0

    async def test_a_cancelled_wait_loses_no_message(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.subscribe(TOPIC) as messages:
            found = []
            for number in range(20):
                await other.publish(TOPIC, number)
                with anyio.move_on_after(0.0005 * (number % 4)):
                    found.append((await self.next(messages)).value)
            while len(found) < 20:
                found.append((await self.next(messages)).value)
            assert found == list(range(20))

    async def test_the_largest_message_arrives(self, connect: Connect) -> None:
        value = b"m" * (MAX_MESSAGE - 3)  # 3 bytes of header: msgpack bin 16
        assert len(encode(value)) == MAX_MESSAGE
        async with connect("a") as store, store.subscribe(TOPIC) as messages:
            await store.publish(TOPIC, value)
            assert (await self.next(messages)).value == value

    async def test_what_cannot_be_sent_is_refused_and_leaves_no_gap(self, connect: Connect) -> None:
        async with connect("a") as store, store.subscribe(TOPIC) as messages:
            await store.publish(TOPIC, 1)
            with pytest.raises(LimitExceeded):
                await store.publish(TOPIC, b"m" * MAX_MESSAGE)
            with pytest.raises(LimitExceeded):
                await store.publish(Path(*TOPIC, "x" * 2000), 1)
            with pytest.raises(CodecError):
                await store.publish(TOPIC, object())
            await store.publish(TOPIC, 2)
            found = [await self.next(messages) for _ in range(2)]
            assert [(message.value, message.missed) for message in found] == [(1, 0), (2, 0)]

    async def test_a_message_is_no_entry(self, connect: Connect) -> None:
        async with connect("a") as store, store.watch(TOPIC) as events:
            await self.snapshot(events)
            await store.publish(TOPIC, 1)
            await store.set(TOPIC / "last", 1)
            assert await self.changes(events, TOPIC / "last") == []
            assert (await store.get(TOPIC)).value is NotGiven
