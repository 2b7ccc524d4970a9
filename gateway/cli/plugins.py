"""``busgate plugins``: which plugins are there, and what they bring."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gateway.cli.output import show_list

if TYPE_CHECKING:
    from gateway.cli.context import Session

NONE = "no plugin is installed; for 1-Wire: pip install busgate-onewire"


@click.command("plugins")
@click.pass_obj
def command(session: Session) -> int:
    """List the plugins with version, drivers, procedures and what is wrong with them; exit 1 if something is."""
    infos = session.plugins.infos
    rows = [asdict(info) for info in infos]
    if not session.json:
        rows = [row | {"drivers": " ".join(row["drivers"]), "procedures": " ".join(row["procedures"])} for row in rows]
    columns = ["name", "version", "drivers", "procedures"]
    if any(row["error"] for row in rows):
        columns.append("error")
    show_list(rows, columns, as_json=session.json, nothing=NONE)
    return int(any(info.error for info in infos))
