"""Jobs in worker threads."""

import subprocess
import sys
import textwrap
import threading

import anyio
import pytest

from gateway.path import P
from gateway.testing.clocks import standing_time


class OnEachBackend:
    async def test_a_result_and_the_store(self, node):
        text = """
import anyio, threading
anyio.from_thread.run(_client.set, _P("from.thread"), x)
names = sorted(name for name in globals() if name.startswith("_") and not name.startswith("__"))
return [threading.current_thread() is threading.main_thread(), names]
"""
        with standing_time():
            await node.code("a", text, is_async=False, vars=["x"])
            await node.now("a", data={"x": 5})
            result = (await node.ended("a")).result
        assert result == [False, ["_P", "_Path", "_cfg", "_client", "_cls", "_digits", "_log"]]
        assert await node.value("from.thread") == 5

    @pytest.mark.parametrize(
        "text", ["1 / 0", "raise SystemExit", "raise KeyboardInterrupt", "import _thread\n_thread.exit()"]
    )
    async def test_errors(self, node, text):
        with standing_time():
            await node.code("a", text, is_async=False)
            await node.now("a", delay=1000.0)
            assert (await node.ended("a")).end == "error"
        assert 'File "<a>"' in (await node.errors())["at.n1.default.a"].traceback

    async def test_a_thread_left_behind_holds_back_the_next_run(self, node):
        go = threading.Event()
        node.context.cfg["go"] = go
        with standing_time():
            await node.code("a", "_cfg.go.wait(30)\nreturn x", is_async=False, vars=["x"])
            await node.now("a", data={"x": 1})
            await node.running("a")
            await anyio.wait_all_tasks_blocked()
            await node.change("a", data={"x": 2})
            state = await node.ended("a")
            assert state.end == "changed"
            await anyio.wait_all_tasks_blocked()
            job = node.runner.jobs[P("a")]
            assert (job.hold.kind, job.reason) == ("thread", "a worker thread of its last run goes on")
            go.set()
            assert (await node.ended("a", 2)).result == 2


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


PROCESS = """
import anyio, random, sys, time
from gateway.clock import SystemClock
from gateway.code import CodeRoot
from gateway.locations import Locations
from gateway.path import P
from gateway.store.memory import MemoryServer, MemoryStore

async def main():
    async with MemoryStore(MemoryServer(), clock=SystemClock(), random=random.Random()) as store:
        hang = {"code": "import time\\ntime.sleep(600)", "is_async": False}
        await store.set(Locations().procedures + P("hang"), hang)
        root = await CodeRoot.as_handler(store)
        with anyio.move_on_after(0.2):
            await root("hang")
    print("left")

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_hanging_thread_does_not_keep_the_process_from_ending(backend):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROCESS), backend],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
