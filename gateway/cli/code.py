"""``busgate code``: stored procedures; modules stand in :mod:`gateway.cli.code_module`."""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import PATH, expression
from gateway.cli.arguments import script as read
from gateway.cli.code_module import command as module
from gateway.cli.code_module import stored_names
from gateway.cli.code_records import changer, delete_record, merged, show_code, tell
from gateway.cli.context import in_loop
from gateway.cli.output import show_list
from gateway.code.procedures import ProcedureEntry, check, from_plugin
from gateway.errors import NotFound, RecordError
from gateway.path import P
from gateway.runner.entries import RunnerEntry
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.path import Path

MODES = {None: "sync", False: "thread", True: "async"}


@click.group("code")
def command() -> None:
    """Stored procedures, and those that plugins bring; and stored modules."""


command.add_command(module)


@command.command("list")
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def list_(session: Session, prefix: Path) -> None:
    """List the procedures at PREFIX and below."""
    base = session.config.locations.procedures
    rows: dict[Path, dict[str, Any]] = {}
    for registered in session.plugins.procedures.values():
        one = from_plugin(registered)
        rows[one.path] = {"mode": MODES[one.is_async], "vars": list(one.vars), "from": "plugin", "info": one.info}
    async with session.store() as store:
        async for entry in store.tree(base + prefix):
            rows[entry.path.after(base)] = _stored_row(entry.value)
    found = [{"path": path, **rows[path]} for path in sorted(rows) if path.below(prefix)]
    if not session.json:
        found = [row | {"vars": " ".join(row["vars"])} for row in found]
    show_list(found, ["path", "mode", "vars", "from", "info"], as_json=session.json, nothing="no procedures")


def _stored_row(value: Any) -> dict[str, Any]:
    try:
        entry = ProcedureEntry.from_map(value)
    except RecordError as error:
        return {"mode": "?", "vars": [], "from": "store", "info": f"not readable: {error}"}
    info = entry.info or next(iter(entry.code.strip().splitlines()), "")
    return {"mode": MODES[entry.is_async], "vars": list(entry.vars), "from": "store", "info": info}


@command.command("get")
@click.argument("path", type=PATH)
@click.option("-S", "--script", metavar="FILE", type=click.Path(path_type=File), help="Write the code to FILE.")
@in_loop
async def get(session: Session, path: Path, script: File | None) -> None:
    """Print a procedure: its code, or with --json all of it."""
    async with session.store() as store:
        entry = await _entry(session, store, path)
    await show_code(session, path, entry, script)


def entry_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each field of a procedure."""
    for option in reversed(
        [
            click.option("-S", "--script", metavar="FILE", help="The code; '-': standard input."),
            click.option("--async", "mode", flag_value="async", help="A coroutine: may await, gets _self and _info."),
            click.option("--thread", "mode", flag_value="thread", help="Runs in a worker thread: may block."),
            click.option("--sync", "mode", flag_value="sync", help="Runs in the event loop: must be quick."),
            click.option("--vars", "names", metavar="A,B", help="Names of its inputs."),
            click.option("--requires", metavar="NAME", multiple=True, help="A module it needs. May be repeated."),
            click.option("--default", metavar="EXPR", help="Values under the job's data: JSON or a Python literal."),
            click.option("-i", "--info", help="For people."),
        ]
    ):
        function = option(function)
    return function


def _given(
    script: str | None,
    mode: str | None,
    names: str | None,
    requires: tuple[str, ...],
    default: str | None,
    info: str | None,
) -> dict[str, Any]:
    """The fields that the options give."""
    fields = {
        "code": None if script is None else read(script),
        "vars": None if names is None else [name.strip() for name in names.split(",") if name.strip()],
        "requires": list(requires) or None,
        "default": None if default is None else expression(default),
        "info": info,
    }
    is_async = {} if mode is None else {"is_async": {"async": True, "thread": False, "sync": None}[mode]}
    return {name: value for name, value in fields.items() if value is not None} | is_async


@command.command("set")
@click.argument("path", type=PATH)
@entry_options
@in_loop
async def set_(session: Session, /, path: Path, **options: Any) -> None:
    """Store a procedure, or change one: what is not given stays. Refuses code that does not compile."""
    if not path:
        raise click.UsageError("a procedure needs a path of at least one element")
    given = _given(**options)
    async with session.store() as store:
        modules = await stored_names(session, store)
        change = changer("procedure", path, given, lambda fields: check(fields, path, modules=modules))
        await store.update(session.config.locations.procedures + path, change)


@command.command("delete")
@click.argument("path", type=PATH)
@in_loop
async def delete(session: Session, path: Path) -> None:
    """Delete a stored procedure; a plugin's of that path comes to light again."""
    await delete_record(session, "procedure", session.config.locations.procedures, path)


@command.command("check")
@click.argument("path", type=PATH, required=False)
@entry_options
@in_loop
async def check_(session: Session, /, path: Path | None, **options: Any) -> int:
    """Report what is wrong with a procedure (or all), and with the jobs that use it; exit 1 if something is.

    With -S FILE, or another option of `code set`: what would be wrong, without storing it.
    """
    base, jobs = session.config.locations.procedures, session.config.locations.jobs
    given = _given(**options)
    plugins = set(session.plugins.procedures)
    async with session.store() as store:
        stored = {entry.path.after(base): entry.value async for entry in store.tree(base)}
        if given:
            path = path or P("code")
            stored[path] = merged(stored.get(path), given)
        if path is not None and path not in stored and path not in plugins:
            raise NotFound(f"there is no procedure {path}; `busgate code list` lists them")
        modules = await stored_names(session, store)
        checked = [each for each in sorted(stored) if path in (None, each)]
        mistakes = [line for each in checked for line in check(stored[each], each, modules=modules)]
        async for entry in store.tree(jobs):
            mistakes += _job_mistakes(entry.path.after(jobs), entry.value, path, stored, plugins)
    return tell(mistakes)


def _job_mistakes(where: Path, value: Any, only: Path | None, stored: dict[Path, Any], plugins: set[Path]) -> list[str]:
    """What is wrong with one job: its fields, its code, the variables that its code lacks."""
    try:
        job = RunnerEntry.from_map(value)
    except RecordError as error:
        return [f"job {where}: {line}" for line in error.mistakes] if only is None else []
    if only is not None and job.code != only:
        return []
    found = [f"job {where}: {line}" for line in RunnerEntry.check(value)]
    if job.code in stored:
        data = {**({"bus": job.bus} if job.bus else {}), **job.data}
        compiled = set(check(stored[job.code], job.code))
        found += [f"job {where}: {line}" for line in check(stored[job.code], job.code, data) if line not in compiled]
    elif job.code not in plugins:
        found.append(f"job {where}: there is no procedure {job.code}")
    return found


async def _entry(session: Session, store: Store, path: Path) -> ProcedureEntry:
    value = (await store.get(session.config.locations.procedures + path)).value
    if value is NotGiven:
        hint = "; a plugin brings it" if path in session.plugins.procedures else "; `busgate code list` lists them"
        raise NotFound(f"no procedure is stored at {path}{hint}")
    return ProcedureEntry.from_map(value)
