"""Paths: both written forms give the same path back, keys sort depth-first, malformed text is pointed at."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PathError
from gateway.path import P, Path

elements = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
paths = st.lists(elements, max_size=5).map(lambda parts: Path(*parts))


@given(paths)
def test_the_text_gives_the_path_back(path):
    assert P(str(path)) == path
    assert [*map(repr, P(str(path)))] == [*map(repr, path)]


@given(paths)
def test_the_key_gives_the_path_back(path):
    assert Path.from_key(path.key) == path
    assert [*map(repr, Path.from_key(path.key))] == [*map(repr, path)]


@given(paths)
def test_a_key_is_made_of_a_few_characters(path):
    assert path.key.isascii()
    assert set(path.key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=.")
    assert ".." not in path.key
    assert not path.key.startswith(".")
    assert not path.key.endswith(".")


@given(st.text())
def test_any_text_is_a_path_or_a_path_error_within_it(text):
    read_or_refuse(text)


@given(st.text(alphabet=":._tfnex(),50v'", max_size=12))
def test_text_of_separators_is_a_path_or_a_path_error_within_it(text):
    read_or_refuse(text)


def read_or_refuse(text):
    try:
        path = P(text)
    except PathError as refusal:
        error = refusal
    else:
        assert P(str(path)) == path
        return
    if error.text is not None:
        assert error.text == text
        assert error.position in range(len(text) + 1)


@given(st.lists(paths, max_size=8))
def test_sorting_is_depth_first(found):
    """Between a path and the end of its subtree nothing else stands."""
    ordered = sorted(set(found))
    for number, first in enumerate(ordered):
        below = [path.below(first) for path in ordered[number:]]
        assert below == sorted(below, reverse=True)
    assert [path.key for path in ordered] == sorted(path.key for path in ordered)


def test_a_parent_stands_before_its_subtree_and_that_before_its_sibling():
    ordered = [P("a"), P("a:e"), P("a.A"), P("a.b"), P("a.b.c"), P("a.c"), P("a0"), P("a-b"), P("ab"), P("b")]
    assert sorted([*ordered[5:], *ordered[:5]]) == ordered


@given(paths, paths)
def test_equality_tells_types_apart(one, other):
    assert (one == other) == ([*map(repr, one)] == [*map(repr, other)])
    assert one != other or hash(one) == hash(other)


def test_elements_that_python_takes_for_equal_are_three_paths():
    found = {Path(1), Path(True), Path(1.0), Path("1"), Path(b"1"), Path((1,)), Path((True,))}
    assert len(found) == 7
    assert Path(0.0) == Path(-0.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (":", ()),
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ("a:5.b", ("a", 5, "b")),
        (":5", (5,)),
        (":-3", (-3,)),
        (":xff:x0A", (255, 10)),
        (":b101", (5,)),
        (":2:.5", (2.5,)),
        (":1e3", (1000.0,)),
        (":t:f:n:e", (True, False, None, "")),
        (":inf:-inf", (math.inf, -math.inf)),
        ("a:eb", None),
        ("a:e.b", ("a", "", "b")),
        ("a:::b", None),
        ("a::b", ("a:b",)),
        ("a:.b", ("a.b",)),
        ("a:_b", ("a b",)),
        ("a:::.:_b", ("a:. b",)),
        ("onewire.28:.67C6697351FF.temperature", ("onewire", "28.67C6697351FF", "temperature")),
        (":.moat.kv.run", (".moat", "kv", "run")),
        (":vabc", (b"abc",)),
        (":v", (b"",)),
        (":y00ff", (b"\x00\xff",)),
        (":sAP8=", (b"\x00\xff",)),
        (":(1,2)", ((1, 2),)),
        (":('a',(True,None))", (("a", (True, None)),)),
        ("grün.世界", ("grün", "世界")),
        ("-3", ("-3",)),
        ("5.t", ("5", "t")),
    ],
)
def test_text_is_read_as_documented(text, found):
    if found is None:
        with pytest.raises(PathError):
            P(text)
    else:
        assert [*map(repr, P(text))] == [*map(repr, found)]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        (".a", 0),
        ("a.", 2),
        ("a..b", 2),
        ("a.:5", 2),
        ("a:", 1),
        ("a:q", 1),
        ("a.b:5x", 3),
        (":xyz", 0),
        (":x", 0),
        (":b102", 0),
        (":y0", 0),
        (":s!", 0),
        (":(1", 0),
        (":(1)", 0),
        (":5.6:", 4),
        (":nan", 0),
        (":٣", 0),
        (":vä", 0),
        ("a:5:", 3),
    ],
)
def test_malformed_text_is_pointed_at(text, position):
    with pytest.raises(PathError) as caught:
        P(text)
    assert (caught.value.text, caught.value.position) == (text, position)


@pytest.mark.parametrize("element", [math.nan, [1], {}, object, 1j, "\ud800", (math.nan,), ([1],)], ids=repr)
def test_what_cannot_be_an_element_is_refused(element):
    with pytest.raises(PathError):
        Path(element)


def test_a_path_is_built_from_text_a_list_or_a_path():
    path = Path("a", 5, "b")
    assert Path.build("a:5.b") == Path.build(["a", 5, "b"]) == Path.build(("a", 5, "b")) == path
    assert Path.build(path) is path


@given(paths, paths)
def test_a_path_below_another_has_a_rest(ancestor, rest):
    path = ancestor + rest
    assert path.below(ancestor)
    assert path.after(ancestor) == rest


def test_a_path_is_not_below_one_that_only_begins_alike():
    assert not P("ab").below(P("a"))
    assert not P("a").below(P("a.b"))
    assert not Path(True).below(Path(1))
    assert P("a").below(Path())
    assert not P("b").below(Path(""))
    with pytest.raises(ValueError, match="ab is not below a"):
        P("ab").after(P("a"))


def test_a_path_is_a_sequence():
    path = P("a:5.b")
    assert len(path) == 3
    assert path[1] == 5
    assert path[1:] == Path(5, "b")
    assert path / "c" == P("a:5.b.c")
    assert path + P("c:1") == P("a:5.b.c:1")
    assert "b" in path
    assert repr(path) == "P('a:5.b')"


@pytest.mark.parametrize(
    "key", ["..", "a..b", "=", "=z", "a.=d00", "=iX", "=tt", "=u=", "=0", "=2d", "=i01", "ä", "a-b"]
)
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError):
        Path.from_key(key)
