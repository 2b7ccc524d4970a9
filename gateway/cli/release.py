"""``busgate release``: declare a process of a node dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.context import in_loop
from gateway.cli.nodes import claims_by_incarnation
from gateway.cli.output import moment, show_record
from gateway.cluster.presence import machine_name, provably_dead
from gateway.errors import Conflict, Misuse, NotFound
from gateway.values import NotGiven

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.locations import Locations


@click.command("release")
@click.argument("node")
@click.argument("incarnation")
@click.option("-f", "--force", is_flag=True, help="Even if that process runs on this machine.")
@in_loop
async def command(session: Session, node: str, incarnation: str, force: bool) -> None:
    """Declare a process of NODE dead: others take its jobs at once, not when its lease has run out.

    `busgate nodes` shows the INCARNATION; another one of that node is left alone. Only for a process that is dead for
    sure: one that lives writes nothing more under its claims once it notices, and registers anew.
    """
    locations = session.config.locations
    async with session.store() as store:
        held = (await claims_by_incarnation(store, locations)).get((node, incarnation), 0)
        await _release(store, locations, node, incarnation, force=force)
    if session.json:
        show_record({"name": node, "incarnation": incarnation, "claims": held}, as_json=True)
    else:
        click.echo(f"released {node} {incarnation}, which held {held} job{'' if held == 1 else 's'}")


async def _release(store: Store, locations: Locations, node: str, incarnation: str, *, force: bool) -> None:
    """Delete that presence by compare-and-set, again while the node rewrites it."""
    path = locations.presence / node
    while True:
        entry = await store.get(path)
        if entry.value is NotGiven:
            names = ", ".join([str(one.path[-1]) async for one in store.tree(locations.presence, min_depth=1)])
            raise NotFound(f"no process of node {node} is there (nodes that are: {names or 'none'})")
        if not isinstance(entry.value, dict) or entry.value.get("incarnation") != incarnation:
            raise NotFound(f"node {node} is {_told(entry.value, store.clock.now())}, not {incarnation}")
        if not force and _lives_here(entry.value):
            pid = entry.value["pid"]
            raise Misuse(f"process {pid} of node {node} lives on this machine; stop it (kill {pid}), or add --force")
        try:
            await store.delete(path, revision=entry.revision)
        except Conflict:
            continue
        return


def _told(record: Any, now: float) -> str:
    found = record if isinstance(record, dict) else {}
    machine = str(found.get("machine", "?")).split("/")[0]
    since = moment(found.get("since"), now)
    return f"incarnation {found.get('incarnation', '?')} (process {found.get('pid', '?')} on {machine}, {since})"


def _lives_here(record: dict[str, Any]) -> bool:
    """Whether the process certainly lives: only on its own machine can that be told."""
    known = isinstance(record.get("pid"), int) and isinstance(record.get("since"), int | float)
    return known and record.get("machine") == machine_name() and not provably_dead(record)
