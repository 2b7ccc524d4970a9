"""The schedule: the whole table, and what holds for every job, state and time."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.runner import RunnerEntry, StateEntry, schedule
from gateway.runner.schedule import FAILURES, INTERRUPTIONS, ended, started

NOW = 1_800_000_000.0
ENDS = ["", "finished", "cancelled", *sorted(FAILURES), *sorted(INTERRUPTIONS)]

times = st.floats(0, 2 * NOW)
jobs = st.builds(
    RunnerEntry,
    delay=st.sampled_from([0.0, 1.0, 100.0]),
    repeat=st.sampled_from([0.0, 5.0]),
    backoff=st.floats(0.5, 3.0),
    target=st.none() | st.just(0.0) | times,
    max_failures=st.integers(0, 30),
)
states = st.builds(
    StateEntry,
    started=times,
    stopped=times,
    backoff=st.integers(0, 30),
    end=st.sampled_from(ENDS),
    served=st.just(0.0) | times,
    deaths=st.integers(0, 5),
    runs=st.integers(0, 9),
    node=st.none() | st.just("n1"),
)


def at(end, n=0, **fields):
    return StateEntry(stopped=NOW - 10, end=end, backoff=n, **fields)


def due(state, **job):
    return schedule(RunnerEntry(**job), state, NOW).due


def test_a_new_job_waits_for_its_target():
    assert due(StateEntry()) is None
    assert due(StateEntry(), target=None) is None
    assert due(StateEntry(), target=5.0) == 5.0
    assert due(StateEntry(), target=NOW + 5) == NOW + 5


def test_a_target_is_served_once():
    assert due(at("finished", served=5.0), target=5.0) is None
    assert due(at("finished", served=5.0), target=4.0) == 4.0
    assert due(at("finished", served=5.0), target=0.0) is None


def test_finished():
    assert due(at("finished")) is None
    assert due(at("finished"), repeat=60.0) == NOW + 50
    assert due(at("finished"), repeat=3.0) == NOW - 7


@pytest.mark.parametrize("end", sorted(FAILURES))
def test_failures_wait_longer_and_longer(end):
    assert due(at(end, 1), delay=100.0, backoff=1.1) == pytest.approx(NOW - 10 + 110)
    assert due(at(end, 2), delay=100.0, backoff=1.1) == pytest.approx(NOW - 10 + 121)
    assert due(at(end, 20), delay=100.0) == pytest.approx(NOW - 10 + 672.75, abs=0.01)
    assert due(at(end, 30), delay=100.0, max_failures=40) == due(at(end, 20), delay=100.0)
    assert due(at(end, 1), delay=0.0) is None


@pytest.mark.parametrize("end", sorted(FAILURES))
def test_after_max_failures_it_waits_for_a_restart(end):
    assert due(at(end, 2), max_failures=3) is not None
    assert due(at(end, 3), max_failures=3) is None
    assert (
        schedule(RunnerEntry(max_failures=3), at(end, 3), NOW).reason == f"failed 3 times ({end}); waits for a restart"
    )
    assert due(at(end, 3), max_failures=3, target=NOW) == NOW


@pytest.mark.parametrize("end", sorted(INTERRUPTIONS))
def test_interruptions_start_at_once(end):
    assert due(at(end, 5)) == NOW - 10
    assert due(at(end), target=None) is None
    assert schedule(RunnerEntry(), at(end), NOW).reason == f"again: {end}"


def test_cancelled_waits_for_a_new_target():
    assert due(at("cancelled", served=5.0), target=5.0, repeat=1.0) is None
    assert due(at("cancelled", served=5.0), target=6.0) == 6.0


def test_the_earlier_of_retry_and_target():
    assert due(at("error", 1), delay=10.0, backoff=1.0, target=NOW + 5) == NOW
    assert due(at("error", 1), delay=100.0, backoff=1.0, target=NOW + 5) == NOW + 5


def test_poison_waits_delay():
    assert due(at("node died", deaths=2), delay=100.0) == NOW - 10
    assert due(at("node died", deaths=3), delay=100.0) == NOW + 90
    assert due(at("node died", deaths=3), delay=0.0) is None


def test_a_running_job_is_not_due():
    assert due(at("error", 1, node="n2")) is None
    assert schedule(RunnerEntry(), at("error", node="n2"), NOW).reason == "it runs on n2"


def test_a_recreated_job_has_no_past():
    assert due(at("node died", uid="one", served=7.0), uid="two", target=7.0) == 7.0
    assert due(at("node died", uid="one"), uid="two") is None


@given(jobs, states, times)
def test_a_stored_end_later_than_now_counts_as_now(job, state, now):
    assert schedule(job, state, now) == schedule(job, state.replace(stopped=min(state.stopped, now)), now)


@given(jobs, states, times)
def test_it_always_has_a_reason_and_a_null_target_stops(job, state, now):
    decision = schedule(job, state, now)
    assert decision.reason
    if job.target is None or state.node is not None:
        assert decision.due is None


@given(jobs, states, times)
def test_a_cut_off_due_moment_is_never_moved_by_time(job, state, now):
    """Waiting doesn't change the decision, so a deadline computed once holds."""
    assume(state.stopped <= now)
    first = schedule(job, state, now)
    assert schedule(job, state, now + 1000) == first


@given(jobs, states, times, st.sampled_from([end for end in ENDS if end]))
def test_a_run_counts_as_the_table_says(job, state, now, end):
    assume(job.target is not None)
    run = started(job, state, now, node="n1", incarnation="one")
    after = ended(job, run, now, end, result=42)
    assert (run.node, run.incarnation, run.runs, run.started) == ("n1", "one", state.runs + 1, now)
    assert (after.node, after.stopped, after.end) == (None, now, end)
    if end == "finished":
        assert (after.backoff, after.result) == (0, 42)
    elif end in FAILURES:
        assert after.backoff == min(run.backoff + 1, max(20, job.max_failures))
    else:
        assert after.backoff == run.backoff
    if end != "finished":
        assert after.result == state.result


@given(jobs, states, st.floats(1, NOW), st.floats(0, NOW))
def test_no_target_is_served_twice(job, state, target, passed):
    """However the clock jumps: once a run has started for a target, that target is due no more."""
    job, now = job.replace(target=target), target + passed
    run = started(job, state, now, node="n1", incarnation="one")
    assert run.served == job.target
    after = ended(job, run, now, "cancelled")
    for then in (0.0, now, 3 * NOW):
        assert schedule(job, after, then).due is None


@given(jobs, states, st.floats(1, NOW), st.floats(0, NOW))
def test_a_later_target_gives_one_more_run(job, state, target, passed):
    job, now = job.replace(target=target), target + passed
    run = started(job, state, now, node="n1", incarnation="one")
    later = job.replace(target=now + 50)
    after = ended(later, run, now + 10, "cancelled")
    assert schedule(later, after, now + 10).due == now + 50


def test_a_restart_gives_a_failed_job_all_its_tries():
    job = RunnerEntry(max_failures=2, target=NOW)
    assert started(job, at("error", 2), NOW, node="n", incarnation="i").backoff == 0
    assert started(job, at("error", 1), NOW, node="n", incarnation="i").backoff == 1


def test_early_deaths_are_counted_in_a_row():
    job, state = RunnerEntry(), StateEntry()
    for deaths in (1, 2, 3, 4):
        state = ended(job, started(job, state, NOW, node="n", incarnation="i"), NOW, "node died")
        assert state.deaths == deaths
    run = started(job, state, NOW, node="n", incarnation="i")
    assert ended(job, run.replace(pinged=NOW + 5), NOW, "node died").deaths == 0
    assert ended(job, run, NOW, "error").deaths == 0


def test_computed_and_reason_are_written_at_the_end():
    job = RunnerEntry(repeat=60.0)
    after = ended(job, started(job, StateEntry(), NOW, node="n", incarnation="i"), NOW, "finished", 1)
    assert (after.computed, after.reason) == (NOW + 60, "repeat")
    after = ended(RunnerEntry(), after, NOW, "cancelled")
    assert (after.computed, after.reason) == (0, "cancelled; waits for a new target")
