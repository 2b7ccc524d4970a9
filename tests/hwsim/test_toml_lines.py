"""Keys are found on their lines, whatever stands between them."""

import pytest

from hwsim.toml_lines import KeyLines

TEXT = '''seed = 7  # [not] a table
note = """
[bus]
seed = 8
"""
list = [
  "a = 1",   # ]
  "[[bus]]",
]
'quoted key' = 1

[[bus]]
name = "attic"
inline = { curve = "day", mean = 3 }

[[bus]]  # another
name = "cellar"
[bus.cache]
volatile = 3
a.b = 4
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("seed",), 1),
        (("note",), 2),
        (("list",), 6),
        (("quoted key",), 10),
        (("bus",), 12),
        (("bus", 0), 12),
        (("bus", 0, "name"), 13),
        (("bus", 0, "inline", "mean"), 14),
        (("bus", 0, "missing"), 12),
        (("bus", 1, "name"), 17),
        (("bus", 1, "cache", "volatile"), 19),
        (("bus", 1, "cache", "a", "b"), 20),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_lines(path, line):
    assert KeyLines(TEXT).line(path) == line
