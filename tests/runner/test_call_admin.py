"""What async code can ask of its runner, and what it finds in its event queue."""

import anyio
import pytest

from gateway.path import P

# Written as the documentation of MoaT-KV writes it.
DOCUMENTED = """
found = []
watch = await _self.watch(_P("some.special.path"))
timer = await _self.timer(100)
async for msg in _info:
    if isinstance(msg, _cls.TimerMsg):
        assert msg.msg is timer
        found.append("timer")
        break
    elif isinstance(msg, _cls.ChangeMsg):
        found.append([str(msg.path), getattr(msg, "value", "gone")])
    elif isinstance(msg, _cls.ReadyMsg):
        found.append(msg.msg)
    elif isinstance(msg, _cls.CompleteState):
        found.append("complete")
return found
"""


LONG_FORM = """
import anyio
found = []
async def _watch(w):
    async for msg in w:
        found.append(type(msg).__name__)
async with _client.watch(_P("some.special.path")) as w:
    task = await _self.spawn(_watch, w)
    await anyio.sleep(10)
    await task.cancel()
return found
"""


async def test_the_documented_usage(node):
    await node.store.set(P("some.special.path"), 1)
    await node.code("a", DOCUMENTED)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(10)
    await node.store.set(P("some.special.path"), 2)
    await node.store.set(P("some.special.path.below"), 3)
    await node.store.delete(P("some.special.path"))
    state = await node.ended("a")
    here = "some.special.path"
    assert state.result == ["complete", [here, 1], 1, [here, 2], [here, "gone"], "timer"]
    assert state.stopped - state.started == pytest.approx(100, abs=0.01)


async def test_the_long_form(node):
    await node.store.set(P("some.special.path"), 1)
    await node.code("a", LONG_FORM)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    await node.store.set(P("some.special.path"), 2)
    assert (await node.ended("a")).result == ["Change", "Ready", "Change"]


async def run(node, text, **fields):
    """Run some code once; return its result."""
    await node.code("a", text)
    await node.now("a", **fields)
    state = await node.ended("a")
    assert state.end == "finished", await node.errors()
    return state.result


async def test_wherever_a_path_is_a_list_or_tuple_or_text_does(node):
    """MoaT-KV: a list as a path crashed `set`."""
    text = """
await _self.set(["x", 1], "list")
await _self.set(("x", 2), "tuple")
await _self.set("x:3", "text")
await _self.set(_P("x:4"), "path")
found = [await _self.get(p) for p in ("x:1", ["x", 2], ("x", 3), _P("x:4"))]
await _self.delete(["x", 1])
w = await _self.watch(["x"], min_depth=1, max_depth=1, fetch=False)
m = await _self.monitor(("t",))
await _self.send(["t", 1], "sent")
async for msg in _info:
    if isinstance(msg, _cls.TopicMsg):
        return found, msg.path, msg.value
"""
    assert await run(node, text) == [["list", "tuple", "text", "path"], P("t:1"), "sent"]


async def test_get_of_an_absent_entry(node):
    """MoaT-KV: `get` was broken in every form, and returned a KeyError instead of raising it."""
    text = """
try:
    await _self.get("no.such")
except KeyError as error:
    return str(error)
"""
    assert await run(node, text) == "'no.such'"


async def test_revisions(node):
    text = """
revision = await _self.set("x", 1, revision=0)
await _self.set("x", 2, revision=revision)
try:
    await _self.set("x", 3, revision=revision)
except Exception as error:
    return type(error).__name__, await _self.get("x")
"""
    assert await run(node, text) == ["Conflict", 2]


async def test_everything_can_be_cancelled_with_and_without_await(node):
    """MoaT-KV: `await res.cancel()` raised a TypeError for watches, timers and spawned tasks."""
    text = """
import anyio
async def forever():
    await anyio.sleep_forever()
for wait in (True, False):
    for one in (await _self.watch("x"), await _self.monitor("t"), await _self.timer(10), await _self.spawn(forever)):
        done = one.cancel()
        if wait:
            await done
await _self.set("x", 1)
await _self.send("t", 1)
await anyio.sleep(20)
await _self.timer(1)
found = []
async for msg in _info:
    if isinstance(msg, _cls.TimerMsg):
        return found
    if not isinstance(msg, (_cls.ReadyMsg, _cls.GroupState)):
        found.append(repr(msg))
"""
    assert await run(node, text) == []


async def test_a_timer_can_be_run_again(node):
    text = """
import anyio
start = anyio.current_time()
timer = await _self.timer(1000)
await timer.run(5)
times = []
async for msg in _info:
    if isinstance(msg, _cls.TimerMsg):
        times.append(round(anyio.current_time() - start))
        if len(times) == 3:
            return times
        await msg.msg.run(10)
"""
    assert await run(node, text) == [5, 15, 25]


async def test_messages_of_classes_of_ones_own(node):
    text = """
class Door(_cls.ChangeMsg): pass
class Tick(_cls.TimerMsg): pass
class News(_cls.TopicMsg): pass
await _self.watch("door", cls=Door)
await _self.monitor("news", cls=News)
await _self.timer(1, cls=Tick)
await _self.set("door", "open")
await _self.send("news", "hello")
found = {}
async for msg in _info:
    found[type(msg).__name__] = getattr(msg, "value", None)
    if isinstance(msg, Tick):
        return found
"""
    found = await run(node, text)
    assert found == {"CompleteState": None, "Door": "open", "ReadyMsg": None, "News": "hello", "Tick": None}


async def test_ready_0_without_watches(node):
    text = """
async for msg in _info:
    if isinstance(msg, _cls.ReadyMsg):
        return msg.msg
"""
    assert await run(node, text) == 0


async def test_ready_counts_watches_and_comes_again(node):
    text = """
await _self.watch("x", max_depth=-1)
await _self.watch("y")
await _self.watch("z", fetch=False)
found = []
async for msg in _info:
    if isinstance(msg, _cls.ChangeMsg):
        found.append(str(msg.path))
    elif isinstance(msg, _cls.ReadyMsg):
        found.append(msg.msg)
        if msg.msg == 3:
            return found
        await _self.watch("z")
"""
    for path in ("x.a", "x.b", "y", "z"):
        await node.store.set(P(path), 1)
    assert await run(node, text) == ["x.a", "x.b", "y", 2, "z", 3]


async def test_spawned_tasks_end_with_the_run_and_their_errors_are_its_errors(node):
    text = """
import anyio
async def fail(after, *, why):
    await anyio.sleep(after)
    raise ValueError(why)
await _self.spawn(fail, 10, why="spawned")
if x:
    return "before"
await anyio.sleep_forever()
"""
    await node.code("a", text, vars=["x"])
    await node.now("early", "a", data={"x": True})
    await node.now("late", "a", delay=1000.0)
    assert (await node.ended("early")).result == "before"
    state = await node.ended("late")
    assert (state.end, state.stopped - state.started) == ("error", pytest.approx(10, abs=0.01))
    assert (await node.errors())["at.n1.default.late"].message == "ValueError: spawned"


async def test_errors_of_the_store_reach_the_code(node):
    text = """
try:
    await _self.watch("a..b")
except ValueError as error:
    return str(error)
"""
    assert (await run(node, text)).startswith("malformed path")


async def test_error_records_and_ends_the_run_without_a_second_record(node):
    await node.code("a", "await _self.error(message='no wire', pin=7, odd=print)")
    await node.now("a", delay=1.0)
    state = await node.ended("a")
    assert (state.end, state.backoff) == ("error", 1)
    error = (await node.errors())["at.n1.default.a"]
    assert (error.message, error.count, error.data) == (
        "no wire",
        1,
        {"pin": 7, "odd": "<built-in function print>"},
    )
    await node.code("a", "return 1")
    await node.ended("a", 2)
    assert await node.errors() == {}


async def test_error_of_another_place_with_an_exception(node):
    await node.code(
        "a",
        "if not x: return\ntry:\n    1 / 0\nexcept Exception as e:\n    await _self.error('door.lock', exc=e)",
        vars=["x"],
    )
    await node.now("a", delay=1.0, data={"x": True})
    await node.ended("a")
    ((place, error),) = (await node.errors()).items()
    assert (place, error.message) == ("door.lock", "division by zero")
    assert "ZeroDivisionError" in error.traceback
    await node.change("a", data={"x": False})
    await node.ended("a", 2)
    assert await node.errors() == {}


async def test_open_context_is_left_when_the_run_ends(node):
    text = """
from contextlib import asynccontextmanager, contextmanager
import anyio
@asynccontextmanager
async def opened():
    try:
        yield "async"
    finally:
        with anyio.CancelScope(shield=True):
            await _self.set("left", True)
@contextmanager
def plain():
    yield "plain"
await _self.set("got", [await _self.open_context(opened()), await _self.open_context(plain())])
await anyio.sleep_forever()
"""
    await node.code("a", text)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    assert await node.value("got") == ["async", "plain"]
    await node.change("a", target=None)
    await node.ended("a")
    assert await node.value("left") is True


async def test_cancel_is_no_success(node):
    await node.code("a", "import anyio\n_self.cancel()\nawait anyio.sleep(1)\nreturn 1")
    await node.now("a", repeat=1.0)
    state = await node.ended("a")
    assert (state.end, "result" in state.to_map()) == ("cancelled", False)


async def test_offline_writes_wait_for_the_store(node):
    text = """
import anyio
await anyio.sleep(10)
for number in range(3):
    await _self.set("x", number, offline=True)
try:
    await _self.set("y", 1)
except Exception as error:
    await _self.set("z", type(error).__name__, offline=True)
try:
    await _self.set("x", 1, revision=0, offline=True)
except ValueError as error:
    return str(error)
"""
    await node.code("a", text)
    await node.now("a")
    await node.running("a")
    node.store.cut()
    await anyio.sleep(20)
    node.store.mend()
    assert (await node.ended("a")).result == "a write that may wait (offline) can't ask for a revision"
    await anyio.sleep(1)
    assert (await node.value("x"), await node.value("z")) == (2, "Detached")
