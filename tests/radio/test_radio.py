"""Telegrams on their way from several receivers to one consumer that may move."""

import anyio

from gateway.radio.radio import BEAT


async def test_each_telegram_comes_once(air):
    a, b = await air.receiver("a"), await air.receiver("b", shift=5000.0)
    consumer = await air.consumer(a)
    for number in range(50):
        a.hear(f"{number}", rssi=-60.0)
        b.hear(f"{number}", rssi=-70.0)
        await anyio.sleep(0.1)
    assert consumer.got == [(f"{number}", False) for number in range(50)]


async def test_one_receiver_is_enough(air):
    a, b = await air.receiver("a"), await air.receiver("b", shift=-77.0)
    consumer = await air.consumer(a)
    b.hear("only b")
    await anyio.sleep(0.1)
    assert consumer.got == [("only b", False)]


async def test_a_lost_message_is_sent_again(air):
    a, b = await air.receiver("a"), await air.receiver("b")
    consumer = await air.consumer(a)
    await anyio.sleep(1)
    b.store.faults.lost_request = 1.0
    b.hear("lost at first")
    await anyio.sleep(0.1)
    assert consumer.got == []
    b.store.faults.lost_request = 0.0
    await anyio.sleep(2)
    assert consumer.got == [("lost at first", True)]
    await anyio.sleep(60)
    assert len(consumer.got) == 1


async def test_what_is_not_taken_comes_where_the_consumer_goes_on(air):
    a, b = await air.receiver("a"), await air.receiver("b")
    first = await air.consumer(a, takes=1.0)
    for number in range(5):
        a.hear(f"{number}")
        b.hear(f"{number}")
        await anyio.sleep(0.1)
    a.kill()
    b.hear("5")
    await anyio.sleep(3)
    second = await air.consumer(b)
    await anyio.sleep(1)
    assert [content for content, _ in first.got] == ["0"]
    assert second.got == [(f"{number}", True) for number in range(6)]


async def test_a_kill_repeats_at_most_the_one_in_hand(air):
    a, b = await air.receiver("a"), await air.receiver("b", shift=33.0)
    first = await air.consumer(a, takes=0.01)
    for number in range(100):
        a.hear(f"{number}")
        b.hear(f"{number}")
        await anyio.sleep(0.05)
        if number == 60:
            a.kill()
    second = await air.consumer(b)
    await anyio.sleep(1)
    handled = [content for content, _ in first.got + second.got]
    assert set(handled) == {f"{number}" for number in range(100)}
    assert len(handled) <= 101


async def test_a_receiver_without_store_goes_on_for_its_own_consumer(air):
    a = await air.receiver("a")
    consumer = await air.consumer(a)
    a.store.cut()
    a.hear("while cut off")
    await anyio.sleep(1)
    assert consumer.got == [("while cut off", False)]


async def test_two_consumers_each_get_everything(air):
    a, b = await air.receiver("a"), await air.receiver("b")
    one, other = await air.consumer(a, name="one"), await air.consumer(b, name="other")
    a.hear("x")
    b.hear("x")
    await anyio.sleep(1)
    assert one.got == other.got == [("x", False)]


async def test_a_new_consumer_does_not_hear_the_past(air):
    a = await air.receiver("a")
    a.hear("before")
    await anyio.sleep(1)
    consumer = await air.consumer(a)
    await anyio.sleep(5)
    assert consumer.got == []


async def test_what_is_taken_while_the_consumer_is_cancelled_does_not_come_again(air):
    a, b = await air.receiver("a"), await air.receiver("b")
    first = await air.consumer(a)
    a.store.faults.delay = 0.1
    a.hear("x")
    await anyio.sleep(0.05)
    assert first.got == [("x", False)]
    first.scope.cancel()  # it has asked for the next one: all are being told
    await anyio.sleep(0.3)
    second = await air.consumer(b)
    await anyio.sleep(5)
    assert second.got == []


async def test_a_node_that_has_just_started_goes_on_with_what_the_others_hear(air):
    a = await air.receiver("a")
    first = await air.consumer(a)
    await anyio.sleep(5)
    b = await air.receiver("b", shift=33.0)
    await anyio.sleep(0.1)
    a.kill()
    b.hear("x")
    await anyio.sleep(0.1)
    second = await air.consumer(b)
    await anyio.sleep(1)
    assert (first.got, second.got) == ([], [("x", True)])


async def test_a_bus_may_be_heard_for_the_first_time_while_the_node_tells_of_others(air):
    a, b = await air.receiver("a"), await air.receiver("b")
    a.hear("x")
    a.store.faults.delay = 0.1
    await anyio.sleep(BEAT + 0.05)
    async with b.radio.listen("other", "job"):
        await anyio.sleep(2 * BEAT)
        consumer = await air.consumer(a)
        b.hear("y")
        await anyio.sleep(1)
    assert consumer.got == [("y", False)]


async def test_a_receiver_that_reads_late_because_its_node_stood_still_hears_the_same_telegram(air):
    a, b = await air.receiver("a"), await air.receiver("b", shift=7.0)
    consumer = await air.consumer(a)
    await anyio.sleep(1)
    b.store.clock.halt(0.6)
    await anyio.sleep(0.2)
    a.hear("x")
    await anyio.sleep(0.4)
    b.hear("x")
    await anyio.sleep(1)
    assert consumer.got == [("x", False)]
    a.hear("x")  # pressed again
    b.hear("x")
    await anyio.sleep(0.35)
    b.hear("x")
    a.hear("x")
    await anyio.sleep(1)
    assert len(consumer.got) == 3
