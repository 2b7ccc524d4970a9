"""The exception tree: it is what its drawing says, and each message says what and where."""

import inspect
import re

import pytest

from gateway import errors
from gateway.errors import BusgateError, CodeError, ConfigError, Conflict, Detached, PathError, Retryable
from gateway.path import P
from gateway.values import Entry

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, BusgateError)]


def drawn():
    """Name and depth of each class in the drawing."""
    lines = [re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line) for line in errors.__doc__.splitlines()]
    return [(match[2], len(match[1]) // 4) for match in lines if match]


def test_the_drawing_shows_every_class_below_its_parent():
    parents = {}
    for name, depth in drawn():
        parents[depth] = name
        if depth:
            bases = [base.__name__ for base in getattr(errors, name).__mro__]
            assert parents[depth - 1] in bases, f"{name} is drawn below {parents[depth - 1]}"
    assert {name for name, _ in drawn()} | {"Retryable"} == {each.__name__ for each in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_without_words_says_what_it_is(kind):
    if kind.__init__ is Exception.__init__:
        assert str(kind()) == kind.__doc__.strip()
        assert str(kind("the cable is cut")) == "the cable is cut"


def test_retryable_is_a_type():
    assert issubclass(Detached, Retryable)
    assert not issubclass(Conflict, Retryable)


def test_messages_carry_what_and_where():
    assert str(PathError("a hole", "a..b", 2)) == "malformed path: a hole at position 2 of 'a..b'"
    assert str(PathError("a hole")) == "malformed path: a hole"
    assert str(Conflict(P("a.b"), 3, Entry(P("a.b"), 1, 4))) == "conflict at a.b: expected revision 3, found 4"
    assert str(Conflict(P("a.b"), 3)) == "conflict at a.b: expected revision 3"
    assert str(ConfigError(["x.toml:1: a", "x.toml:2: b"])) == "x.toml:1: a\nx.toml:2: b"
    assert str(CodeError(P("forty.two"), "no code", 3, "  retrun 1\n  ^")) == (
        "forty.two, line 3: no code\n  retrun 1\n  ^"
    )
