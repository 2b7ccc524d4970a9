"""The page docs/hooks.md, made from the hook specifications so that it can't be out of date."""

from __future__ import annotations

import inspect
import re
from textwrap import dedent
from typing import TYPE_CHECKING

from gateway import hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = """\
# Hooks

<!-- Made by `make docs` from gateway/hookspecs.py; edit that. -->

A plugin implements the hooks that it wants; all others can be left out. They stand here in the order in which they
are called. `busgate plugins` shows who implements what, `BUSGATE_TRACE_HOOKS=1` prints each call with its
implementers and results. How to write a plugin: [writing-plugins.md](writing-plugins.md).

Markers are imported from `gateway.hookspecs`: `hookimpl` for plugins, `hookspec` for the host.
"""


def hooks() -> list[Callable[..., object]]:
    """All hook specifications, in firing order."""
    return [value for name, value in vars(hookspecs).items() if name.startswith(f"{hookspecs.PROJECT}_")]


def hooks_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *map(_section, hooks())])


def _section(hook: Callable[..., object]) -> str:
    signature = f"{hook.__name__}{inspect.signature(hook)}".replace("'", "")
    text = inspect.getdoc(hook) or ""
    return f"## `{hook.__name__}`\n\n```python\ndef {signature}\n```\n\n{_markdown(text)}\n"


def _markdown(docstring: str) -> str:
    """Sections such as ``Returns:`` become paragraphs with a bold word; literals get single backticks."""
    text = re.sub(
        r"^(\w+):\n((?:    .*\n?)+)", lambda found: f"**{found[1]}.** {dedent(found[2])}", docstring, flags=re.MULTILINE
    )
    return text.replace("``", "`").strip()
