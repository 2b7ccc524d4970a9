"""The event queue: order, lanes, and what happens when too many messages wait."""

import anyio
import pytest

from gateway.path import P
from gateway.runner.event_queue import EventQueue
from gateway.runner.messages import ChangeMsg, CompleteState, PartialState, ReadyMsg, RunnerMessage, TimerMsg
from gateway.values import Change, NotGiven


def change(path, value):
    return ChangeMsg(Change(P(path), value, 1))


async def drained(queue):
    """What waits now."""
    found = []
    with anyio.move_on_after(0.1):
        async for message in queue:
            found.append(message)
    return found


def shown(messages):
    return [None if m is None else m.msg if isinstance(m, ReadyMsg) else (str(m.path), m.value) for m in messages]


async def test_the_first_message_is_ready_0_when_there_are_no_watches():
    queue = EventQueue(10, "stall")
    await queue.put(change("a", 1))
    assert shown(await drained(queue)) == [0, ("a", 1)]
    assert await drained(queue) == []


async def test_ready_comes_after_what_the_watches_found_and_again_when_more_are_added():
    queue = EventQueue(10, "stall")
    queue.watch_added()
    queue.watch_added()
    queue.watch_delivered()
    await queue.put(change("a", 1))
    queue.watch_delivered()
    assert shown(await drained(queue)) == [("a", 1), 2]
    queue.watch_added()
    queue.watch_delivered()
    assert shown(await drained(queue)) == [3]


async def test_a_cancelled_watch_does_not_hold_up_the_others():
    queue = EventQueue(10, "stall")
    queue.watch_added()
    queue.watch_added()
    queue.watch_delivered()
    queue.watch_ended(delivered=False)
    assert shown(await drained(queue)) == [1]


async def test_of_state_messages_only_the_latest_waits_and_it_goes_first():
    queue = EventQueue(1, "stall")
    await queue.put(change("a", 1))
    for state in (CompleteState("one"), PartialState("two"), CompleteState("three")):
        queue.put_state(state)
    found = await drained(queue)
    assert found[0].msg == "three"
    assert shown(found[1:]) == [0, ("a", 1)]


async def test_stall_ends_with_none_after_all_that_waited():
    """MoaT-KV: the job went on, and never heard anything again."""
    queue = EventQueue(3, "stall")
    for number in range(5):
        await queue.put(change("a", number))
        assert queue.stalled.is_set() == (number >= 3)
    assert shown(await drained(queue)) == [0, ("a", 0), ("a", 1), ("a", 2), None]
    with pytest.raises(StopAsyncIteration):
        await anext(queue)


async def test_coalesce_keeps_the_last_value_of_each_path():
    queue = EventQueue(3, "coalesce")
    for number in range(100):
        await queue.put(change("a", number))
        await queue.put(change("b", -number))
    assert shown(await drained(queue)) == [0, ("a", 99), ("b", -99)]


async def test_coalesce_waits_when_all_places_are_taken():
    queue = EventQueue(2, "coalesce")
    async with anyio.create_task_group() as tasks:
        await queue.put(change("a", 1))
        await queue.put(change("b", 1))
        tasks.start_soon(queue.put, change("c", 1))
        await anyio.wait_all_tasks_blocked()
        await queue.put(change("b", 2))
        assert shown(await drained(queue)) == [0, ("a", 1), ("b", 2), ("c", 1)]


async def test_block_loses_nothing():
    queue = EventQueue(2, "block")
    found = []

    async def send():
        for number in range(50):
            await queue.put(change("a", number))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        async for message in queue:
            found.append(message)
            if len(found) == 51:
                break
    assert shown(found) == [0, *(("a", number) for number in range(50))]


async def test_a_cancelled_wait_loses_nothing():
    queue = EventQueue(10, "stall")
    assert shown(await drained(queue)) == [0]
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            with anyio.move_on_after(0.01):
                await anext(queue)
        for number in range(5):
            tasks.start_soon(queue.put, change("a", number))
    assert len(await drained(queue)) == 5


def test_the_message_of_a_deleted_entry_has_no_value():
    message = change("a.b", NotGiven)
    assert message.path == P("a.b")
    assert not hasattr(message, "value")
    assert hasattr(change("a.b", None), "value")


def test_keys_tell_messages_apart():
    class Mine(ChangeMsg):
        pass

    one = Change(P("a"), 1, 1)
    assert ChangeMsg(one).key == ChangeMsg(Change(P("a"), 2, 2)).key
    assert ChangeMsg(one).key != Mine(one).key
    assert TimerMsg("timer").key != TimerMsg("other").key
    assert "ChangeMsg(" in repr(ChangeMsg(one))
    assert RunnerMessage().msg is None


async def test_who_asks_for_the_next_message_has_dealt_with_the_last_even_if_it_is_cancelled_then():
    queue, settled = EventQueue(10, "stall"), []
    message = change("a", 1)

    async def settle():
        settled.append("a")
        await anyio.lowlevel.checkpoint()

    message.settle = settle
    await queue.put(message)
    with anyio.CancelScope() as scope:
        async for found in queue:
            if found is message:
                scope.cancel()
    assert settled == ["a"]
