"""Plain values that stored code gets."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.code.variables import AttributeMap, digits, merged, path_of
from gateway.errors import PathError
from gateway.path import P, Path


@pytest.mark.parametrize(
    ("number", "count", "result"),
    [(21.3700008, 6, 21.37), (1234567.0, 3, 1230000.0), (0.000123456, 2, 0.00012), (0, 6, 0), (-2.55555, 3, -2.56)],
)
def test_digits(number, count, result):
    assert digits(number, count) == result


def test_digits_of_no_number():
    assert math.isnan(digits(math.nan))
    assert digits(math.inf) == math.inf


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 15))
def test_digits_are_close(number, count):
    assert digits(number, count) == pytest.approx(number, rel=0.5 * 10 ** (1 - count) * 1.01, abs=1e-300)


def test_paths():
    assert path_of("a", 1) == path_of(["a", 1]) == P("a:1")
    assert path_of() == path_of([]) == Path()
    assert path_of(("a", 1)) == Path(("a", 1))
    with pytest.raises(PathError):
        path_of(["a"], "b")


def test_attribute_map():
    cfg = AttributeMap({"node": {"name": "n1"}, "items": 3})
    assert cfg.node.name == cfg["node"]["name"] == "n1"
    assert dict(cfg["node"]) == {"name": "n1"}
    with pytest.raises(AttributeError, match="no 'nodes' here; there are: node, items"):
        _ = cfg.nodes
    with pytest.raises(TypeError):
        cfg["node"] = 1


def test_merged_copies():
    default = {"a": {"b": 1}}
    result = merged(default, {"a": {"c": 2}, "d": 3})
    assert result == {"a": {"b": 1, "c": 2}, "d": 3}
    assert default == {"a": {"b": 1}}
    assert merged({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
