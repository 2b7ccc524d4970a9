"""A job that misbehaves harms itself alone: an unrelated job beside it goes on.

More of it: tests/runner/test_execution.py (what code may raise), test_watchdog.py (code that holds the event loop),
test_threads.py (threads that do not end), test_overflow.py (messages that nobody reads), test_single.py (retries,
`max_failures`, `timeout`), test_deaths.py (code that kills its node).
"""

from contextlib import asynccontextmanager
from queue import SimpleQueue

import anyio
import pytest

from gateway.path import P

TICK = """
import anyio
number = 0
while True:
    await _self.set("tick", number)
    number += 1
    await anyio.sleep(0.05)
"""
OPEN_SCOPES = {
    "scope": """
scope = anyio.CancelScope()
scope.__enter__()
scope.cancel()
await anyio.sleep(60)
""",
    "timeout": """
anyio.move_on_after(0.1).__enter__()
await anyio.sleep(60)
""",
    "generator": """
async def numbers():
    with anyio.move_on_after(0.1):
        while True:
            yield 1
found = numbers()
async for number in found:
    break
await anyio.sleep(60)
""",
    "failed task group": """
async def fail():
    raise ValueError("lost with its group")
tasks = anyio.create_task_group()
await tasks.__aenter__()
tasks.start_soon(fail)
await anyio.sleep(60)
""",
}
BAD_CLASSES = {
    "split": "class Bad(BaseExceptionGroup):\n    def split(self, *args): raise SystemExit",
    "derive": "class Bad(BaseExceptionGroup):\n    def derive(self, *args): raise SystemExit",
    "exceptions": "class Bad(BaseExceptionGroup):\n    exceptions = property(lambda self: 1 / 0)",
}
DEEP = """
found = start
for _ in range(5000):
    found = wrap(found)
"""


@asynccontextmanager
async def undisturbed(node):
    """Another job works all the time: before, beside and after what happens within."""
    await node.code("tick", TICK)
    await node.now("tick")
    before = await node.running("tick")
    yield
    number = await node.value("tick")
    await anyio.sleep(0.5)
    assert await node.value("tick") > number
    state = await node.state("tick")
    assert (state.runs, state.node, state.started) == (1, "n1", before.started)
    assert "at.n1.default.tick" not in await node.errors()


class OnEachBackend:
    async def fails(self, node, text, message, **fields):
        """Run code that ends with an error of its own job, and of no other."""
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a", delay=1000.0, **fields)
            assert (await node.ended("a")).end == "error"
            ((place, error),) = (await node.errors()).items()
            assert place == "at.n1.default.a"
            assert error.message.startswith(message)

    async def ends(self, node, text, end, result=None, **fields):
        """Run code that ends in some way, without any error."""
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a", **fields)
            state = await node.ended("a")
            assert (state.end, state.to_map().get("result")) == (end, result)
            assert await node.errors() == {}

    @pytest.mark.filterwarnings("ignore:.*numbers.* was garbage collected:ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("name", OPEN_SCOPES)
    async def test_a_scope_that_is_left_open_and_cancels_the_code(self, node, name):
        """An async generator does it easily: whoever leaves the loop over it early leaves its scopes open."""
        await self.fails(node, "import anyio\n" + OPEN_SCOPES[name], "the code cancelled itself, or left a")

    async def test_a_leaked_task(self, node, caplog):
        text = """
import anyio
tasks = anyio.create_task_group()
await tasks.__aenter__()
tasks.start_soon(anyio.sleep_forever)
await anyio.sleep(0.01)
return 1
"""
        await self.ends(node, text, "finished", 1)
        assert "it left a cancel scope or task group open" in caplog.text

    async def test_an_error_that_the_code_has_its_runner_suppress(self, node):
        text = """
import contextlib
await _self.open_context(contextlib.suppress(ValueError))
raise ValueError
"""
        await self.ends(node, text, "finished", None)

    async def test_a_swallowed_cancellation(self, node):
        text = """
import anyio
for _ in range(5):
    try:
        await anyio.sleep(1000)
    except BaseException:
        pass
await _self.set("went on", True)
return 7
"""
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a")
            await node.running("a")
            await node.change("a", target=None)
            state = await node.ended("a")
            assert (state.end, "result" in state.to_map()) == ("cancelled", False)

    async def test_a_timeout_that_the_code_swallows(self, node):
        text = "import anyio\ntry:\n    await anyio.sleep(1000)\nexcept BaseException:\n    return 7"
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a", timeout=0.1)
            state = await node.ended("a")
            assert (state.end, "result" in state.to_map()) == ("timeout", False)

    @pytest.mark.parametrize("name", BAD_CLASSES)
    async def test_a_group_of_a_class_whose_methods_fail(self, node, name):
        await self.fails(node, f"{BAD_CLASSES[name]}\nraise Bad('bad', [SystemExit(1), ValueError(2)])", "")

    @pytest.mark.parametrize(
        ("wrap", "message"),
        [
            ("def wrap(one): return ExceptionGroup('g', [one])", "ValueError: x"),
            ("def wrap(one):\n    new = ValueError('y')\n    new.__cause__ = one\n    return new", "ValueError: y"),
        ],
    )
    async def test_an_error_that_is_nested_very_deeply(self, node, wrap, message):
        await self.fails(node, f"{wrap}\nstart = ValueError('x'){DEEP}raise found", message)

    @pytest.mark.parametrize(
        "text",
        [
            f"start = []\ndef wrap(one): return [one]{DEEP}return found",
            "found = []\nfound.append(found)\nreturn found",
            "class Odd(dict):\n    def items(self): raise SystemExit\nreturn Odd(x=object())",
        ],
    )
    async def test_a_result_of_odd_shape(self, node, text):
        await self.fails(node, text, "")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("return bytes(1 << 30)", "the result can't be stored: it takes more"),
            ("raise ValueError('x' * 30_000_000)", "ValueError: xxx"),
            ("await _self.error(message='m', x=bytes(30_000_000))", "m"),
        ],
        ids=["result", "message", "data"],
    )
    async def test_what_is_huge(self, node, text, message):
        await self.fails(node, text, message)

    async def test_a_run_that_has_ended_gets_no_bus(self, node):
        text = """
import anyio
try:
    await anyio.sleep_forever()
finally:
    try:
        _self.bus("attic")
    except Exception as error:
        _cfg.seen.put(f"{type(error).__name__}: {error}")
"""
        node.buses.switch("attic", up=True)
        node.context.cfg["seen"] = SimpleQueue()
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a")
            await node.running("a")
            await anyio.sleep(0.1)
            await node.change("a", target=None)
            await node.ended("a")
        assert node.context.cfg["seen"].get_nowait() == ("HandleRevoked: bus attic: the run has ended")

    async def test_100_megabytes_of_log(self, node, caplog):
        caplog.set_level("INFO", "busgate.run.at.n1.default.a")
        caplog.handler.setLevel("CRITICAL")  # it would keep them all
        text = """
import anyio
for _ in range(1000):
    _log.info("%s", "x" * 100_000)
    await anyio.lowlevel.checkpoint()
return 1
"""
        await self.ends(node, text, "finished", 1)

    async def test_a_job_that_deletes_itself(self, node):
        async with undisturbed(node):
            await node.code("a", "import anyio\nawait _client.delete(where)\nawait anyio.sleep_forever()")
            await node.now("a", data={"where": node.job_path("a")}, repeat=1.0)
            await anyio.sleep(0.5)
            assert (P("a") in node.runner.jobs, await node.state("a")) == (False, None)
            assert await node.errors() == {}

    async def test_a_job_that_deletes_its_code(self, node):
        async with undisturbed(node):
            await node.code("a", "import anyio\nawait _client.delete(where)\nawait anyio.sleep_forever()")
            await node.now("a", data={"where": node.context.locations.procedures + P("a")})
            state = await node.ended("a")
            await anyio.sleep(0.1)
            assert (state.end, (await node.state("a")).runs) == ("changed", 1)

    @pytest.mark.parametrize("do", ["delete(where)", "set(where, {'runs': 'many'})"])
    async def test_a_job_that_spoils_its_own_state(self, node, do):
        async with undisturbed(node):
            await node.code("a", f"await _client.{do}\nreturn 1")
            await node.now("a", data={"where": node.state_path("a")})
            await anyio.sleep(0.5)
            state = await node.state("a")
            assert (state.end, state.result, state.runs) == ("finished", 1, 1)

    async def test_a_job_that_sets_its_own_target(self, node):
        """It makes its own timetable: each run says when the next one is, and the last one that it was the last."""
        text = """
import anyio
job = await _self.get(where)
x = int(job["info"])
await _self.set(where, job | {"target": job["target"] + 0.2 if x < 4 else None, "info": str(x + 1)})
if x == 4:
    await anyio.sleep_forever()
"""
        async with undisturbed(node):
            await node.code("a", text)
            await node.now("a", data={"where": node.job_path("a")}, info="1")
            first = await node.ended("a")
            last = await node.ended("a", 4)
            await anyio.sleep(0.5)
            assert (await node.state("a")).runs == 4
        assert (first.end, last.end) == ("finished", "cancelled")
        assert last.served == pytest.approx(first.served + 0.6)


class TestOnTrio(OnEachBackend):
    @pytest.fixture
    async def node(self, make_node):
        async with make_node(cfg={}) as made, made.running_runner():
            yield made


class TestOnAsyncio(OnEachBackend):
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.fixture
    async def node(self, make_node):
        async with make_node(cfg={}) as made, made.running_runner():
            yield made

    async def test_a_task_that_the_event_loop_keeps(self, node):
        """asyncio does not end what was started without a task group; its error is nobody's but the log's."""
        text = """
import asyncio
async def later():
    await asyncio.sleep(0.05)
    raise ValueError("nobody waits")
_cfg.kept.put(asyncio.create_task(later()))
return 1
"""
        node.context.cfg["kept"] = SimpleQueue()
        await self.ends(node, text, "finished", 1)
        assert str(node.context.cfg["kept"].get_nowait().exception()) == "nobody waits"
