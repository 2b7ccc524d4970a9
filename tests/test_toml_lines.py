"""The line of each key, against ``tomllib`` as the judge of what the keys are."""

import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.toml_lines import key_lines

TEXT = '''\
# a comment with [brackets] and key = 1
top.inner = """
[not.a.table]
x = 1""\\"
"""
[ spaced . "quoted.name" ]  # "comment"
a = [1,
  [2, "]"], # ]
  { b = 3, 'c' = "}" },
]
literal = \'\'\'
# text\'\'\'
[[many]]
x = 1
[many.sub]
y = 2
[[many]]
[[many.deep]]
z = { p.q = 1 }
'''


def test_every_kind_of_key():
    assert key_lines(TEXT) == {
        ("top",): 2,
        ("top", "inner"): 2,
        ("spaced", "quoted.name"): 6,
        ("spaced", "quoted.name", "a"): 7,
        ("spaced", "quoted.name", "a", 0): 7,
        ("spaced", "quoted.name", "a", 1): 8,
        ("spaced", "quoted.name", "a", 1, 0): 8,
        ("spaced", "quoted.name", "a", 1, 1): 8,
        ("spaced", "quoted.name", "a", 2): 9,
        ("spaced", "quoted.name", "a", 2, "b"): 9,
        ("spaced", "quoted.name", "a", 2, "c"): 9,
        ("spaced", "quoted.name", "literal"): 11,
        ("many",): 13,
        ("many", 0): 13,
        ("many", 0, "x"): 14,
        ("many", 0, "sub"): 15,
        ("many", 0, "sub", "y"): 16,
        ("many", 1): 17,
        ("many", 1, "deep"): 18,
        ("many", 1, "deep", 0): 18,
        ("many", 1, "deep", 0, "z"): 19,
        ("many", 1, "deep", 0, "z", "p"): 19,
        ("many", 1, "deep", 0, "z", "p", "q"): 19,
    }


words = st.text("ab-_1 .#[]{}=\"'\\,\n", min_size=1, max_size=5)
strings = words.map(json.dumps) | words.filter(lambda text: "'" not in text).map(lambda text: f"'''{text}'''")
scalars = strings | st.integers().map(str) | st.booleans().map(str).map(str.lower) | st.just("1979-05-27 07:32:00Z")
keys = st.from_regex(r"[ab_1-]{1,3}", fullmatch=True) | words.map(json.dumps)


def _inline(inner):
    arrays = st.lists(inner, max_size=3).map(lambda parts: "[\n" + " , # ] comment\n".join(parts) + "\n]")
    tables = st.dictionaries(keys, inner, max_size=3).map(
        lambda parts: "{ " + ", ".join(f"{key} = {value}" for key, value in parts.items()) + " }"
    )
    return arrays | tables


pairs = st.tuples(keys, st.recursive(scalars, _inline, max_leaves=6)).map(" = ".join)
headers = keys.map(lambda key: f"[{key}]") | keys.map(lambda key: f"[[ {key} ]] # [x]")
texts = st.lists(pairs | headers | st.just("# [x] = '"), max_size=8).map("\n".join)


def places(value, place=()):
    """Every key of parsed TOML, in the form of ``key_lines``."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*place, name)
        yield from places(part, (*place, name))


@given(texts)
def test_each_key_of_the_text_has_its_line_and_nothing_else_has(text):
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = key_lines(text)
    assert set(found) == set(places(parsed))
    lines = text.split("\n")
    for key, line in found.items():
        if isinstance(key[-1], str) and key[-1].isidentifier():
            assert key[-1] in lines[line - 1]
