"""Path: where a value lives in the store; its text form and its key form.

Theory of operation
-------------------
A path is an immutable sequence of elements. It has two written forms, each of which gives the same path back:

1. *Text*, for people: ``str(path)`` and ``P(text)``, the syntax of MoaT paths (documentation of moat-lib-path).
   ``.`` and ``:`` separate; a colon that separates says which type follows (``a:5.b``). Within an element a colon is
   an escape: ``::`` colon, ``:.`` dot, ``:_`` space. So a colon followed by one of ``: . _`` never separates.
2. *Key*, for storage backends: ``path.key`` and ``Path.from_key(key)``: ASCII letters, digits, ``_``, ``=`` and ``.``,
   legal as a NATS subject and a file name. Elements are joined by ``.``, which sorts before every other character in
   use (that is why ``-`` is escaped): the plain byte order of keys is the depth-first order of the tree.

Equality, hash and order are those of the key, so ``Path(1)``, ``Path(True)`` and ``Path(1.0)`` are three paths.
"""

from __future__ import annotations

import ast
import base64
import binascii
import math
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import total_ordering
from typing import Any, TypeAlias, overload

from gateway.errors import PathError

Element: TypeAlias = "str | int | bool | float | bytes | tuple[Element, ...] | None"

_ESCAPES = {":": "::", ".": ":.", " ": ":_"}
_UNESCAPES = {":": ":", ".": ".", "_": " "}
_WORDS: dict[str, Element] = {"t": True, "f": False, "n": None, "e": "", "inf": math.inf, "-inf": -math.inf}
_PLAIN = re.compile(rb"[A-Za-z0-9_]")
_FLOAT = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


@total_ordering
class Path(Sequence[Element]):
    """An immutable sequence of elements: ``str``, ``int``, ``bool``, ``None``, ``float``, ``bytes``, nested ``tuple``.

    Raises:
        PathError: an element is of another type, not a number (NaN), or not encodable as UTF-8.
    """

    __slots__ = ("_elements", "_key")

    def __init__(self, *elements: Element) -> None:
        checked: list[Element] = []
        keys: list[str] = []
        for element in elements:
            if type(element) is str and element.isascii() and element.isidentifier():  # by far the most: kept quick
                checked.append(element)
                keys.append(element)
            else:
                checked.append(_checked(element))
                keys.append(_element_key(checked[-1]))
        self._elements = tuple(checked)
        self._key = ".".join(keys)

    @classmethod
    def build(cls, source: Path | str | Iterable[Element]) -> Path:
        """Make a path from a path, its text, or a list or tuple of elements.

        Raises:
            PathError: the text is malformed, or an element can't be one.
        """
        if isinstance(source, Path):
            return source
        return P(source) if isinstance(source, str) else cls(*source)

    @classmethod
    def from_key(cls, key: str) -> Path:
        """Read a key as a backend stores it; ValueError when it is none."""
        path = object.__new__(cls)
        try:
            path._elements = tuple(map(_key_element, key.split("."))) if key else ()
        except (ValueError, IndexError, struct.error) as error:
            raise ValueError(f"{key!r} is no key of a path") from error
        path._key = key
        return path

    @property
    def key(self) -> str:
        return self._key

    def below(self, ancestor: Path) -> bool:
        """Whether this path is ``ancestor`` or stands in its subtree."""
        return self._elements[: len(ancestor)] == ancestor._elements and (
            self._key == ancestor._key or not ancestor._key or self._key.startswith(ancestor._key + ".")
        )

    def after(self, ancestor: Path) -> Path:
        """The rest of this path, seen from ``ancestor``; ValueError when it isn't below it."""
        if not self.below(ancestor):
            raise ValueError(f"{self} is not below {ancestor}")
        return self[len(ancestor) :]

    def __truediv__(self, element: Element) -> Path:
        return self + Path(element)

    def __add__(self, other: Path | Iterable[Element]) -> Path:
        other = other if isinstance(other, Path) else Path(*other)
        joined = object.__new__(Path)  # both are checked already, and every store operation comes by here
        joined._elements = self._elements + other._elements
        joined._key = f"{self._key}.{other._key}" if self._elements and other._elements else self._key + other._key
        return joined

    @overload
    def __getitem__(self, index: int) -> Element: ...
    @overload
    def __getitem__(self, index: slice) -> Path: ...
    def __getitem__(self, index: int | slice) -> Element | Path:
        return Path(*self._elements[index]) if isinstance(index, slice) else self._elements[index]

    def __len__(self) -> int:
        return len(self._elements)

    def __iter__(self) -> Iterator[Element]:
        return iter(self._elements)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key and len(self) == len(other) if isinstance(other, Path) else NotImplemented

    def __lt__(self, other: Path) -> bool:
        return self._key < other._key if isinstance(other, Path) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        text = "".join(_element_text(element) for element in self._elements)
        return text.removeprefix(".") or ":"

    def __repr__(self) -> str:
        return f"P({str(self)!r})"


def P(text: str) -> Path:  # noqa: N802 - the name that stored code knows it by
    """Read the text form of a path.

    Raises:
        PathError: the text is malformed; names the position of the first character that can't be read.
    """
    if text == ":":
        return Path()
    if not text:
        raise PathError("the text is empty (the empty path is written ':')", text, 0)
    elements: list[Element] = []
    position = 0
    while position < len(text):
        typed = _separates(text, position)
        if not typed and elements:
            position += 1  # the dot
            if _separates(text, position):
                raise PathError("a dot stands before a separating colon", text, position)
        token, end = _token(text, position + typed)
        if not token and not typed:
            raise PathError("an element is empty (the empty string is written ':e')", text, position)
        elements.append(_typed(token, text, position) if typed else token)
        position = end
    return Path(*elements)


def _separates(text: str, position: int) -> bool:
    """Whether a colon stands here that begins an element rather than an escape."""
    return text[position : position + 1] == ":" and text[position + 1 : position + 2] not in _UNESCAPES


def _token(text: str, position: int) -> tuple[str, int]:
    """Read one element without its separator: its text with the escapes undone, and where it ends."""
    found: list[str] = []
    while position < len(text) and text[position] != "." and not _separates(text, position):
        if text[position] == ":":
            position += 1
            found.append(_UNESCAPES[text[position]])
        else:
            found.append(text[position])
        position += 1
    return "".join(found), position


def _typed(token: str, text: str, position: int) -> Element:
    """The element that a token after a separating colon stands for."""
    if token in _WORDS:
        return _WORDS[token]
    try:
        return _number_or_bytes(token)
    except (ValueError, SyntaxError, binascii.Error, UnicodeEncodeError) as error:
        raise PathError(f"':{token}' is no element", text, position) from error


def _number_or_bytes(token: str) -> Element:
    kind, rest = token[:1], token[1:]
    match kind:
        case "x":
            return int(_digits(rest, "[0-9A-Fa-f]+"), 16)
        case "b":
            return int(_digits(rest, "[01]+"), 2)
        case "v":
            return rest.encode("ascii")
        case "y":
            return bytes.fromhex(_digits(rest, "([0-9A-Fa-f]{2})*"))
        case "s":
            return base64.b64decode(rest, validate=True)
        case "(":
            return _tuple(token)
    if re.fullmatch(r"-?\d+", token, re.ASCII):
        return int(token)
    return float(_digits(token, _FLOAT.pattern))


def _digits(text: str, pattern: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(text)
    return text


def _tuple(token: str) -> tuple[Element, ...]:
    value = ast.literal_eval(token)
    if not isinstance(value, tuple):
        raise ValueError(token)  # noqa: TRY004 - malformed text, not a wrong type
    return value


def _element_text(element: Element) -> str:
    """One element with its separator before it."""
    if isinstance(element, str):
        return "." + _escape(element) if element else ":e"
    if isinstance(element, bytes):
        plain = element.isascii() and element.decode("ascii").isprintable()
        return ":v" + _escape(element.decode("ascii")) if plain else ":y" + element.hex()
    for word, value in _WORDS.items():
        if type(value) is type(element) and value == element:
            return ":" + word
    return ":" + _escape(_literal(element))


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _literal(element: Element) -> str:
    """A Python literal without spaces between elements; infinity as a number too large for a float."""
    if isinstance(element, tuple):
        return "(" + ",".join(map(_literal, element)) + (",)" if len(element) == 1 else ")")
    if isinstance(element, float) and math.isinf(element):
        return "1e999" if element > 0 else "-1e999"
    return repr(element)


def _checked(element: Any) -> Element:
    if isinstance(element, tuple) and not hasattr(element, "_fields"):
        return tuple(_checked(part) for part in element)
    if isinstance(element, float):
        if math.isnan(element):
            raise PathError("NaN can't be an element: it equals nothing")
        return element + 0.0  # the two zeros are equal, so they need one key
    if element is None or isinstance(element, str | int | bytes):
        return element
    raise PathError(f"{element!r} can't be an element: it is of type {type(element).__name__}")


def _element_key(element: Element) -> str:
    match element:
        case "":
            return "=e"
        case str():
            return _string_key(element)
        case bool():
            return "=t" if element else "=f"
        case None:
            return "=n"
        case int():
            return f"=i{element}" if element >= 0 else f"=m{-element}"
        case float():
            return "=d" + struct.pack(">d", element).hex()
        case bytes():
            return "=b" + element.hex()
    return "=u" + Path(*element).key.encode().hex()


def _string_key(text: str) -> str:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise PathError(f"{text!r} can't be an element: it is no valid Unicode text") from error
    return "".join(chr(byte) if _PLAIN.fullmatch(bytes([byte])) else f"={byte:02X}" for byte in raw)


def _key_element(part: str) -> Element:
    """Read the key of one element; ValueError, IndexError or struct.error when it is none."""
    if part.isascii() and part.isidentifier():  # by far the most: kept quick
        return part
    element = _checked(_element_of(part))
    if _element_key(element) != part:
        raise ValueError(f"{part!r} is no part of a key")
    return element


def _element_of(part: str) -> Element:
    if not part.startswith("=") or part[1:2].isupper() or part[1:2].isdigit():
        return re.sub(rb"=(..)", lambda m: bytes.fromhex(m[1].decode()), part.encode()).decode()
    match part[1], part[2:]:
        case "e", "":
            return ""
        case ("t" | "f" | "n") as word, "":
            return _WORDS[word]
        case "i", digits:
            return int(digits)
        case "m", digits:
            return -int(digits)
        case "d", digits:
            return float(struct.unpack(">d", bytes.fromhex(digits))[0])
        case "b", digits:
            return bytes.fromhex(digits)
        case "u", digits:
            return tuple(Path.from_key(bytes.fromhex(digits).decode()))
    raise ValueError(f"{part!r} is no part of a key")
