"""CodeRoot: stored procedures called by their path, kept up to date."""

import inspect
import threading
import traceback

import anyio
import anyio.from_thread
import pytest

from gateway.code import CodeRoot
from gateway.errors import CodeError, NotFound
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.testing.clocks import standing_time
from gateway.values import RegisteredProcedure


async def test_sync_code_gives_its_result(procedures):
    await procedures.put("forty.two", "return 42")
    assert procedures.root("forty.two") == 42
    assert procedures.root(("forty", "two")) == 42
    assert procedures.root(["forty", "two"]) == 42
    assert procedures.root(P("forty.two")) == 42


async def test_async_code_gives_an_awaitable(procedures):
    await procedures.put("a", "import anyio\nawait anyio.sleep(3600)\nreturn x", is_async=True, vars=["x"])
    result = procedures.root("a", 5)
    assert inspect.isawaitable(result)
    assert await result == 5


async def test_arguments_fill_vars_in_order_and_keywords_become_globals(procedures):
    await procedures.put("a", "def f(): return c\nreturn a, b, f()", vars=["a", "b"])
    assert procedures.root("a", 1, c=3) == (1, None, 3)
    assert procedures.root("a", b=2, c=3) == (None, 2, 3)
    with pytest.raises(NameError):
        procedures.root("a", 1, 2)


async def test_too_many_or_doubled_arguments(procedures):
    await procedures.put("a.b", "return x", vars=["x"])
    with pytest.raises(TypeError, match=r"a\.b takes 1 positional argument \(x\), 2 were given"):
        procedures.root("a.b", 1, 2)
    with pytest.raises(TypeError, match="two values for x"):
        procedures.root("a.b", 1, x=2)


async def test_defaults_are_merged_deep(procedures):
    await procedures.put("a", "return x", vars=["x"], default={"x": {"p": 1, "q": {"r": 2, "s": 3}}})
    assert procedures.root("a", {"q": {"r": 9}}) == {"p": 1, "q": {"r": 9, "s": 3}}
    assert procedures.root("a") == {"p": 1, "q": {"r": 2, "s": 3}}


async def test_variables_given_to_code(procedures):
    await procedures.put(
        "a", "return _P('a.b'), _Path('a', 1), _Path(['a', 1]), _digits(1234.56789), _client, _log.name"
    )
    first, second, third, number, client, log = procedures.root("a")
    assert (first, second, third, number) == (P("a.b"), Path("a", 1), Path("a", 1), 1234.57)
    assert client is procedures.store
    assert log == "busgate.code.a"


async def test_unknown_procedures(procedures):
    with pytest.raises(NotFound, match=r"there is no procedure no\.such"):
        procedures.root("no.such")


async def test_a_change_is_compiled_and_told_once(procedures):
    told: list[Path] = []
    await procedures.put("a", "return 1")
    with procedures.root.listener(told.append):
        await procedures.put("a", "return 2")
        assert procedures.root("a") == 2
        await procedures.put("a", "return 2", info="for people", colour="red")
        assert told == [P("a")]
        await procedures.delete("a")
        assert told == [P("a"), P("a")]
    with pytest.raises(NotFound):
        procedures.root("a")


async def test_a_compile_error_is_recorded_and_disables_only_that_procedure(procedures):
    await procedures.put("good", "return 1")
    await procedures.put("bad", "return 1")
    await procedures.put("bad", "x = 1\nreturn )")
    assert procedures.root("good") == 1
    with pytest.raises(CodeError, match="bad, line 2"):
        procedures.root("bad")
    record = (await procedures.open_errors())["bad"]
    assert (record.subsystem, record.entry.node, record.entry.data) == ("compile", "n1", {"line": 2})
    assert record.entry.message == "bad, line 2: unmatched ')'\n    return )\n           ^"
    await procedures.put("bad", "return 3")
    assert procedures.root("bad") == 3
    assert await procedures.open_errors() == {}


async def test_a_record_that_is_no_procedure_is_reported(procedures):
    await procedures.put_map("bad", {"code": 7})
    with pytest.raises(CodeError, match="code: input should be a valid string"):
        procedures.root("bad")
    assert "bad" in await procedures.open_errors()
    await procedures.delete("bad")
    assert await procedures.open_errors() == {}
    with pytest.raises(NotFound):
        procedures.root("bad")


async def test_codes_removed_or_never_there_are_no_error(procedures):
    """MoaT-KV: CodeRoot.remove raised a TypeError."""
    await procedures.delete("nothing")
    await procedures.put("a", "return 1")
    await procedures.delete("a")
    await procedures.put("a", "return 2")
    assert procedures.root("a") == 2


async def test_async_code_can_become_sync(procedures):
    """MoaT-KV: `code set -A` had no effect on async code."""
    await procedures.put("a", "return 1", is_async=True)
    await procedures.put("a", "return 1", is_async=None)
    assert procedures.root("a") == 1


async def test_missing_requirements_are_named(procedures):
    await procedures.put("a", "return 1", requires=["json", "no.such.module"])
    with pytest.raises(CodeError, match=r"a: requires no\.such\.module, which can't be imported here"):
        procedures.root("a")


async def test_what_is_there_is_loaded_before_as_handler_returns(store):
    await store.set(Locations().procedures + P("a.b"), {"code": "return 1"})
    root = await CodeRoot.as_handler(store)
    assert root("a.b") == 1
    assert [str(one.path) for one in root] == ["a.b"]


async def test_errors_of_an_earlier_process_are_resolved(store, procedures):
    await procedures.put("bad", "return )")
    await store.set(Locations().procedures + P("bad"), {"code": "return 1"})
    await CodeRoot.as_handler(store)
    assert await procedures.open_errors() == {}


async def test_plugin_procedures_stand_behind_stored_ones(store):
    async def poll(x, y):
        return x, y

    registered = [RegisteredProcedure(P("plug.poll"), poll, {"y": 2}), RegisteredProcedure(P("plug.sync"), lambda: 7)]
    root = await CodeRoot.as_handler(store, registered=registered)
    assert await root("plug.poll", 1) == (1, 2)
    assert root("plug.sync") == 7
    assert [(str(one.path), one.stored) for one in root] == [("plug.poll", False), ("plug.sync", False)]
    await store.set(Locations().procedures + P("plug.sync"), {"code": "return 8"})
    await anyio.wait_all_tasks_blocked()
    assert root("plug.sync") == 8
    await store.delete(Locations().procedures + P("plug.sync"))
    await anyio.wait_all_tasks_blocked()
    assert root("plug.sync") == 7


async def test_tracebacks_follow_a_change(procedures):
    for text in ("1 / 0  # first", "1 / 0  # second"):
        await procedures.put("a", text)
        with pytest.raises(ZeroDivisionError) as caught:
            procedures.root("a")
        shown = "".join(traceback.format_exception(caught.value))
        assert f'File "<a>", line 1, in a\n    {text}' in shown


class OnThreads:
    async def test_thread_code_runs_in_a_thread_and_reaches_the_store(self, procedures):
        text = """
import anyio, threading
anyio.from_thread.run(_client.set, _P("from.thread"), 42)
return threading.current_thread().ident, threading.current_thread().daemon
"""
        await procedures.put("a", text, is_async=False)
        with standing_time():
            thread, daemon = await procedures.root("a")
        assert thread != threading.get_ident()
        assert daemon
        assert (await procedures.store.get(P("from.thread"))).value == 42

    async def test_errors_come_through(self, procedures):
        await procedures.put("a", "raise SystemExit(3)", is_async=False)
        with standing_time(), pytest.raises(SystemExit):
            await procedures.root("a")

    async def test_a_cancelled_call_leaves_its_thread_behind_and_that_can_see_it(self, procedures):
        text = """
import anyio
go.wait()
try:
    anyio.from_thread.check_cancelled()
except BaseException:
    seen.append(True)
left.set()
"""
        await procedures.put("a", text, is_async=False)
        seen: list[bool] = []
        go, left = threading.Event(), threading.Event()
        with standing_time():
            async with anyio.create_task_group() as tasks:

                async def call():
                    await procedures.root("a", go=go, left=left, seen=seen)

                tasks.start_soon(call)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            go.set()
            await anyio.to_thread.run_sync(left.wait, 5)
        assert seen == [True]


class TestThreadsOnTrio(OnThreads):
    pass


class TestThreadsOnAsyncio(OnThreads):
    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"
