"""Arguments with a meaning of their own: paths, values, moments."""

from __future__ import annotations

import ast
import json
import sys
import time
from datetime import datetime
from pathlib import Path as File
from typing import Any

import click

from gateway.codec import from_json
from gateway.errors import Misuse, PathError
from gateway.path import P, Path


class PathArgument(click.ParamType[Path]):
    """A path in its text form, such as ``onewire.28:.67C6697351FF.temperature``."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        try:
            return Path.build(value)
        except PathError as error:
            self.fail(str(error), param, ctx)


PATH = PathArgument()


def expression(text: str) -> Any:
    """A value written as JSON or as a Python literal.

    Raises:
        click.BadParameter: it is neither.
    """
    try:
        return from_json(text)
    except json.JSONDecodeError:
        pass
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(_special_mistake(error)) from None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise click.BadParameter(
            f"{text!r} is neither JSON nor a Python literal (text needs quotes, or use -v)"
        ) from None


def json_value(text: str) -> Any:
    """A value written as JSON; click.BadParameter when it is none."""
    try:
        return from_json(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"not JSON: {error} (plain text: add --text)") from None
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(_special_mistake(error)) from None


def _special_mistake(error: Exception) -> str:
    """What is wrong with JSON that is well-formed so far: a path, base64, or its depth."""
    return "nested too deeply" if isinstance(error, RecursionError) else f"not a value: {error}"


class Moment(click.ParamType[float | None]):
    """Seconds from now, an ISO 8601 time, or ``-``; gives Unix seconds, or None for ``-``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if not isinstance(value, str):
            return float(value)
        if value == "-":
            return None
        try:
            return time.time() + float(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value).astimezone().timestamp()
        except ValueError:
            self.fail(
                f"{value!r} is no time: write seconds from now, an ISO time such as 2030-01-31T07:30, or -", param, ctx
            )


MOMENT = Moment()


def variables(texts: Any, paths: Any, expressions: Any) -> dict[str, Any]:
    """The data that ``-v NAME TEXT``, ``-p NAME PATH`` and ``-e NAME EXPR`` give."""
    found: dict[str, Any] = dict(texts)
    for name, text in paths:
        try:
            found[name] = P(text)
        except PathError as error:
            raise click.BadParameter(f"{name}: {error}") from None
    return found | {name: expression(text) for name, text in expressions}


def script(name: str) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises:
        Misuse: it can't be read.
    """
    if name == "-":
        return sys.stdin.read()
    try:
        return File(name).read_text()
    except OSError as error:
        raise Misuse(f"{name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{name} is no UTF-8 text: {error}") from error
