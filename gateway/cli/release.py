"""``busgate release``: declare a process of a node dead."""

from __future__ import annotations

from contextlib import nullcontext, suppress
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
@click.argument("node", required=False)
@click.argument("incarnation", required=False)
@click.option("--dead", is_flag=True, help="All processes of nodes that were on this machine and are dead.")
@click.option("-f", "--force", is_flag=True, help="Even if that process runs on this machine.")
@in_loop
async def command(session: Session, node: str | None, incarnation: str | None, dead: bool, force: bool) -> None:
    """Declare a process of NODE dead: others take its jobs at once, not when its lease has run out.

    `busgate nodes` shows the INCARNATION; another one of that node is left alone. Only for a process that is dead for
    sure: one that lives writes nothing more under its claims once it notices, and registers anew.

    With --dead it finds out by itself, which is what to call whenever a node has ended
    (systemd: ExecStopPost=busgate release --dead).
    """
    if dead == (incarnation is not None) or (dead and node):
        raise click.UsageError("name a NODE and its INCARNATION, or give --dead alone")
    locations = session.config.locations
    async with session.store() as store:
        doomed = await _dead(store, locations) if dead else [(str(node), str(incarnation))]
        held = await claims_by_incarnation(store, locations)
        for name, process in doomed:
            with suppress(NotFound) if dead else nullcontext():  # it has been started again, or others were quicker
                await _release(store, locations, name, process, force=force)
                _show(name, process, held.get((name, process), 0), as_json=session.json)


async def _dead(store: Store, locations: Locations) -> list[tuple[str, str]]:
    """Nodes whose processes certainly are dead: that can be told of those of this machine."""
    return [
        (str(entry.path[-1]), str(entry.value.get("incarnation")))
        async for entry in store.tree(locations.presence, min_depth=1)
        if provably_dead(entry.value)
    ]


def _show(node: str, incarnation: str, claims: int, *, as_json: bool) -> None:
    if as_json:
        show_record({"name": node, "incarnation": incarnation, "claims": claims}, as_json=True)
    else:
        click.echo(f"released {node} {incarnation}, which held {claims} job{'' if claims == 1 else 's'}")


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
