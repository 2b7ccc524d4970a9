"""What stored code imports, as its text says."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, NamedTuple

from gateway.code.dependencies import ancestors

if TYPE_CHECKING:
    from collections.abc import Iterator


class Imports(NamedTuple):
    """Full names of modules. ``from a import b`` counts as both, ``a`` and ``a.b``: the text doesn't tell which it is.

    Attributes:
        at_once: imported when the text runs from its top.
        later: only when a function is called.
    """

    at_once: frozenset[str]
    later: frozenset[str]


def imports(text: str, package: str = "") -> Imports:
    """Find the imports of a text; of one that can't be parsed: none.

    Args:
        package: what relative imports start from.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return Imports(frozenset(), frozenset())
    at_once: set[str] = set()
    later: set[str] = set()
    waiting: list[tuple[ast.AST, set[str]]] = [(tree, at_once)]
    while waiting:
        node, found = waiting.pop()
        found.update(_named(node, package))
        for child in ast.iter_child_nodes(node):
            delayed = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _never_runs(node, child)
            waiting.append((child, later if delayed else found))
    return Imports(frozenset(at_once), frozenset(later - at_once))


def _never_runs(node: ast.AST, child: ast.AST) -> bool:
    """``if TYPE_CHECKING:``."""
    if not isinstance(node, ast.If) or child not in node.body:
        return False
    test = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")
    return test == "TYPE_CHECKING"


def _named(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield alias.name
                if alias.asname is None:
                    yield from ancestors(alias.name)  # the code sees the outermost one
        case ast.ImportFrom(module=module, names=names, level=level):
            start = package.split(".")[: len(package.split(".")) - level + 1] if level and package else []
            source = ".".join([*start, *([module] if module else [])])
            if source:
                yield source
                yield from (f"{source}.{alias.name}" for alias in names if alias.name != "*")
        case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
            yield name
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            yield name
