"""The single-node runner: the life of its jobs."""

import anyio
import pytest

from gateway.path import P
from gateway.runner import StateEntry

FOREVER = "import anyio\nawait anyio.sleep_forever()"


async def test_a_job_runs_once_at_its_target(node):
    await node.code("a", "return 42", is_async=None)
    await node.job("a", target=node.clock.now() + 3600)
    await anyio.sleep(3599)
    assert await node.state("a") is None
    state = await node.ended("a")
    target = (await node.store.get(node.job_path("a"))).value["target"]
    assert target <= state.started < target + 0.01
    assert (state.end, state.result, state.runs, state.served) == ("finished", 42, 1, target)
    assert (state.node, state.incarnation, state.backoff, state.reason) == (None, "one", 0, "finished, and no repeat")
    await anyio.sleep(80_000)
    assert (await node.state("a")).runs == 1


async def test_the_state_of_a_run_is_there_before_its_code_runs(node):
    text = f"await _self.set('seen', await _self.get({str(node.state_path('a'))!r}))"
    await node.code("a", text)
    await node.now("a")
    await node.ended("a")
    seen = StateEntry.from_map(await node.value("seen"))
    assert (seen.node, seen.incarnation, seen.runs, seen.started) == ("n1", "one", 1, node.clock.now())


async def test_repeat_counts_from_the_end(node):
    await node.code("a", "import anyio\nawait anyio.sleep(30)\nreturn 1")
    await node.now("a", repeat=60.0)
    first = await node.ended("a")
    assert first.computed == first.stopped + 60
    second = await node.ended("a", 2)
    assert second.started == pytest.approx(first.stopped + 60, abs=0.01)


async def test_errors_are_recorded_and_retried_with_backoff(node):
    await node.code("a.b", "x = 1\nraise ValueError('too bad')", is_async=None)
    await node.now("a.b", delay=10.0, backoff=2.0)
    first = await node.ended("a.b")
    assert (first.end, first.backoff, first.reason) == ("error", 1, "retry 1 after error")
    error = (await node.errors())["at.n1.default.a.b"]
    assert (error.message, error.count, error.node, error.data) == ("ValueError: too bad", 1, "n1", {"end": "error"})
    assert "File \"<a.b>\", line 2, in b\n    raise ValueError('too bad')" in error.traceback
    second = await node.ended("a.b", 2)
    assert second.started == pytest.approx(first.stopped + 20, abs=0.01)
    third = await node.ended("a.b", 3)
    assert third.started == pytest.approx(second.stopped + 40, abs=0.01)
    assert (await node.errors())["at.n1.default.a.b"].count == 3
    await node.code("a.b", "return 1")
    assert (await node.ended("a.b", 4)).backoff == 0
    assert await node.errors() == {}


async def test_max_failures_and_restart(node):
    await node.code("a", "1 / 0")
    await node.now("a", delay=1.0, max_failures=3)
    await node.ended("a", 3)
    await anyio.sleep(10_000)
    state = await node.state("a")
    assert (state.runs, state.reason) == (3, "failed 3 times (error); waits for a restart")
    await node.change("a", target=node.clock.now())
    assert (await node.ended("a", 6)).backoff == 3
    await anyio.sleep(10_000)
    assert (await node.state("a")).runs == 6


async def test_no_delay_means_no_retry(node):
    await node.code("a", "1 / 0")
    await node.now("a", delay=0.0)
    assert (await node.ended("a")).reason == "error, and delay 0 means no retry"
    await anyio.sleep(10_000)
    assert (await node.state("a")).runs == 1


async def test_a_timeout(node):
    await node.code("a", FOREVER)
    await node.now("a", timeout=5.0)
    state = await node.ended("a")
    assert (state.end, state.stopped - state.started) == ("timeout", pytest.approx(5, abs=0.01))
    assert (await node.errors())["at.n1.default.a"].message == "the run took longer than its timeout, 5 s"


async def test_many_jobs_start_at_once(node):
    """MoaT-KV started one job a second."""
    await node.code("a", "return 1", is_async=None)
    target = node.clock.now() + 10
    for number in range(200):
        await node.job(f"j{number}", "a", target=target)
    await anyio.sleep(10.1)
    for number in range(200):
        assert (await node.state(f"j{number}")).started == pytest.approx(target, abs=0.05)


async def test_a_missing_procedure_is_waited_for(node):
    await node.now("a", "no.such")
    await anyio.sleep(100)
    assert (await node.state("a")).reason == "its code can't run: there is no procedure no.such"
    assert node.runner.jobs[P("a")].reason == "its code can't run: there is no procedure no.such"
    await node.code("no.such", "return 1")
    assert (await node.ended("a")).result == 1


async def test_broken_code_disables_its_jobs_until_it_is_repaired(node):
    await node.code("a", "return )")
    await node.code("b", "return 1")
    await node.now("a")
    await node.now("b")
    assert (await node.ended("b")).result == 1
    await anyio.sleep(1)
    assert (await node.state("a")).reason.startswith("its code can't run: a, line 1: unmatched ')'")
    assert list(await node.errors()) == ["a"]
    await node.code("a", "return 2")
    assert (await node.ended("a")).result == 2
    assert await node.errors() == {}


async def test_a_missing_or_down_bus_is_waited_for(node):
    await node.code("a", "return bus", vars=["bus"])
    await node.now("a", bus="attic")
    await anyio.sleep(100)
    assert (await node.state("a")).reason == "bus attic is not up here: no interface of this node has it"
    node.buses.switch("attic", up=False)
    await anyio.sleep(1)
    assert node.runner.jobs[P("a")].reason == "bus attic is not up here: interface stick: unplugged"
    node.buses.switch("attic", up=True)
    assert (await node.ended("a")).result == "attic"


async def test_the_bus_of_the_data_comes_before_the_jobs(node):
    node.buses.switch("attic", up=True)
    await node.code("a", "return bus", default={"bus": None})
    await node.now("a", bus="attic")
    await node.now("b", "a", bus="attic", data={"bus": "cellar"})
    assert (await node.ended("a")).result == "attic"
    assert (await node.ended("b")).result == "cellar"


async def test_a_wall_clock_jump_neither_loses_nor_doubles_a_run(node):
    await node.code("a", "return 1", is_async=None)
    await node.job("soon", "a", target=node.clock.now() + 3600)
    await node.now("often", "a", repeat=100.0)
    await node.ended("often")
    await anyio.sleep(50)
    node.clock.jump(10_000)
    await anyio.sleep(2)
    assert (await node.state("soon")).runs == 1
    assert (await node.state("often")).runs == 1
    await anyio.sleep(49)
    assert (await node.state("often")).runs == 2
    node.clock.jump(-20_000)
    await anyio.sleep(100)
    assert (await node.state("often")).runs == 3
    await anyio.sleep(30_000)
    assert (await node.state("soon")).runs == 1
    assert 295 < (await node.state("often")).runs < 305


async def test_a_target_far_off_stays_far_when_the_clock_goes_back(node):
    await node.code("a", "return 1", is_async=None)
    await node.job("a", target=node.clock.now() + 100)
    node.clock.jump(-1000)
    await anyio.sleep(1000)
    assert await node.state("a") is None
    await anyio.sleep(102)
    assert (await node.state("a")).runs == 1


async def test_signs_of_life(node):
    """MoaT-KV never wrote `pinged`."""
    await node.code("a", FOREVER)
    await node.now("a")
    started = (await node.running("a")).started
    await anyio.sleep(4)
    assert (await node.state("a")).pinged == 0
    for passed in (5, 65, 125):
        await anyio.sleep(started + passed + 0.5 - node.clock.now())
        assert (await node.state("a")).pinged == pytest.approx(started + passed, abs=0.1)


async def test_setup_done_forgets_failures(node):
    await node.code("a", "import anyio\nif x: 1 / 0\nawait _self.setup_done()\nawait anyio.sleep_forever()", vars=["x"])
    await node.now("a", data={"x": True}, delay=1.0)
    assert (await node.ended("a", 2)).backoff == 2
    assert len(await node.errors()) == 1
    await node.change("a", data={"x": False})
    await node.running("a", 3)
    await anyio.sleep(1)
    state = await node.state("a")
    assert (state.backoff, state.node, state.pinged > 0) == (0, "n1", True)
    assert await node.errors() == {}


async def test_ok_after_is_setup_done_by_itself(node):
    await node.code("a", "import anyio\nawait anyio.sleep(30)\n1 / 0")
    await node.now("a", delay=1.0, ok_after=20.0)
    await node.ended("a", 2)
    assert (await node.state("a")).backoff == 1
    await node.running("a", 3)
    await anyio.sleep(25)
    assert (await node.state("a")).backoff == 0
    assert await node.errors() == {}


@pytest.mark.parametrize("result", ["object()", "{1: [print]}", "2 ** 70", "'x' * 600_000"])
async def test_a_result_that_cannot_be_stored_is_an_error_in_words(node, result):
    await node.code("a", f"return {result}", is_async=None)
    await node.now("a")
    assert (await node.ended("a")).end == "error"
    assert (await node.errors())["at.n1.default.a"].message.startswith("the result can't be stored: ")
