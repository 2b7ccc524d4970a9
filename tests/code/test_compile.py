"""Compiling function bodies: nothing of the text changes, every mistake is shown where it is."""

import gc
import linecache
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.code.compile import check_body, compile_body
from gateway.errors import CodeError
from gateway.path import P


def run(text, *args, parameters=(), path="forty.two", **variables):
    body = compile_body(P(path), text, parameters)
    return body.function(variables)(*args)


def test_returns_at_the_top():
    assert run("return 42") == 42


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "pass", '"""only a docstring"""', "x = 1"])
def test_a_body_without_return_gives_none(text):
    assert run(text) is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0'\\")))
def test_multi_line_strings_stay_as_written(text):
    assert run(f"x = '''{text}'''\nreturn x") == text


def test_lines_of_strings_are_not_indented():
    assert run('if True:\n    x = """a\n  b\nc"""\nreturn x') == "a\n  b\nc"


def test_parameters_and_globals():
    assert run("return a + b + c", 1, 2, parameters=["a", "b"], c=3) == 6


def test_nested_functions_see_parameters_and_globals():
    assert run("def f():\n    return a + c\nreturn f()", 1, parameters=["a"], c=3) == 4


def test_nonlocal_works_inside_functions_of_the_code():
    assert (
        run("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    g()\n    return x\nreturn f()")
        == 2
    )


def test_each_call_has_globals_of_its_own():
    body = compile_body(P("counter"), "global n\nn = globals().get('n', 0) + 1\nreturn n")
    assert [body.function({})() for _ in range(3)] == [1, 1, 1]


def test_dataclasses_with_future_annotations():
    text = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    y: Missing = 2
return Point(1).y
"""
    assert run(text) == 2


def test_a_future_import_after_a_docstring_is_a_flag():
    assert run('"""doc"""\nfrom __future__ import annotations\ndef f(x: Missing): return 1\nreturn f(0)') == 1


def test_futures_of_the_host_do_not_leak_in():
    with pytest.raises(NameError):
        run("def f(x: Missing): pass")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("x = 1\ny = = 2", 2, 4, "invalid syntax"),
        ("x = 1\nfrom os import *", 2, 0, "import *"),
        ("if 1:\n    nonlocal x", 2, 4, "nonlocal"),
        ("x = 1\nfrom __future__ import annotations", 2, 0, "beginning"),
        ("from __future__ import braces", 1, None, "no future feature"),
        ("from __future__ import soup", 1, 0, "no future feature 'soup'"),
        ("x = 'ä'; await y", 1, None, "await"),
        ("x = 'äö'; nonlocal y", 1, 10, "nonlocal"),
        ("break", 1, None, "break"),
        ("  x = 1", 1, None, "indent"),
        ("x = '''\nno end", 1, None, "unterminated"),
    ],
)
def test_mistakes_have_line_and_caret(text, line, column, words):
    with pytest.raises(CodeError) as caught:
        compile_body(P("forty.two"), text)
    assert caught.value.line == line
    assert words in caught.value.reason
    assert f"forty.two, line {line}: " in str(caught.value)
    shown, caret = caught.value.excerpt.splitlines()
    assert shown == "    " + text.split("\n")[line - 1]
    assert caret.endswith("^")
    if column is not None:
        assert len(caret) == 4 + column + 1


def test_a_tab_stays_under_the_caret():
    with pytest.raises(CodeError) as caught:
        compile_body(P("a"), "if 1:\n\tnonlocal x")
    assert caught.value.excerpt == "    \tnonlocal x\n    \t^"


def test_null_characters_and_deep_nesting_are_code_errors():
    for text in ("x = '\0'", "(" * 5000 + ")" * 5000, "-" * 100_000 + "1"):
        with pytest.raises(CodeError):
            compile_body(P("a"), text)


@pytest.mark.parametrize("is_async", [True, False])
def test_only_synchronous_code_may_yield(is_async):
    with pytest.raises(CodeError, match="yield"):
        compile_body(P("a"), "yield 1", is_async=is_async)
    assert list(run("yield 1\nyield 2")) == [1, 2]
    compile_body(P("a"), "def f():\n    yield 1\nreturn list(f())", is_async=is_async)


def test_tracebacks_show_path_line_and_text():
    with pytest.raises(ZeroDivisionError) as caught:
        run("x = '''\n\n'''\ndef f():\n    return 1 / 0\nreturn f()", path="forty.two")
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "<forty.two>", line 6, in two\n    return f()' in shown
    assert 'File "<forty.two>", line 5, in f\n    return 1 / 0' in shown


def test_two_codes_of_one_path_have_their_own_lines():
    one = compile_body(P("a.b"), "1 / 0  # one")
    other = compile_body(P("a.b"), "1 / 0  # other")
    for body, text in ((one, "# one"), (other, "# other")):
        with pytest.raises(ZeroDivisionError) as caught:
            body.function({})()
        assert text in "".join(traceback.format_exception(caught.value))
    assert one.filename == "<a.b>"
    assert other.filename == "<a.b #2>"


def test_text_goes_with_the_code():
    body = compile_body(P("gone"), "return 1")
    assert "<gone>" in linecache.cache
    linecache.checkcache()
    assert "<gone>" in linecache.cache
    del body
    gc.collect()
    assert "<gone>" not in linecache.cache


def test_warnings_are_silent_when_compiled_and_told_when_checked():
    compile_body(P("a"), "return 1 is 1")
    (told,) = check_body(P("a"), "\nreturn 1 is 1")
    assert told.startswith("a, line 2: ")
