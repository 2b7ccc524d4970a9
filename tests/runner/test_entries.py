"""Records of jobs and states."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.errors import RecordError
from gateway.path import P
from gateway.runner import RunnerEntry, StateEntry, new_uid
from gateway.runner.entries import effect_of_change

seconds = st.floats(0, 1e12)
jobs = st.builds(
    RunnerEntry,
    code=st.lists(st.text(min_size=1, max_size=5), max_size=3),
    data=st.dictionaries(st.text(max_size=4).filter(lambda text: not text.startswith("_")), st.integers(-5, 5)),
    delay=seconds,
    repeat=seconds,
    backoff=st.floats(0.5, 1000),
    target=st.none() | seconds,
    bus=st.none() | st.from_regex(r"\A[a-z]+\Z"),
    queue=st.integers(1, 100),
    max_failures=st.integers(0, 50),
)


def test_the_defaults_are_those_of_moat_kv():
    job = RunnerEntry()
    assert (job.code, job.data, job.delay, job.ok_after, job.repeat, job.backoff, job.target) == (
        P(":"),
        {},
        100,
        0,
        0,
        1.1,
        0,
    )
    assert (job.timeout, job.queue, job.overflow, job.max_failures, job.on_detach, job.weight) == (
        0,
        10,
        "stall",
        0,
        "stop",
        1,
    )


@given(jobs)
def test_what_is_stored_comes_back(job):
    assert RunnerEntry.from_map(codec.decode(codec.encode(job.to_map()))) == job


def test_times_keep_their_digits():
    """MoaT-KV stored floats with 32 bits: times on a grid of 128 s."""
    state = StateEntry(started=1795469432.97, stopped=1795469433.125)
    assert StateEntry.from_map(codec.decode(codec.encode(state.to_map()))) == state


def test_code_is_a_path_a_text_or_a_list():
    for code in (P("a.b"), "a.b", ["a", "b"], ("a", "b")):
        assert RunnerEntry.from_map({"code": code}).code == P("a.b")


def test_unknown_fields_are_kept_and_named():
    value = {"code": P("a"), "colour": "red"}
    job = RunnerEntry.from_map(value)
    assert job.to_map()["colour"] == "red"
    assert job.unknown == {"colour": "red"}
    assert RunnerEntry.check(value) == ["colour: a job has no such field; it is kept, and without effect"]
    assert RunnerEntry.check({"code": P("a")}) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "a job is a map of fields, not 3"),
        ({"code": 5}, "code: a path is needed"),
        ({"code": "a..b"}, "code: malformed path"),
        ({"data": {"_x": 1, "_y": 2}}, "data: names that start with an underscore are the runner's own: '_x', '_y'"),
        ({"data": {1: 2}}, "data.1"),
        ({"data": []}, "data: "),
        ({"delay": "soon"}, "delay: input should be a valid number, not 'soon'"),
        ({"delay": True}, "delay: "),
        ({"delay": -1}, "delay: input should be greater than or equal to 0, not -1"),
        ({"delay": float("nan")}, "delay: "),
        ({"delay": float("inf")}, "delay: "),
        ({"delay": None}, "delay: "),
        ({"target": "now"}, "target: "),
        ({"backoff": 0}, "backoff: "),
        ({"queue": 0}, "queue: "),
        ({"queue": 1.5}, "queue: "),
        ({"overflow": "drop"}, "overflow: input should be 'stall', 'coalesce' or 'block', not 'drop'"),
        ({"bus": "a b"}, "bus: a bus has a name without spaces"),
        ({"weight": 0}, "weight: "),
    ],
)
def test_wrong_fields_are_named(value, words):
    with pytest.raises(RecordError) as caught:
        RunnerEntry.from_map(value)
    assert words in str(caught.value)
    assert any(words in line for line in RunnerEntry.check(value))


def test_all_mistakes_at_once():
    with pytest.raises(RecordError) as caught:
        RunnerEntry.from_map({"delay": -1, "queue": 0, "bus": ""})
    assert len(caught.value.mistakes) == 3


def test_result_is_absent_until_there_is_one():
    assert "result" not in StateEntry().to_map()
    assert StateEntry(result=None).to_map()["result"] is None


def test_a_state_of_an_earlier_job_of_that_path_counts_as_none():
    state = StateEntry(uid="one", runs=5)
    assert state.of(RunnerEntry(uid="one")) == state
    assert state.of(RunnerEntry()) == state
    assert state.of(RunnerEntry(uid="two")) == StateEntry(uid="two")


def test_uids_differ():
    source = Random(1)
    assert len({new_uid(source) for _ in range(100)}) == 100


OLD = RunnerEntry(code=P("a"), data={"x": 1}, target=5.0)


@pytest.mark.parametrize(
    ("changes", "effect"),
    [
        ({"code": P("b")}, "restart"),
        ({"data": {"x": 2}}, "restart"),
        ({"data": {"x": 1.0}}, "restart"),
        ({"data": {"x": True}}, "restart"),
        ({"bus": "attic"}, "restart"),
        ({"uid": "new"}, "restart"),
        ({"target": None}, "stop"),
        ({"target": 9.0}, "none"),
        ({"delay": 1.0, "repeat": 1.0, "backoff": 2.0, "ok_after": 1.0, "max_failures": 1, "weight": 2.0}, "none"),
        ({"queue": 2, "overflow": "block", "timeout": 2.0, "on_detach": "keep"}, "none"),
        ({"info": "other"}, "none"),
    ],
)
def test_effect_of_a_change_on_a_run(changes, effect):
    assert effect_of_change(OLD, OLD.replace(**changes)) == effect
