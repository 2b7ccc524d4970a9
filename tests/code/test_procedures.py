"""Records of procedures, and their check."""

import pytest

from gateway.code import ProcedureEntry, check
from gateway.code.procedures import from_plugin
from gateway.errors import RecordError
from gateway.path import P
from gateway.values import RegisteredProcedure


def test_a_record_keeps_everything():
    value = {"code": "return 1", "is_async": False, "vars": ["a"], "requires": ["json"], "default": {"a": 1}, "mine": 3}
    assert ProcedureEntry.from_map(value).to_map() == {**value, "info": ""}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "code: field required"),
        ({"code": 3}, "code: input should be a valid string, not 3"),
        ({"code": "", "is_async": "yes"}, "is_async: "),
        ({"code": "", "is_async": 1}, "is_async: "),
        ({"code": "", "vars": "ab"}, "vars: "),
        ({"code": "", "vars": ["a", "a"]}, "'a' stands there twice"),
        ({"code": "", "vars": ["class"]}, "'class' is no name of a variable"),
        ({"code": "", "default": []}, "default: "),
        ("return 1", "a procedure is a map of fields, not 'return 1'"),
        ({1: 2}, "the field name 1 is no text"),
    ],
)
def test_wrong_records_are_named(value, words):
    with pytest.raises(RecordError) as caught:
        ProcedureEntry.from_map(value)
    assert words in str(caught.value)
    assert any(words in line for line in check(value))


def test_requires_takes_paths():
    assert ProcedureEntry.from_map({"code": "", "requires": [P("a.b"), ["c", "d"], "e"]}).requires == [
        "a.b",
        "c.d",
        "e",
    ]


def test_check_finds_nothing_in_good_code():
    assert check({"code": "return a", "vars": ["a"], "requires": ["json"], "is_async": None}, data={"a": 1}) == []


def test_check_names_everything():
    found = check(
        {"code": "return a", "vars": ["a", "b"], "requires": ["no.such"], "default": {"b": 1}, "colour": 1},
        P("forty.two"),
        data={},
    )
    assert found == [
        "forty.two: colour: a procedure has no such field; it is kept, and without effect",
        "forty.two: requires no.such, which can't be imported here",
        "forty.two: the variable a is missing: neither data nor default has it",
    ]


def test_check_shows_line_and_caret():
    assert check({"code": "x = 1\nreturn )"}, P("a")) == ["a, line 2: unmatched ')'\n    return )\n           ^"]


def test_a_function_of_a_plugin_gets_what_it_names():
    def function(a, _log, missing, b=7, *, c=8, **rest):
        return a, _log, missing, b, c, rest

    procedure = from_plugin(RegisteredProcedure(P("p"), function))
    assert procedure.vars == ("a", "missing", "b", "c")
    assert procedure.bind({"a": 1, "_log": 2, "other": 3, "c": 4})() == (1, 2, None, 7, 4, {})
    assert procedure.is_async is None
