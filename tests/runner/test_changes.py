"""What a change of a job or of its code means for its run, and for nobody else."""

import anyio
import pytest

from gateway.path import P
from gateway.runner import RunnerEntry

FOREVER = "import anyio\nawait anyio.sleep_forever()"


@pytest.mark.parametrize("changes", [{"data": {"x": 2}}, {"code": P("other")}, {"bus": "attic"}])
async def test_a_change_restarts_a_run_at_once(node, changes):
    node.buses.switch("attic", up=True)
    for path in ("a", "other"):
        await node.code(path, FOREVER)
    await node.now("a")
    await node.now("bystander", "a")
    await node.running("a")
    await anyio.sleep(100)
    await node.change("a", **changes)
    state = await node.running("a", 2)
    assert (state.end, state.backoff, state.started) == ("changed", 0, pytest.approx(node.clock.now()))
    await anyio.sleep(1)
    assert (await node.state("bystander")).runs == 1
    assert await node.errors() == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"code": FOREVER + "\n"},
        {"default": {"x": 1}},
        {"vars": ["y"]},
        {"is_async": True, "code": "await _self.set('new', 1)\n" + FOREVER},
    ],
)
async def test_a_change_of_the_code_restarts_only_its_jobs(node, changes):
    await node.code("a", FOREVER)
    await node.code("b", FOREVER)
    await node.now("a")
    await node.now("b")
    await node.running("a")
    await node.running("b")
    await anyio.sleep(100)
    await node.code(
        "a", **({"text": FOREVER} | {("text" if key == "code" else key): value for key, value in changes.items()})
    )
    assert (await node.running("a", 2)).end == "changed"
    await anyio.sleep(1)
    assert (await node.state("b")).runs == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"info": "other", "colour": "red"},
        {"delay": 1.0, "repeat": 1.0, "backoff": 2.0, "ok_after": 1.0, "max_failures": 2, "weight": 2.0},
        {"queue": 2, "overflow": "block", "timeout": 5.0, "on_detach": "keep"},
    ],
)
async def test_other_changes_leave_the_run_alone(node, changes):
    """MoaT-KV cancelled the job at any change of its entry."""
    await node.code("a", FOREVER)
    await node.now("a")
    await node.running("a")
    await node.change("a", **changes)
    await anyio.sleep(1000)
    state = await node.state("a")
    assert (state.runs, state.node) == (1, "n1")


async def test_info_of_the_code_changes_nothing(node):
    await node.code("a", FOREVER)
    await node.now("a")
    await node.running("a")
    await node.code("a", FOREVER, info="other")
    await anyio.sleep(10)
    assert (await node.state("a")).runs == 1


async def test_code_that_breaks_or_goes_stops_the_run_until_it_is_back(node):
    await node.code("a", FOREVER)
    await node.now("a")
    await node.running("a")
    await node.code("a", "return )")
    assert (await node.ended("a")).end == "changed"
    await node.code("a", FOREVER)
    await node.running("a", 2)
    await node.store.delete(node.context.locations.procedures + P("a"))
    await node.ended("a", 2)
    await anyio.sleep(1000)
    await node.code("a", "return 3")
    assert (await node.ended("a", 3)).result == 3


async def test_a_later_target_is_one_more_run(node):
    await node.code("a", "import anyio\nawait anyio.sleep(100)")
    await node.now("a")
    await node.running("a")
    await node.change("a", target=node.clock.now() + 10)
    first = await node.ended("a")
    assert first.stopped - first.started == pytest.approx(100, abs=0.01)
    second = await node.ended("a", 2)
    assert second.started == pytest.approx(first.stopped, abs=0.01)
    await anyio.sleep(1000)
    assert (await node.state("a")).runs == 2


async def test_target_null_stops_and_a_stop_is_no_success(node):
    """MoaT-KV recorded a cancelled job as a success with result None."""
    await node.code("a", FOREVER)
    await node.now("a", repeat=1.0)
    await node.running("a")
    await node.change("a", target=None)
    state = await node.ended("a")
    assert (state.end, "result" in state.to_map()) == ("cancelled", False)
    await anyio.sleep(10_000)
    assert (await node.state("a")).runs == 1
    assert await node.errors() == {}
    await node.change("a", target=node.clock.now())
    await node.running("a", 2)


async def test_a_cancelled_run_keeps_its_failures_and_its_old_result(node):
    await node.code("a", "if x: return 5\nawait _self.cancel()", vars=["x"])
    await node.now("a", data={"x": True})
    await node.ended("a")
    await node.change("a", data={"x": False}, target=node.clock.now() + 1)
    state = await node.ended("a", 2)
    assert (state.end, state.result, state.backoff) == ("cancelled", 5, 0)


async def test_a_deleted_job_is_stopped_and_its_state_deleted(node):
    await node.code("a", FOREVER)
    await node.code("bad", "1 / 0")
    await node.now("a")
    await node.now("bad")
    await node.running("a")
    await node.ended("bad")
    await node.delete("a")
    await node.delete("bad")
    await anyio.sleep(1)
    assert await node.state("a") is None
    assert await node.state("bad") is None
    assert node.runner.jobs == {}
    assert await node.errors() == {}


async def test_a_job_made_anew_while_the_old_run_ends(node):
    text = """
import anyio
try:
    await anyio.sleep_forever()
finally:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(5)
"""
    await node.code("a", text)
    await node.now("a", uid="one")
    await node.running("a")
    await node.delete("a")
    await anyio.sleep(1)
    await node.code("b", "return 7")
    await node.now("a", "b", uid="two")
    await anyio.sleep(10)
    state = await node.state("a")
    assert (state.runs, state.result, state.uid, state.end) == (1, 7, "two", "finished")


async def test_a_job_made_anew_has_no_past(node):
    await node.code("a", "return 1")
    await node.now("a", uid="one")
    await node.ended("a")
    await node.job_map("a", RunnerEntry(code=P("a"), uid="two", target=node.clock.now()).to_map())
    await anyio.sleep(1)
    state = await node.state("a")
    assert (state.runs, state.uid) == (1, "two")


async def test_what_is_no_job_is_reported_and_the_others_run(node):
    await node.code("a", FOREVER)
    await node.job_map("bad", {"code": "a", "delay": "soon"})
    await node.job_map("worse", 7)
    await node.now("a")
    await node.running("a")
    await anyio.sleep(1)
    errors = await node.errors()
    assert errors["at.n1.default.bad"].message == (
        "what is stored is no job: delay: input should be a valid number, not 'soon'"
    )
    assert errors["at.n1.default.worse"].message == "what is stored is no job: a job is a map of fields, not 7"
    await node.now("bad", "a")
    await node.running("bad")
    assert "at.n1.default.bad" not in await node.errors()
    await node.change("a", delay="soon")
    assert (await node.ended("a")).end == "changed"
    await node.change("a", delay=1.0)
    await node.running("a", 2)
