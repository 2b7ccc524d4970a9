"""``busgate groups``: which nodes run jobs together, and how many there should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.context import in_loop
from gateway.cli.output import show_list, show_record
from gateway.cluster.group_state import GroupSettings
from gateway.cluster.members import runners_of
from gateway.errors import RecordError

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.locations import Locations


@click.group("groups", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the groups: how many nodes each should have, and which run what kind of runner in it."""
    if ctx.invoked_subcommand is None:
        list_()


@in_loop
async def list_(session: Session) -> None:
    async with session.store() as store:
        rows = await _rows(store, session.config.locations)
    if not session.json:
        rows = [row | _in_words(row) for row in rows]
    show_list(
        rows,
        ["name", "nodes", "single-node", "all-node", "any-node"],
        as_json=session.json,
        nothing="no group has settings, and no node runs; `busgate up` starts this one",
    )


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{word}-node": " ".join(row["runners"].get(kind, ())) or None
        for kind, word in (("at", "single"), ("all", "all"), ("any", "any"))
    }


async def _rows(store: Store, locations: Locations) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    async for entry in store.tree(locations.groups, min_depth=1, max_depth=1):
        found[str(entry.path[-1])] = _settings(entry.value)
    async for entry in store.tree(locations.presence, min_depth=1, max_depth=1):
        for runner in sorted(runners_of(entry.value)):
            kind, _, group = runner.partition(".")
            runners = found.setdefault(group, _settings({}))["runners"]
            runners.setdefault(kind, []).append(str(entry.path[-1]))
    return [{"name": group, **found[group]} for group in sorted(found)]


def _settings(stored: Any) -> dict[str, Any]:
    try:
        return {"nodes": GroupSettings.from_map(stored).nodes, "runners": {}}
    except RecordError as error:
        return {"nodes": f"not readable: {error}", "runners": {}}


@command.command("set")
@click.argument("group")
@click.option("--nodes", type=click.IntRange(min=1), required=True, help="How many nodes make the group complete.")
@in_loop
async def set_(session: Session, group: str, nodes: int) -> None:
    """Say how many nodes GROUP should have; the nodes that run hear of it at once."""
    if not group.strip():
        raise click.UsageError("GROUP: the name is empty")

    def changed(stored: Any) -> dict[str, Any]:
        kept = stored if isinstance(stored, dict) else {}
        return GroupSettings.from_map({**kept, "nodes": nodes}).to_map()

    async with session.store() as store:
        await store.update(session.config.locations.groups / group, changed)
    if session.json:
        show_record({"name": group, "nodes": nodes}, as_json=True)
