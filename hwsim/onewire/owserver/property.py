"""Properties: the files that owserver shows for a device, or below /settings, /system and /statistics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from hwsim.onewire.owserver.formats import NUMBER_WIDTH, Format, Value

Read = Callable[[Any, int], Awaitable[Value]]
Write = Callable[[Any, int, Any], Awaitable[None]]
"""Both get where to read or write and the element of an array; of an array that is combined, all bits at once."""


class Element(IntEnum):
    """What a path names of an array besides a single element; the numbers are owserver's."""

    ALL = -1
    BYTE = -2


class PropertyError(Exception):
    """A property can't be read or written, for a reason that has a return value of its own."""

    def __init__(self, ret: int) -> None:
        super().__init__(f"owserver return value {ret}")
        self.ret = ret


@dataclass(frozen=True)
class Property:
    """One property; `read` or `write` None means it can't be.

    `change` is the letter of owserver's structure directory: f fixed, s stable, v volatile, t each second.
    """

    name: str
    form: Format
    change: str = "v"
    read: Read | None = None
    write: Write | None = None
    width: int = 0
    """Characters of one value; 0: those of the format."""
    count: int = 0
    """Elements; 0: no array."""
    letters: bool = False
    """Elements are named A, B, ... instead of 0, 1, ..."""
    combined: bool = False
    """Read and written as one number whose bits are the elements."""
    hidden: bool = False
    """In the structure directory, but not among the files of a device."""
    only: tuple[str, ...] = ()
    """The parts of the family whose folder has the file; none: all of them. It can be read of the others too."""
    linked: bool = False
    """Made of another property or register, whose cached value it takes; it has none of its own."""
    converts: bool = False
    """A simultaneous conversion makes what is cached of it old."""

    @property
    def element_width(self) -> int:
        """Characters of one value."""
        return self.width or self.form.width or NUMBER_WIDTH

    def length(self, element: int) -> int:
        """The most characters of a value, which is the length of the file."""
        if element == Element.BYTE:
            return NUMBER_WIDTH
        if element == Element.ALL:
            gap = 0 if self.form is Format.BINARY else 1
            return self.count * (self.element_width + gap) - gap
        return self.element_width

    def file_names(self, first_only: bool = False) -> Iterator[str]:
        """The names under which the property is listed, without its folder."""
        name = self.name.rpartition("/")[2]
        if not self.count:
            yield name
            return
        if self.combined:
            yield f"{name}.BYTE"
        yield f"{name}.ALL"
        for index in range(1 if first_only else self.count):
            yield f"{name}.{chr(ord('A') + index) if self.letters else index}"

    def element(self, extension: str | None) -> int | None:
        """The element that the part after the dot names; None when there is no such one."""
        if extension is None:
            return None if self.count else 0
        if not self.count:
            return None
        if extension == "ALL":
            return Element.ALL
        if extension == "BYTE":
            return Element.BYTE if self.combined else None
        index = ord(extension) - ord("A") if self.letters and len(extension) == 1 else -1
        if not self.letters and extension.isdecimal():
            index = int(extension)
        return index if 0 <= index < self.count else None

    def structure(self, element: int) -> str:
        """The line of the structure directory."""
        access = ("oo", "ro", "wo", "rw")[(self.read is not None) + 2 * (self.write is not None)]
        index = element if self.count else 0
        sign = "-" if index < 0 else ""
        return (
            f"{self.form.value},{sign}{abs(index):06d},{self.count or 1:06d},{access},"
            f"{self.length(element):06d},{self.change},"
        )


class PropertyTable:
    """The properties of one device family or information folder, in the order in which they are listed."""

    def __init__(self, properties: Iterable[Property], branches: Iterable[str] = ()) -> None:
        self._properties = {prop.name: prop for prop in sorted(properties, key=lambda p: p.name)}
        self.branches = frozenset(branches)
        """Folders that hold other devices: the outputs of a hub."""
        folders = {name.rpartition("/")[0] for name in self._properties if "/" in name}
        parents = {folder.rpartition("/")[0] for folder in folders if "/" in folder}
        self.folders = folders | parents

    def __iter__(self) -> Iterator[Property]:
        return iter(self._properties.values())

    def __getitem__(self, name: str) -> Property:
        return self._properties[name]

    def find(self, file_name: str) -> tuple[Property, int] | None:
        """The property and element that a file name means; None when there is no such file."""
        if prop := self._properties.get(file_name):
            element = prop.element(None)
            return None if element is None else (prop, element)
        name, dot, extension = file_name.rpartition(".")
        prop = self._properties.get(name) if dot else None
        if prop is None:
            return None
        element = prop.element(extension)
        return None if element is None else (prop, element)

    def entries(self, folder: str = "", *, part: str = "", structure: bool = False) -> Iterator[tuple[str, bool]]:
        """Names in a folder of a device of that part, each with whether it is a folder itself."""
        start = f"{folder}/" if folder else ""
        inner: dict[str, Property | None] = {} if folder else dict.fromkeys(self.branches)
        for prop in self:
            shown = structure or not (prop.hidden or (prop.only and part not in prop.only))
            if not prop.name.startswith(start) or not shown:
                continue
            head, slash, _ = prop.name[len(start) :].partition("/")
            inner[head] = None if slash else prop
        for name in sorted(inner):
            found = inner[name]
            if found is None:
                yield name, True
            else:
                yield from ((file_name, False) for file_name in found.file_names(first_only=structure))
