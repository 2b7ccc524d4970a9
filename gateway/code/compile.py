"""Compiles the text of a procedure into a function, and that of a module, without touching a character of it.

Theory of operation
-------------------
1. The text is a function body. It is parsed as it stands and its statements are put into a function by AST: line
   numbers, columns and multi-line strings stay as written.
2. The function's code object is taken out of the compiled module. Each call makes a new function from it with globals
   of its own, so that calls share nothing.
3. ``from __future__`` at the top can't stand in a function: it becomes a compiler flag.
4. The text goes to ``linecache`` under the file name ``<PATH>``, so that tracebacks show path, line and text. It goes
   away with the code. While other code of that path lives in the process (a second node), the name has a number.
5. The text of a module is compiled as Python compiles a file; its file name is ``<module PATH>``.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import linecache
import types
import warnings
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.path import Path

#: ``__name__`` of stored code; that of a real module, as ``dataclasses`` looks it up in ``sys.modules``.
NAME: Final = "gateway.code"


class Body:
    """Compiled code of a procedure. ``close`` or garbage collection takes its text out of tracebacks."""

    def __init__(self, code: types.CodeType, filename: str) -> None:
        self.filename = filename
        self._code = code
        self.close = weakref.finalize(self, linecache.cache.pop, filename, None)
        self.close.atexit = False

    def function(self, variables: dict[str, Any]) -> Callable[..., Any]:
        """A function whose globals are ``variables``; to be called with one argument for each parameter."""
        variables.setdefault("__builtins__", builtins)
        variables.setdefault("__name__", NAME)
        variables.setdefault("__file__", self.filename)
        return types.FunctionType(self._code, variables, self._code.co_name)


def compile_body(path: Path, text: str, parameters: Sequence[str] = (), *, is_async: bool | None = None) -> Body:
    """Compile a function body.

    Raises:
        CodeError: it doesn't compile; with the line and a caret.
    """
    filename = _free_name(path)
    code = _compiled(path, text, parameters, filename, is_async=is_async)
    show_text(filename, text)
    return Body(code, filename)


def compile_module(path: Path, text: str) -> types.CodeType:
    """Compile the text of a module; :func:`show_text` puts it into tracebacks.

    Raises:
        CodeError: it doesn't compile; with the line and a caret.
    """
    filename = _free_name(path, "module ")
    with _mapped(path, text), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, filename, "exec", dont_inherit=True)


def show_text(filename: str, text: str) -> None:
    """Let tracebacks show the lines of a text."""
    linecache.cache[filename] = (len(text), None, [line + "\n" for line in _lines(text)], filename)


def hide_text(filename: str) -> None:
    """Undo :func:`show_text`."""
    linecache.cache.pop(filename, None)


def check_module(path: Path, text: str) -> list[str]:
    """Compile a module without keeping anything; return the compiler's warnings.

    Raises: as :func:`compile_module`.
    """
    with _mapped(path, text), warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        compile(text, f"<module {path}>", "exec", dont_inherit=True)
    return [f"{path}, line {warning.lineno}: {warning.message}" for warning in found]


def check_body(path: Path, text: str, parameters: Sequence[str] = (), *, is_async: bool | None = None) -> list[str]:
    """Compile without keeping anything; return the compiler's warnings.

    Raises: as :func:`compile_body`.
    """
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        _compiled(path, text, parameters, f"<{path}>", is_async=is_async, quiet=False)
    return [f"{path}, line {warning.lineno}: {warning.message}" for warning in found]


def _free_name(path: Path, kind: str = "") -> str:
    number, name = 1, f"<{kind}{path}>"
    while name in linecache.cache:
        number += 1
        name = f"<{kind}{path} #{number}>"
    return name


@contextmanager
def _mapped(path: Path, text: str) -> Iterator[None]:
    """Make what the compiler raises into a CodeError."""
    try:
        yield
    except SyntaxError as error:
        raise _complaint(path, text, error) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        if isinstance(error, CodeError):
            raise
        raise CodeError(path, f"can't be compiled: {error or type(error).__name__}") from None


def _compiled(
    path: Path, text: str, parameters: Sequence[str], filename: str, *, is_async: bool | None, quiet: bool = True
) -> types.CodeType:
    with _mapped(path, text), warnings.catch_warnings():
        if quiet:  # nobody would see them; ``check`` tells
            warnings.simplefilter("ignore")
        tree = ast.parse(text, filename)
        flags = _take_future(path, text, tree)
        _refuse(path, text, tree, may_yield=is_async is None)
        name = _function_name(path)
        module = ast.Module([_function(name, tree.body, parameters, is_async=bool(is_async))], [])
        compiled = compile(ast.fix_missing_locations(module), filename, "exec", flags, dont_inherit=True)
    return next(part for part in compiled.co_consts if isinstance(part, types.CodeType))


def _function_name(path: Path) -> str:
    last = path[-1] if path else None
    return last if isinstance(last, str) and last.isidentifier() else "procedure"


def _function(
    name: str, body: list[ast.stmt], parameters: Sequence[str], *, is_async: bool
) -> ast.FunctionDef | ast.AsyncFunctionDef:
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(parameter) for parameter in parameters],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    kind = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    return kind(name=name, args=arguments, body=body or [ast.Pass()], decorator_list=[], lineno=1, col_offset=0)


def _take_future(path: Path, text: str, tree: ast.Module) -> int:
    """Remove the leading future imports; return their compiler flags."""
    flags = 0
    start = 1 if ast.get_docstring(tree, clean=False) is not None else 0
    while len(tree.body) > start:
        statement = tree.body[start]
        if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
            break
        for alias in statement.names:
            if alias.name not in __future__.all_feature_names:
                raise _at(path, text, statement, f"there is no future feature {alias.name!r}")
            flags |= getattr(__future__, alias.name).compiler_flag
        del tree.body[start]
    return flags


def _refuse(path: Path, text: str, tree: ast.Module, *, may_yield: bool) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            raise _at(path, text, node, "'import *' can't stand in a procedure; name what it needs")
    for node in _own_nodes(tree):
        if isinstance(node, ast.Nonlocal):
            raise _at(path, text, node, "'nonlocal' has no meaning here: a procedure has no function around it")
        if isinstance(node, ast.Yield | ast.YieldFrom) and not may_yield:
            raise _at(path, text, node, "only a synchronous procedure can yield; others return one result")


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below that belongs to the body itself, not to a function or class within it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _at(path: Path, text: str, node: ast.stmt | ast.expr, reason: str) -> CodeError:
    before = _lines(text)[node.lineno - 1].encode()[: node.col_offset]  # AST columns count bytes
    return CodeError(path, reason, node.lineno, _excerpt(text, node.lineno, len(before.decode(errors="replace"))))


def _complaint(path: Path, text: str, error: SyntaxError) -> CodeError:
    if error.lineno is None:
        return CodeError(path, error.msg)
    return CodeError(path, error.msg, error.lineno, _excerpt(text, error.lineno, (error.offset or 1) - 1))


def _lines(text: str) -> list[str]:
    """Lines as Python counts them; ``splitlines`` also ends them at form feeds and the like."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _excerpt(text: str, line: int, column: int) -> str:
    lines = _lines(text)
    if not 0 < line <= len(lines):
        return ""
    shown = lines[line - 1]
    before = "".join("\t" if character == "\t" else " " for character in shown[: max(column, 0)])
    return f"    {shown}\n    {before}^"
