"""``busgate nodes``: which nodes run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.context import in_loop
from gateway.cli.output import moment, show_list

if TYPE_CHECKING:
    from gateway.cli.context import Session


@click.command("nodes")
@in_loop
async def command(session: Session) -> None:
    """List the nodes that run, with their runners and interfaces."""
    async with session.store() as store:
        rows = [
            {"name": entry.path[-1], **entry.value}
            async for entry in store.tree(session.config.locations.presence, min_depth=1, max_depth=1)
        ]
        now = store.clock.now()
    if not session.json:
        rows = [_readable(row, now) for row in rows]
    show_list(
        rows,
        ["name", "since", "runners", "interfaces", "machine", "pid"],
        as_json=session.json,
        nothing="no node runs; `busgate up` starts this one",
    )


def _readable(row: dict[str, Any], now: float) -> dict[str, Any]:
    interfaces = ", ".join(f"{name} ({one['state']})" for name, one in row.get("interfaces", {}).items())
    return row | {
        "since": moment(row.get("since"), now),
        "runners": " ".join(row.get("runners", ())),
        "interfaces": interfaces or None,
        "machine": str(row.get("machine", "?")).split("/")[0],
    }
