"""``busgate store``: raw entries."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import anyio
import click

from gateway.cli.arguments import PATH, json_value
from gateway.cli.context import in_loop
from gateway.cli.output import json_line, on_terminal, show_list, text_of
from gateway.cli.store_users import acl, nkey
from gateway.errors import NotFound
from gateway.values import Change, NotGiven, Ready

if TYPE_CHECKING:
    from gateway.cli.context import Session
    from gateway.path import Path
    from gateway.transfer import Restored


@click.group("store")
def command() -> None:
    """Raw entries of the store: {path, value, revision}; and the users of a store on servers."""


command.add_command(acl)
command.add_command(nkey)


@command.command("get")
@click.argument("path", type=PATH)
@in_loop
async def get(session: Session, path: Path) -> None:
    """Print one entry."""
    async with session.store() as store:
        entry = await store.get(path)
    if entry.value is NotGiven:
        raise NotFound(f"nothing is stored at {path}")
    if session.json:
        json_line({"path": path, "value": entry.value, "revision": entry.revision})
    else:
        click.echo(text_of(entry.value))


@command.command("set")
@click.argument("path", type=PATH)
@click.argument("value")
@click.option("--text", is_flag=True, help="VALUE is plain text, not JSON.")
@click.option("--revision", type=int, help="Only if the entry has this revision (0: only if absent).")
@in_loop
async def set_(session: Session, path: Path, value: str, text: bool, revision: int | None) -> None:
    """Store VALUE, which is JSON: bytes are {"$bytes": BASE64}, a path is {"$path": TEXT}."""
    wanted = value if text else json_value(value)
    async with session.store() as store:
        written = await store.set(path, wanted, revision=revision)
    if session.json:
        json_line({"path": path, "value": wanted, "revision": written})


@command.command("delete")
@click.argument("path", type=PATH)
@click.option("-r", "--recursive", is_flag=True, help="Everything below it, too.")
@in_loop
async def delete(session: Session, path: Path, recursive: bool) -> None:
    """Delete one entry."""
    async with session.store() as store:
        doomed = [entry.path async for entry in store.tree(path, max_depth=-1 if recursive else 0)]
        if not doomed:
            raise NotFound(f"nothing is stored at {path}{'' if recursive else '; below it? try --recursive'}")
        for each in doomed:
            await store.delete(each)
    if recursive and not session.json:
        click.echo(f"{len(doomed)} deleted", err=True)


@command.command("list")
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def list_(session: Session, prefix: Path) -> None:
    """List the entries at PREFIX and below, depth first."""
    async with session.store() as store:
        rows: list[dict[str, Any]] = [
            {"path": entry.path, "value": entry.value, "revision": entry.revision} async for entry in store.tree(prefix)
        ]
    show_list(rows, ["path", "value", "revision"], as_json=session.json, nothing=f"nothing is stored below {prefix}")


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=FilePath))
@click.argument("prefix", type=PATH, default=":")
@in_loop
async def export_(session: Session, file: FilePath, prefix: Path) -> None:
    """Write the entries at PREFIX and below to FILE (-: the standard output).

    Which nodes run now, and what they claim, is left out. `busgate store import` reads it into a store of any kind.
    """
    from gateway.transfer import export, files

    async with session.store() as store:
        archive = await export(store, prefix, session.config.locations)
    await anyio.to_thread.run_sync(files.write, file, archive)
    shown = {"name": str(file), "entries": len(archive.entries), "store": archive.store}
    if session.json and str(file) != "-":
        json_line(shown)
    else:
        click.echo(f"{len(archive.entries)} entries exported to {file}", err=True)


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=FilePath))
@click.option("--overwrite", is_flag=True, help="Also where the store has another value; no node may run.")
@in_loop
async def import_(session: Session, file: FilePath, overwrite: bool) -> int:
    """Put the entries of FILE (-: the standard input) into the store, and read them back.

    What the store has already stays as it is. Broken off, it goes on when called again.
    """
    from gateway.transfer import files, restore

    archive = await anyio.to_thread.run_sync(files.read, file)
    async with session.store() as store:
        done = await restore(store, archive, session.config.locations, overwrite=overwrite)
    _show_restored(done, file, as_json=session.json)
    return 1 if done.differing or done.unequal else 0


@command.command("watch")
@click.argument("prefix", type=PATH, default=":")
@click.option("--only-new", is_flag=True, help="Not what is there already.")
@in_loop
async def watch(session: Session, prefix: Path, only_new: bool) -> None:
    """Print what is stored at PREFIX and below, then each change, until interrupted."""
    async with session.store() as store, store.watch(prefix, fetch=not only_new) as events:
        async for event in events:
            if isinstance(event, Change):
                _show_change(event, as_json=session.json)
            elif isinstance(event, Ready) and on_terminal() and not session.json:
                click.echo("-- waiting for changes; Ctrl-C ends --", err=True)


def _show_restored(done: Restored, file: FilePath, *, as_json: bool) -> None:
    if as_json:
        kept = {"differing": list(map(str, done.differing)), "unequal": list(map(str, done.unequal))}
        json_line({"name": str(file), "written": done.written, "equal": done.equal, **kept})
        return
    for path in done.differing:
        click.echo(f"{path}: the store has another value, which stays (--overwrite replaces it)", err=True)
    for path in done.unequal:
        click.echo(f"{path}: was written, and is something else already; does a node run?", err=True)
    click.echo(
        f"{done.written} written and verified, {done.equal} were there, {len(done.differing)} left alone", err=True
    )


def _show_change(change: Change, *, as_json: bool) -> None:
    if as_json:
        deleted = {"deleted": True} if change.deleted else {}
        json_line({"path": change.path, "value": change.value, "revision": change.revision, **deleted})
    else:
        click.echo(f"{change.path}  {'(deleted)' if change.deleted else text_of(change.value)}")
