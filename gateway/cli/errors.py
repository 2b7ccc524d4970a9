"""``busgate errors``: what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.arguments import PATH
from gateway.cli.context import in_loop
from gateway.cli.output import moment, show_list
from gateway.errors import NotFound
from gateway.path import Path
from gateway.runner.error_log import ErrorLog, Recorded

if TYPE_CHECKING:
    from gateway.cli.context import Session


@click.command("errors")
@click.option("--all", "also_resolved", is_flag=True, help="Resolved ones, too.")
@click.option("--resolve", "resolve", metavar="PATH", type=PATH, help="Mark the error of this path as resolved.")
@click.option("--trace", is_flag=True, help="With the traceback and the data of each.")
@in_loop
async def command(session: Session, also_resolved: bool, resolve: Path | None, trace: bool) -> None:
    """List the open error records: of jobs, code, interfaces and the store."""
    async with session.store() as store:
        log = ErrorLog(store, session.config.locations, session.config.node.name)
        found = await log.list()
        if resolve is not None:
            await _resolve(log, found, resolve)
            return
        now = store.clock.now()
    shown = [one for one in found if also_resolved or one.entry.resolved is None]
    if trace and not session.json:
        for one in shown:
            click.echo(f"--- {path_of(one)} (node {one.entry.node}, {one.entry.count} times)")
            click.echo(one.entry.traceback or one.entry.message)
        return
    rows = [{"path": path_of(one), **one.entry.to_map()} for one in shown]
    if not session.json:
        rows = [_readable(row, now) for row in rows]
    columns = ["path", "message", "count", "last", "node"] + (["resolved"] if also_resolved else [])
    show_list(rows, columns, as_json=session.json, nothing="no open errors")


def path_of(one: Recorded) -> Path:
    """How a record is named here: its subsystem and the place of what failed."""
    return Path(one.subsystem) + one.place


def _readable(row: dict[str, Any], now: float) -> dict[str, Any]:
    return row | {"last": moment(row["last"], now), "resolved": moment(row["resolved"], now)}


async def _resolve(log: ErrorLog, found: list[Recorded], wanted: Path) -> None:
    for one in found:
        if path_of(one) == wanted:
            await log.resolve(one.subsystem, one.place)
            await log.flush()
            return
    raise NotFound(f"there is no error record {wanted}; `busgate errors` lists them")
