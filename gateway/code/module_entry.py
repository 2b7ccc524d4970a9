"""Modules as they stand in the store, and what is wrong with them."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from gateway.code.compile import check_module
from gateway.code.dependencies import ancestors, arrange
from gateway.code.imports import imports
from gateway.code.installed import installed
from gateway.code.requires import missing
from gateway.errors import CodeError, RecordError
from gateway.record import ModuleNames, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.path import Path


class ModuleEntry(Record):
    """A module as it stands in the store; its path is its name: ``a.b`` is imported by ``import a.b``.

    Attributes:
        code: the text of the module.
        requires: modules that are loaded before it. Stored modules that it imports at its top are found without it.
        info: for people.
    """

    what: ClassVar[str] = "module"

    code: str
    requires: ModuleNames = Field(default_factory=list)
    info: str = ""

    def does_the_same(self, other: ModuleEntry) -> bool:
        """Whether only ``info`` and unknown fields differ."""
        return self.code == other.code and self.requires == other.requires


def name_of(path: Path) -> str:
    """The name that a path is imported by.

    Raises:
        CodeError: it can't be one.
    """
    for element in path:
        if not isinstance(element, str) or not element.isidentifier() or keyword.iskeyword(element):
            raise CodeError(path, f"can't be imported: {element!r} is no name in Python")
    if not path:
        raise CodeError(path, "a module needs a path of at least one element")
    return ".".join(map(str, path))


def package_of(name: str) -> str:
    """What relative imports of a module start from."""
    return name.rpartition(".")[0]


def check_entry(value: Any, path: Path) -> list[str]:
    """What is wrong or odd about one module, without storing or running it: a text for each mistake."""
    found = [f"{path}: {line}" for line in ModuleEntry.check(value)]
    try:
        name = name_of(path)
        if place := installed(name):
            found.append(str(shadows(path, place)))
        found += check_module(path, ModuleEntry.from_map(value).code)
    except RecordError:
        pass
    except CodeError as error:
        found.append(str(error))
    return found


def shadows(path: Path, place: str) -> CodeError:
    """The complaint about a name that an installed module has."""
    return CodeError(path, f"can't have this name: it would hide an installed module ({place})")


def runs_in_circles(path: Path, cycle: tuple[str, ...]) -> CodeError:
    """The complaint about a module that needs itself."""
    start = cycle.index(str(path))
    return CodeError(path, "needs itself: " + " -> ".join([*cycle[start:], *cycle[:start], cycle[start]]))


def check_modules(values: Mapping[Path, Any]) -> dict[Path, list[str]]:
    """What is wrong with a set of modules, each by itself and one with the other."""
    found = {path: check_entry(value, path) for path, value in values.items()}
    entries: dict[str, tuple[Path, ModuleEntry]] = {}
    for path, value in values.items():
        try:
            entries[name_of(path)] = path, ModuleEntry.from_map(value)
        except (CodeError, RecordError):
            continue
    packages = {one for name in entries for one in ancestors(name)}
    needs = {}
    for name, (path, entry) in entries.items():
        needs[name] = ({*entry.requires} | imports(entry.code, package_of(name)).at_once) - {name}
        lacking = missing(one for one in entry.requires if one not in entries and one not in packages)
        found[path] += [
            f"{path}: requires {one}, which is neither stored nor can it be imported here" for one in lacking
        ]
    for cycle in arrange(needs, {}).cycles:
        for name in cycle:
            found[entries[name][0]].append(str(runs_in_circles(entries[name][0], cycle)))
    return found
