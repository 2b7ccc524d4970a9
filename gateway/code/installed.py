"""Whether a name belongs to an installed module, which nothing stored may hide."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.code.dependencies import ancestors
from gateway.code.module_finder import ModuleFinder, finders, loader_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.machinery import ModuleSpec


def installed(name: str) -> str:
    """Where the installed module is that a stored one of this name would hide; empty if there is none.

    What stands below an installed module is its own too, but for namespace packages. Nothing is imported for that.
    """
    path: Iterable[str] | None = None
    for part in [*ancestors(name), name]:
        found = sys.modules.get(part)
        spec = getattr(found, "__spec__", None) if found is not None else _spec(part, path)
        ours = isinstance(loader_of(found), ModuleFinder) or any(part in one.loaded for one in finders())
        if found is not None and ours:
            path = []
            continue
        if found is None and spec is None:
            return ""
        path = getattr(spec, "submodule_search_locations", None)
        namespace = path is not None and getattr(spec, "origin", None) is None
        if part == name or not namespace:
            where = getattr(spec, "origin", None) or getattr(found, "__file__", None) or ", ".join(path or ["no file"])
            return f"{part}: {where}"
    return ""


def _spec(name: str, path: Iterable[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, ModuleFinder):
            continue
        try:
            spec = finder.find_spec(name, None if path is None else list(path))
        except Exception:  # noqa: BLE001 - somebody else's finder may do anything
            continue
        if spec is not None:
            return spec
    return None
