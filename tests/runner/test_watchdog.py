"""Code that blocks the event loop is ended; nobody else is. In real time, on both event loops."""

import time

import anyio
import pytest

from gateway.path import P
from gateway.runner.watchdog import MARK, PATIENCE, Watchdog, suspect
from gateway.values import Change

LIMIT = 0.5


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
def make_clock():
    from gateway.clock import SystemClock

    return SystemClock


@pytest.fixture
async def node(make_node):
    async with make_node() as made, anyio.create_task_group() as tasks:
        await tasks.start(Watchdog(LIMIT).run)
        async with made.running_runner():
            yield made
        tasks.cancel_scope.cancel()


BLOCKERS = {
    "loop": "while True: pass",
    "sleep": "import time\ntime.sleep(60)",
    "calls": "def f(n):\n    return n and f(n - 1)\nwhile True: f(20)",
    "busgate": "while True: _P('a.b.c')",
    "swallows errors": """
import time
while True:
    try:
        time.sleep(60)
    except Exception:
        pass
""",
    "much of busgate": """
async def read():
    await _client.get(_P("a.b.c"))
while True:
    try:
        read().send(None)
    except StopIteration:
        pass
""",
    "library": "import subprocess\nsubprocess.run(['sleep', '60'])",
}


@pytest.mark.parametrize(("name", "is_async"), [*((name, None) for name in BLOCKERS), ("loop", True), ("sleep", True)])
async def test_blocking_code_is_ended(node, caplog, name, is_async):
    await node.code("bystander", "import anyio\nawait anyio.sleep_forever()")
    await node.now("bystander")
    await node.running("bystander")
    await node.code("a", BLOCKERS[name], is_async=is_async)
    start = time.monotonic()
    await node.now("a", delay=1000.0)
    state = await node.ended("a")
    assert LIMIT <= time.monotonic() - start < 10
    assert (state.end, state.backoff) == ("blocked", 1)
    error = (await node.errors())["at.n1.default.a"]
    assert error.message == f"held the event loop for more than {LIMIT:g} s"
    assert 'File "<a>", line' in error.traceback
    assert "job at.n1.default.a holds the event loop" in caplog.text
    assert (await node.state("bystander")).node == "n1"


async def test_a_module_that_blocks_is_ended_and_keeps_its_last_version(node, caplog):
    path = node.context.locations.modules + P("lib.slow")
    await node.store.set(path, {"code": "x = 1"})
    await node.code("a", "import lib.slow\nimport anyio\nawait anyio.sleep_forever()", requires=["lib.slow"])
    await node.now("a")
    await node.running("a")
    await node.store.set(path, {"code": "import time\ntime.sleep(60)"})
    with anyio.fail_after(10):
        async with node.store.watch(node.context.locations.error("module", P("lib.slow"))) as events:
            async for event in events:
                if isinstance(event, Change):
                    assert event.value["message"] == f"lib.slow, line 2: held the event loop for more than {LIMIT:g} s"
                    break
    assert "module lib.slow holds the event loop" in caplog.text
    assert (await node.state("a")).runs == 1


async def test_a_task_that_the_code_started_itself(node):
    text = """
import anyio, time
async def block():
    time.sleep(60)
async with anyio.create_task_group() as tasks:
    tasks.start_soon(block)
"""
    await node.code("a", text)
    await node.now("a", delay=1000.0)
    assert (await node.ended("a")).end == "blocked"


async def test_code_that_is_busy_in_small_steps_is_left_alone(node):
    text = """
import anyio, time
end = time.monotonic() + 1.5
while time.monotonic() < end:
    time.sleep(0.05)
    await anyio.lowlevel.checkpoint()
return "done"
"""
    await node.code("a", text)
    await node.now("a")
    await node.now("b", "a")
    assert (await node.ended("a")).result == "done"
    assert (await node.ended("b")).result == "done"


async def test_cleaning_up_may_take_its_time_again(node):
    text = """
import time
try:
    time.sleep(60)
finally:
    time.sleep(0.3)
    _log.warning("cleaned up")
"""
    await node.code("a", text, is_async=None)
    await node.now("a", delay=1000.0)
    assert (await node.ended("a")).end == "blocked"
    assert (await node.errors())["at.n1.default.a"].traceback.count("finally") == 0


async def test_others_that_hold_the_loop_are_named_and_not_hit(node, caplog):
    time.sleep(3 * LIMIT)
    await anyio.sleep(0.1)
    assert "holds the event loop since" in caplog.text
    assert "test_watchdog.py" in caplog.text


async def test_an_import_is_left_to_finish(node, tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(f"import time\ntime.sleep({3 * LIMIT})\nx = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    await node.code("a", "import slow_to_import\nreturn slow_to_import.x", is_async=None)
    await node.now("a")
    assert (await node.ended("a")).result == 7


async def test_it_does_nothing_outside_the_main_thread(caplog):
    def run():
        async def main():
            async with anyio.create_task_group() as tasks:
                await tasks.start(Watchdog().run)
                tasks.cancel_scope.cancel()

        anyio.run(main)

    await anyio.to_thread.run_sync(run)
    assert "the event loop isn't in the main thread" in caplog.text


def test_the_suspect_is_the_outermost_frame_of_stored_code():
    import sys

    space: dict[str, object] = {MARK: "job", "suspect": suspect, "sys": sys, "__name__": "stored"}
    exec("def inner():\n    return suspect(sys._getframe())\ndef outer():\n    return inner()", space)
    frame, free = space["outer"]()  # type: ignore[operator]
    assert (frame.f_code.co_name, free) == ("outer", True)
    assert suspect(sys._getframe()) == (None, True)


async def test_code_that_can_not_be_interrupted_takes_the_process_with_it(make_node):
    exits: list[str] = []
    stubborn = f"""
import time
for _ in range({PATIENCE} + 1):
    try:
        time.sleep(60)
    except BaseException:
        pass
"""
    async with make_node() as node, anyio.create_task_group() as tasks:
        await tasks.start(Watchdog(0.1, exits.append).run)
        async with node.running_runner():
            await node.code("stubborn", stubborn, is_async=None)
            await node.now("stubborn")
            await node.ended("stubborn")
        tasks.cancel_scope.cancel()
    assert exits
    assert "can't be interrupted" in exits[0]
