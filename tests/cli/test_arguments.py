"""Arguments: what is no value, no path, no moment is refused in one line, whatever it is."""

import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.arguments import MOMENT, expression, json_value
from gateway.codec import to_json

DEEP = "[" * 100_000


@pytest.mark.parametrize("text", [DEEP, '{"$bytes": "x"}', '{"$path": ".."}'])
def test_json_that_is_no_value(busgate, text):
    for words in (["store", "set", "a", text], ["run", "-n", "attic", "set", "it", "-c", "x", "-e", "a", text]):
        done = busgate(*words)
        assert done.status == 2
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
    assert busgate("store list --json").out == ""


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: not isinstance(value, dict) or not {"$bytes", "$path"} & value.keys())


@given(values)
def test_an_expression_is_json_or_python(value):
    assert expression(to_json(value)) == value
    assert json_value(to_json(value)) == value


@given(st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.integers(), st.text()))
def test_an_expression_may_be_a_python_literal(value):
    assert expression(repr(value)) == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.sampled_from(["-t", "-e a", "-p a", "-r", "--queue", "-c", "--on-detach", "-C"]), st.text(max_size=12))
def test_no_text_gives_a_traceback(busgate, option, text):
    words = ["run", "-n", "attic", "set", "it", *([] if option == "-c" else ["-c", "x"]), *shlex.split(option), text]
    done = busgate(*words)
    assert done.status in (0, 1, 2)
    assert (done.status == 0) == (not done.err or done.err.startswith("note: "))


@pytest.mark.parametrize(
    ("text", "moment"),
    [("-", None), ("1970-01-01T00:00:10Z", 10), ("1970-01-01T01:00:00+01:00", 0), ("2030-01-31T07:30Z", 1896075000)],
)
def test_moments(text, moment):
    assert MOMENT.convert(text, None, None) == moment


@pytest.mark.parametrize("which", ["-n ''", "-g ' '", "-n attic -g ''"])
def test_an_empty_name_is_none(busgate, which):
    done = busgate(f"run {which} set it -c x")
    assert done.status == 2
    assert "the name is empty" in done.err


def test_the_root_is_no_job_and_no_procedure(busgate):
    assert busgate("run -n attic set : -c x").status == 2
    assert busgate("code set : -S /dev/null").status == 2
    assert busgate("store list --json").out == ""
