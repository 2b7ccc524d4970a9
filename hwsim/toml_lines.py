"""Where each key of a TOML text stands; the standard parser gives values without lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[{1,2})([^\]]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*')
_QUOTES = ('"""', "'''")


class KeyLines:
    """The line of each table and key of a text that is valid TOML.

    Keys inside an inline table or array count as standing where the table or array begins.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._array_sizes: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for number, line in _logical_lines(text):
            if header := _HEADER.match(line):
                table = self._enter(_parts(header[2]), number, array=header[1] == "[[")
            elif key := _KEY.match(line):
                self._note((*table, *_parts(key[1])), number)

    def line(self, path: KeyPath) -> int | None:
        """The line of a key, else of the nearest table around it; None for the whole file."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _enter(self, parts: tuple[str, ...], number: int, *, array: bool) -> KeyPath:
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._last((*path, part))
        path += (parts[-1],)
        if array:
            index = self._array_sizes.get(path, 0)
            self._array_sizes[path] = index + 1
            self._lines.setdefault(path, number)
            path += (index,)
        self._note(path, number)
        return path

    def _last(self, path: KeyPath) -> KeyPath:
        return (*path, self._array_sizes[path] - 1) if path in self._array_sizes else path

    def _note(self, path: KeyPath, number: int) -> None:
        self._lines.setdefault(path, number)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines on which a key or header can begin: not those within a multi-line string or array."""
    depth, quote = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            if line.count(quote) % 2:
                quote = ""
            continue
        if depth == 0:
            yield number, line
            if _HEADER.match(line):
                continue
        quote = next((q for q in _QUOTES if line.count(q) % 2), "")
        bare = _STRING_OR_COMMENT.sub("", line)
        depth += bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
