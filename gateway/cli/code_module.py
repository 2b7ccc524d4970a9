"""``busgate code module``: stored modules."""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import PATH
from gateway.cli.arguments import script as read
from gateway.cli.code_records import changer, delete_record, merged, show_code, tell
from gateway.cli.context import in_loop
from gateway.cli.output import show_list
from gateway.code.dependencies import ancestors
from gateway.code.module_entry import ModuleEntry, check_entry, check_modules, name_of
from gateway.errors import CodeError, NotFound, RecordError
from gateway.path import P
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.path import Path


@click.group("module")
def command() -> None:
    """Stored modules: what stored code can import. The path is the name: `a.b` is imported by `import a.b`."""


async def stored_names(session: Session, store: Store) -> set[str]:
    """The names that stored modules give: their own, and those of the packages around them."""
    base = session.config.locations.modules
    found: set[str] = set()
    async for entry in store.tree(base):
        try:
            name = name_of(entry.path.after(base))
        except CodeError:
            continue
        found |= {name, *ancestors(name)}
    return found


@command.command("list")
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def list_(session: Session, prefix: Path) -> None:
    """List the modules at PREFIX and below."""
    base = session.config.locations.modules
    async with session.store() as store:
        rows = [_row(entry.path.after(base), entry.value) async for entry in store.tree(base + prefix)]
    if not session.json:
        rows = [row | {"requires": " ".join(row["requires"])} for row in rows]
    show_list(rows, ["path", "requires", "info"], as_json=session.json, nothing="no modules")


def _row(path: Path, value: Any) -> dict[str, Any]:
    try:
        entry = ModuleEntry.from_map(value)
    except RecordError as error:
        return {"path": path, "requires": [], "info": f"not readable: {error}"}
    info = entry.info or next(iter(entry.code.strip().splitlines()), "")
    return {"path": path, "requires": list(entry.requires), "info": info}


@command.command("get")
@click.argument("path", type=PATH)
@click.option("-S", "--script", metavar="FILE", type=click.Path(path_type=File), help="Write the code to FILE.")
@in_loop
async def get(session: Session, path: Path, script: File | None) -> None:
    """Print a module: its code, or with --json all of it."""
    async with session.store() as store:
        value = (await store.get(session.config.locations.modules + path)).value
    if value is NotGiven:
        raise NotFound(f"no module is stored at {path}; `busgate code module list` lists them")
    entry = ModuleEntry.from_map(value)
    await show_code(session, path, entry, script)


def entry_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each field of a module."""
    for option in reversed(
        [
            click.option("-S", "--script", metavar="FILE", help="The code; '-': standard input."),
            click.option("--requires", metavar="NAME", multiple=True, help="A module it needs. May be repeated."),
            click.option("-i", "--info", help="For people."),
        ]
    ):
        function = option(function)
    return function


def _given(script: str | None, requires: tuple[str, ...], info: str | None) -> dict[str, Any]:
    """The fields that the options give."""
    fields = {
        "code": None if script is None else read(script),
        "requires": list(requires) or None,
        "info": info,
    }
    return {name: value for name, value in fields.items() if value is not None}


@command.command("set")
@click.argument("path", type=PATH)
@entry_options
@in_loop
async def set_(session: Session, /, path: Path, **options: Any) -> None:
    """Store a module, or change one: what is not given stays. Refuses what does not compile or hides another module.

    What it requires may come later: until then it waits.
    """
    change = changer("module", path, _given(**options), lambda fields: check_entry(fields, path))
    async with session.store() as store:
        await store.update(session.config.locations.modules + path, change)


@command.command("delete")
@click.argument("path", type=PATH)
@in_loop
async def delete(session: Session, path: Path) -> None:
    """Delete a stored module; what needs it is told in `busgate errors`."""
    await delete_record(session, "module", session.config.locations.modules, path)


@command.command("check")
@click.argument("path", type=PATH, required=False)
@entry_options
@in_loop
async def check_(session: Session, /, path: Path | None, **options: Any) -> int:
    """Report what is wrong with a module (or all), by itself and among the others; exit 1 if something is.

    With -S FILE, or another option of `code module set`: what would be wrong, without storing it.
    """
    base = session.config.locations.modules
    given = _given(**options)
    async with session.store() as store:
        stored = {entry.path.after(base): entry.value async for entry in store.tree(base)}
    if given:
        path = path or P("module")
        stored[path] = merged(stored.get(path), given)
    if path is not None and path not in stored:
        raise NotFound(f"there is no module {path}; `busgate code module list` lists them")
    found = check_modules(stored)
    mistakes = [line for each in sorted(found) if path in (None, each) for line in found[each]]
    return tell(mistakes)
