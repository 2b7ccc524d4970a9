"""One runner as the command line shows it: who runs it, and what its jobs do."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.output import json_line, on_terminal, text_of
from gateway.cluster.group_state import GroupSettings, group_state
from gateway.errors import RecordError
from gateway.path import Path
from gateway.runner.entries import StateEntry
from gateway.values import Change, NotGiven, Ready

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.cli.job_rows import Jobs
    from gateway.locations import Locations, Place


async def describe(jobs: Jobs, store: Store, locations: Locations, place: Place) -> dict[str, Any]:
    """The fields of a runner; counts jobs by state, those of an all-node runner on each node."""
    rows = await jobs.rows(Path(), as_json=True)
    outlook = await jobs.outlook()
    members = outlook.members()
    nodes = 1 if place.kind == "at" else await nodes_of(store, locations, place.group)
    return {
        "name": str(place.jobs),
        "jobs": dict(sorted(Counter(row["state"] for row in rows).items())),
        "members": members,
        "nodes": nodes,
        "group": group_state(len(members), nodes) if members else None,
        **({"claims": outlook.claims()} if place.kind == "any" else {}),
        "jobs_path": locations.jobs_of(place),
        "states_path": locations.states + place.jobs,
    }


async def nodes_of(store: Store, locations: Locations, group: str) -> int:
    """How many nodes a group should have, as its settings say."""
    stored = (await store.get(locations.groups / group)).value
    return GroupSettings().nodes if stored is NotGiven else GroupSettings.from_map(stored).nodes


async def follow(
    store: Store, locations: Locations, place: Place, prefix: Path, *, only_new: bool, as_json: bool
) -> None:
    """Print each state below a prefix, and each change of one, until cancelled.

    The states of an all-node runner are those of all nodes.
    """
    base = locations.states + place.jobs
    above = 1 if place.kind == "all" else 0  # the name of a node stands above the job
    shown: dict[Path, str] = {}
    async with store.watch(base if above else base + prefix, fetch=not only_new, min_depth=1 if above else 0) as events:
        async for event in events:
            if isinstance(event, Ready) and on_terminal() and not as_json:
                click.echo("-- waiting for changes; Ctrl-C ends --", err=True)
            if not isinstance(event, Change):
                continue
            runner, job = place.jobs + event.path.after(base)[:above], event.path.after(base)[above:]
            if not (job and job.below(prefix)):
                continue
            fields = _fields(job, runner, event)
            line = f"{runner}  {job}  {fields['state']}{_detail(fields)}"
            if as_json:
                json_line(fields)
            elif shown.get(event.path) != line:  # a sign of life is no news
                click.echo(f"{datetime.now().astimezone():%H:%M:%S}  {line}")
            shown[event.path] = line


def _fields(job: Path, runner: Path, change: Change) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": job, "runner": str(runner)}
    if change.deleted:
        return {**fields, "state": "deleted"}
    try:
        state = StateEntry.from_map(change.value)
    except RecordError as error:
        return {**fields, "state": "not readable", "reason": str(error)}
    word = "runs" if state.node is not None else state.end or "waits"
    return {**fields, "state": word, **state.to_map()}


def _detail(fields: dict[str, Any]) -> str:
    if fields["state"] == "runs":
        return f" on {fields['node']}"
    if fields["state"] == "finished":
        return f": {text_of(fields.get('result'))}"
    return f": {fields['reason']}" if fields.get("reason") else ""
