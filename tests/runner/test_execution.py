"""Containment: whatever the code of one job does, it ends with an outcome and nobody else notices."""

import anyio
import pytest

from gateway.path import P
from gateway.values import RegisteredProcedure

HOSTILE = {
    "exception": ("raise ValueError('x')", "ValueError: x"),
    "system exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "sys.exit": ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "group": ("raise ExceptionGroup('g', [ValueError('x')])", "ValueError: x"),
    "base group": ("raise BaseExceptionGroup('g', [SystemExit(1), ValueError('x')])", "BaseExceptionGroup: g (2"),
    "own base exception": ("class Odd(BaseException): pass\nraise Odd('x')", "a.<locals>.Odd: x"),
    "generator exit": ("raise GeneratorExit()", "GeneratorExit"),
    "stop iteration": ("raise StopIteration(1)", ""),
    "recursion": ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "memory": ("raise MemoryError()", "MemoryError"),
    "bad repr": ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "a.<locals>.E: <exception str() f"),
    "surrogates": ("raise ValueError('\\udc80')", "ValueError: \\udc80"),
    "long": ("raise ValueError('x' * 1_000_000)", "ValueError: xxx"),
    "late import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
}  # fmt: skip
NAMES = "sorted(n for n in globals() if n.startswith('_') and not n.startswith('__'))"
LAST_WORDS = """
import anyio
try:
    await anyio.sleep_forever()
finally:
    raise ValueError("last words")
"""


class OnEachBackend:
    @pytest.mark.parametrize("is_async", [None, True])
    @pytest.mark.parametrize("name", HOSTILE)
    async def test_hostile_code(self, node, name, is_async):
        text, message = HOSTILE[name]
        await self.contained(node, text, message, is_async=is_async)

    async def test_a_spawned_task_that_exits(self, node):
        text = "async def f():\n    raise SystemExit(2)\nimport anyio\nawait _self.spawn(f)\nawait anyio.sleep(9)"
        await self.contained(node, text, "SystemExit: 2", is_async=True)

    async def contained(self, node, text, message, *, is_async):
        await node.code("bystander", "import anyio\nawait anyio.sleep_forever()")
        await node.now("bystander")
        await node.code("a", text, is_async=is_async)
        await node.now("a", delay=1000.0)
        state = await node.ended("a")
        assert (state.end, state.backoff) == ("error", 1)
        error = (await node.errors())["at.n1.default.a"]
        assert error.message.startswith(message)
        assert 'File "<a>", line' in error.traceback
        await node.code("fine", "return 1")
        await node.now("fine")
        assert (await node.ended("fine")).result == 1
        assert (await node.running("bystander")).runs == 1


class TestOnTrio(OnEachBackend):
    async def test_a_task_group_of_the_code_with_an_exit_in_it(self, node):
        """On asyncio, ``SystemExit`` in a task that the code has started by itself ends the loop: its own rule."""
        text = """
import anyio
async def leave():
    raise SystemExit(2)
async with anyio.create_task_group() as tasks:
    tasks.start_soon(leave)
    await anyio.sleep_forever()
"""
        await self.contained(node, text, "SystemExit: 2", is_async=True)


class TestOnAsyncio(OnEachBackend):
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.mark.parametrize(
        "text",
        [
            "import asyncio\nraise asyncio.CancelledError('mine')",
            "import asyncio\nasyncio.current_task().cancel()\nawait asyncio.sleep(5)",
            "import asyncio\nraise BaseExceptionGroup('g', [asyncio.CancelledError()])",
        ],
    )
    async def test_code_that_cancels_itself_has_failed(self, node, text):
        """A run is cancelled only if the runner cancelled it."""
        await self.contained(node, text, "the code cancelled itself", is_async=True)


async def test_an_error_while_ending_changes_nothing(node, caplog):
    await node.code("a", LAST_WORDS)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    await node.change("a", target=None)
    assert (await node.ended("a")).end == "cancelled"
    assert "while it was ending (cancelled)" in caplog.text
    assert "ValueError: last words" in caplog.text
    assert await node.errors() == {}


async def test_code_that_ignores_its_end_is_reported(node):
    text = """
import anyio
try:
    await anyio.sleep_forever()
finally:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(60)
"""
    await node.code("a", text)
    await node.now("a")
    await node.running("a")
    await node.change("a", target=None)
    await anyio.sleep(11)
    message = "it does not end: cancelled 10 s ago, the code goes on"
    assert (await node.errors())["at.n1.default.a"].message == message
    assert (await node.ended("a")).end == "cancelled"


async def test_variables_of_async_code(node):
    text = f"return [x, b, {NAMES}, _cfg.node.name, _log.name]"
    await node.code("a", text, vars=["x"], default={"x": {"p": 1}, "b": 2})
    await node.now("a", data={"x": {"q": 3}})
    result = (await node.ended("a")).result
    names = ["_P", "_Path", "_cfg", "_client", "_cls", "_digits", "_info", "_log", "_self"]
    assert result == [{"p": 1, "q": 3}, 2, names, "n1", "busgate.run.at.n1.default.a"]


async def test_variables_of_sync_code(node):
    await node.code("a", f"return {NAMES}", is_async=None)
    await node.now("a")
    assert (await node.ended("a")).result == ["_P", "_Path", "_cfg", "_client", "_cls", "_digits", "_log"]


async def test_classes_given_to_code(node):
    await node.code("a", "return list(_cls)", is_async=None)
    await node.now("a")
    assert set((await node.ended("a")).result) >= {
        "CompleteState", "PartialState", "DetachedState", "BrokenState", "ChangeMsg", "TimerMsg", "ReadyMsg",
        "TopicMsg", "ErrorRecorded", "NotGiven",
    }  # fmt: skip


async def test_missing_vars_are_none(node):
    await node.code("a", "return [x, y]", vars=["x", "y"])
    await node.now("a", data={"y": 2})
    assert (await node.ended("a")).result == [None, 2]


async def test_calls_share_nothing(node):
    await node.code("a", "global seen\nseen = globals().get('seen', 0) + 1\nreturn seen", is_async=None)
    await node.now("a", repeat=1.0)
    assert (await node.ended("a", 3)).result == 1


async def test_data_that_the_code_changes_is_not_the_jobs(node):
    await node.code(
        "a", "x.append(1)\ny['p'].append(P)\nreturn [x, y]", is_async=None, vars=["x"], default={"y": {"p": []}}
    )
    await node.now("a", data={"x": [], "P": P("a.b")}, repeat=1.0)
    assert (await node.ended("a", 3)).result == [[1], {"p": [P("a.b")]}]


async def test_plugin_procedures(make_node):
    async def poll(bus, _self, _cls, interval, unknown):
        await _self.set("polled", [bus, interval, unknown, _cls.TimerMsg.__name__])
        return "polled"

    registered = [RegisteredProcedure(P("onewire.poll"), poll, {"interval": 10})]
    async with make_node(registered=registered) as node, node.running_runner():
        node.buses.switch("attic", up=True)
        await node.now("a", "onewire.poll", bus="attic")
        assert (await node.ended("a")).result == "polled"
        assert await node.value("polled") == ["attic", 10, None, "TimerMsg"]
