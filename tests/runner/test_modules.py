"""Stored modules and jobs: what uses a module waits for it, restarts with it, and nobody else is disturbed."""

import anyio
import pytest

from gateway.locations import Locations
from gateway.path import P

FOREVER = "import anyio\nawait anyio.sleep_forever()"


async def put(node, path, text, **fields):
    await node.store.set(Locations().modules + P(path), {"code": text, **fields})


async def delete(node, path):
    await node.store.delete(Locations().modules + P(path))


async def test_a_job_imports_a_stored_module(node):
    await put(node, "lib.maths", "def double(x):\n    return 2 * x")
    await anyio.sleep(1)
    for mode in (None, True):
        await node.code("a", "from lib.maths import double\nreturn double(21)", is_async=mode)
        await node.now("a")
        assert (await node.ended("a")).result == 42


async def test_modules_are_there_when_a_node_starts(make_node, server):
    async with make_node("writer", "zero") as writer:
        await put(writer, "lib_b", "import lib_a\nx = lib_a.x + 1")
        await put(writer, "lib_a", "x = 1")
    async with make_node() as node:
        await node.code("a", "import lib_b\nreturn lib_b.x", requires=["lib_b"])
        await node.now("a")
        async with node.running_runner():
            assert (await node.ended("a")).result == 2


async def test_a_job_waits_for_a_missing_module_and_starts_by_itself(node):
    await node.code("a", "import lib_a\nreturn lib_a.x", requires=["lib_a"])
    await node.now("a")
    await anyio.sleep(1000)
    state = await node.state("a")
    assert (state.runs, state.reason) == (0, "its code can't run: a: requires lib_a, which can't be imported here")
    await put(node, "lib_a", "1 / 0")
    await anyio.sleep(1000)
    assert (await node.state("a")).runs == 0
    before = node.clock.now()
    await put(node, "lib_a", "x = 3")
    state = await node.ended("a")
    assert (state.result, state.started) == (3, pytest.approx(before, abs=0.1))


async def test_a_job_waits_for_what_its_module_requires(node):
    await put(node, "lib_a", "import lib_b\nx = lib_b.x", requires=["lib_b"])
    await node.code("a", "import lib_a\nreturn lib_a.x", requires=["lib_a"])
    await node.now("a")
    await anyio.sleep(10)
    assert (await node.errors())["lib_a"].message == (
        "lib_a: requires lib_b, which is neither stored nor can it be imported here"
    )
    await put(node, "lib_b", "x = 4")
    assert (await node.ended("a")).result == 4
    await anyio.sleep(1)
    assert await node.errors() == {}


async def test_a_change_restarts_exactly_the_users(node):
    await put(node, "low", "x = 1")
    await put(node, "high", "from low import x")
    await put(node, "other", "x = 1")
    await anyio.sleep(1)
    users = {
        "requiring": ("", ["low"]),
        "importing": ("import low\n", []),
        "indirect": ("def f():\n    from high import x\n    return x\nf()\n", []),
    }
    others = {
        "unrelated": ("", []),
        "with_other": ("import other\n", ["other"]),
        "json_user": ("import json\n", ["json"]),
    }
    for path, (text, requires) in (users | others).items():
        await node.code(path, text + FOREVER, requires=requires)
        await node.now(path)
        await node.running(path)
    await anyio.sleep(100)
    await put(node, "low", "x = 2")
    for path in users:
        state = await node.running(path, 2)
        assert (state.end, state.backoff, state.started) == ("changed", 0, pytest.approx(node.clock.now()))
    await anyio.sleep(100)
    assert {path: (await node.state(path)).runs for path in others} == dict.fromkeys(others, 1)
    assert {path: (await node.state(path)).runs for path in users} == dict.fromkeys(users, 2)
    assert await node.errors() == {}


async def test_the_restarted_job_runs_the_new_code(node):
    await put(node, "lib_a", "x = 1")
    await anyio.sleep(1)
    await node.code("a", "import lib_a\nawait _self.set('seen', lib_a.x)\n" + FOREVER)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    assert await node.value("seen") == 1
    await put(node, "lib_a", "x = 2")
    await anyio.sleep(1)
    assert await node.value("seen") == 2


async def test_info_of_a_module_restarts_nothing(node):
    await put(node, "lib_a", "x = 1")
    await node.code("a", FOREVER, requires=["lib_a"])
    await node.now("a")
    await node.running("a")
    await put(node, "lib_a", "x = 1", info="for people")
    await anyio.sleep(100)
    assert (await node.state("a")).runs == 1


async def test_a_bad_new_version_leaves_the_jobs_alone(node):
    await put(node, "lib_a", "x = 1")
    await node.code("a", "import lib_a\nawait _self.set('seen', lib_a.x)\n" + FOREVER, requires=["lib_a"])
    await node.now("a")
    await node.running("a")
    await put(node, "lib_a", "x = 2\nraise SystemExit(1)")
    await anyio.sleep(100)
    assert (await node.state("a")).runs == 1
    assert set(await node.errors()) == {"lib_a"}
    await node.change("a", data={"again": True})
    await node.running("a", 2)
    await anyio.sleep(1)
    assert await node.value("seen") == 1


async def test_deleting_a_module_stops_its_users_until_it_is_back(node):
    await put(node, "lib_a", "x = 1")
    await put(node, "lib_b", "import lib_a")
    await node.code("a", FOREVER, requires=["lib_a"])
    await node.code("bystander", FOREVER)
    for path in ("a", "bystander"):
        await node.now(path)
        await node.running(path)
    await delete(node, "lib_a")
    assert (await node.ended("a")).end == "changed"
    await anyio.sleep(100)
    assert set(await node.errors()) == {"lib_b"}
    await put(node, "lib_a", "x = 2")
    await node.running("a", 2)
    assert (await node.state("bystander")).runs == 1
    await anyio.sleep(1)
    assert await node.errors() == {}


async def test_modules_of_a_closed_node_are_gone(make_node):
    async with make_node() as node:
        await put(node, "lib_a", "x = 1")
        await anyio.sleep(1)
        assert list(node.context.modules) == ["lib_a"]
    async with make_node("n2", "two", locations=Locations(modules=P("elsewhere"))) as node, node.running_runner():
        await node.code("a", "import lib_a", is_async=None)
        await node.now("a")
        assert (await node.ended("a")).end == "error"
        assert (await node.errors())["at.n2.default.a"].message == "ModuleNotFoundError: No module named 'lib_a'"
