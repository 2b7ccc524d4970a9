"""What ``busgate code`` and ``busgate code module`` do alike: show, change and delete a record that holds code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import click

from gateway.cli.output import show_record
from gateway.errors import Misuse, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path as File

    from gateway.cli.context import Session
    from gateway.code.module_entry import ModuleEntry
    from gateway.code.procedures import ProcedureEntry
    from gateway.path import Path


async def show_code(session: Session, path: Path, entry: ProcedureEntry | ModuleEntry, script: File | None) -> None:
    """Print the code, or with --json the whole record; or write the code to a file."""
    if script is not None:
        await anyio.Path(script).write_text(entry.code)
    elif session.json:
        show_record({"path": path, **entry.to_map()}, as_json=True)
    else:
        click.echo(entry.code.rstrip("\n"))


def merged(stored: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The stored fields with those given over them; what isn't a record counts as none."""
    return {**(stored if isinstance(stored, dict) else {}), **given}


def changer(
    what: str, path: Path, given: dict[str, Any], check: Callable[[dict[str, Any]], Sequence[str]]
) -> Callable[[Any], dict[str, Any]]:
    """For ``Store.update``: puts fields into a record, and refuses one with mistakes.

    Args:
        what: "procedure" or "module".
        check: gives the mistakes of a record.
    """

    def changed(stored: Any) -> dict[str, Any]:
        fields = merged(stored, given)
        if "code" not in fields:
            raise Misuse(f"there is no {what} {path} yet: give its code with -S FILE")
        if mistakes := check(fields):
            raise Misuse("\n".join(mistakes))
        return fields

    return changed


async def delete_record(session: Session, what: str, base: Path, path: Path) -> None:
    """Delete a record; NotFound when there is none."""
    async with session.store() as store:
        if not await store.delete(base + path):
            raise NotFound(f"no {what} is stored at {path}")


def tell(mistakes: Sequence[str]) -> int:
    """Print what is wrong; return the exit status."""
    for mistake in mistakes:
        click.echo(mistake)
    return int(bool(mistakes))
