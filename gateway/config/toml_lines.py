"""On which line each key of a TOML text stands, which ``tomllib`` does not tell."""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
# In this order: a triple quote begins with a single one. Up to two quotes may stand right before the closing three.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL
)


def key_lines(text: str) -> dict[Key, int]:
    """Map each table, key and array element of a well-formed TOML text to its line, counted from 1.

    The elements of an array carry their index: the key ``bus`` of the second ``[[interface]]`` is
    ``("interface", 1, "bus")``.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Walks over a text that ``tomllib`` has accepted already, so it needs to see no mistakes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Key, int] = {}
        self.tables: dict[Key, int] = {}  # how many [[...]] of each name so far

    def scan(self) -> dict[Key, int]:
        table: Key = ()
        self.blank()
        while self.position < len(self.text):
            if self.takes("[["):
                table = self.header(array=True)
            elif self.takes("["):
                table = self.header(array=False)
            else:
                self.pair(table)
            self.blank()
        return self.lines

    def header(self, *, array: bool) -> Key:
        line = self.line()
        table: Key = ()
        names = self.dotted()
        for depth, name in enumerate(names):
            table += (name,)
            if array and depth == len(names) - 1:
                self.tables[table] = self.tables.get(table, 0) + 1
                self.lines.setdefault(table, line)
            if table in self.tables:
                table += (self.tables[table] - 1,)
        self.lines.setdefault(table, line)
        self.takes("]]" if array else "]")
        return table

    def pair(self, table: Key) -> None:
        line = self.line()
        key = table
        for name in self.dotted():
            key += (name,)
            self.lines.setdefault(key, line)
        self.blank()
        self.takes("=")
        self.blank()
        self.value(key)

    def value(self, key: Key) -> None:
        if self.takes("["):
            index = 0
            while not self.ends("]"):
                self.lines[(*key, index)] = self.line()
                self.value((*key, index))
                index += 1
        elif self.takes("{"):
            while not self.ends("}"):
                self.pair(key)
        elif not self.skip(_STRING):
            self.skip(_SCALAR)

    def dotted(self) -> list[str]:
        names = [self.name()]
        self.blank()
        while self.takes("."):
            self.blank()
            names.append(self.name())
            self.blank()
        return names

    def name(self) -> str:
        self.blank()
        if bare := self.skip(_BARE):
            return bare
        quoted = self.skip(_STRING)
        return str(tomllib.loads(f"key = {quoted}")["key"])

    def ends(self, bracket: str) -> bool:
        """Pass over what separates two elements; whether the closing bracket followed."""
        self.blank()
        if self.takes(","):
            self.blank()
        return self.takes(bracket) or self.position >= len(self.text)

    def takes(self, token: str) -> bool:
        found = self.text.startswith(token, self.position)
        self.position += len(token) * found
        return found

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return match[0] if match else ""

    def blank(self) -> None:
        self.skip(_BLANK)

    def line(self) -> int:
        return self.text.count("\n", 0, self.position) + 1
