"""``busgate nodes``: which nodes run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.context import in_loop
from gateway.cli.output import moment, show_list
from gateway.cluster.claim_view import Claim
from gateway.errors import RecordError

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.locations import Locations


@click.command("nodes")
@in_loop
async def command(session: Session) -> None:
    """List the nodes that run, with their runners and interfaces, and how many any-node jobs each holds."""
    locations = session.config.locations
    async with session.store() as store:
        held = await claims_by_incarnation(store, locations)
        rows = [
            _row(str(entry.path[-1]), entry.value, held)
            async for entry in store.tree(locations.presence, min_depth=1, max_depth=1)
        ]
        now = store.clock.now()
    if not session.json:
        rows = [_readable(row, now) for row in rows]
    show_list(
        rows,
        ["name", "incarnation", "claims", "since", "runners", "interfaces", "process"],
        as_json=session.json,
        nothing="no node runs; `busgate up` starts this one",
    )


async def claims_by_incarnation(store: Store, locations: Locations) -> Counter[tuple[str, str]]:
    """How many any-node jobs each (node, incarnation) has claimed."""
    found: Counter[tuple[str, str]] = Counter()
    async for entry in store.tree(locations.claims, min_depth=1):
        try:
            claim = Claim.from_map(entry.value)
        except RecordError:
            continue
        found[claim.node, claim.incarnation] += 1
    return found


def _row(name: str, record: Any, held: Counter[tuple[str, str]]) -> dict[str, Any]:
    fields = record if isinstance(record, dict) else {}
    return {"name": name, **fields, "claims": held[name, str(fields.get("incarnation", ""))]}


def _readable(row: dict[str, Any], now: float) -> dict[str, Any]:
    interfaces = ", ".join(f"{name} ({one['state']})" for name, one in row.get("interfaces", {}).items())
    return row | {
        "since": moment(row.get("since"), now),
        "runners": " ".join(row.get("runners", ())),
        "interfaces": interfaces or None,
        "process": f"{row.get('pid', '?')} on {str(row.get('machine', '?')).split('/')[0]}",
    }
