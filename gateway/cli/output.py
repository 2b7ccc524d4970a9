"""How results are shown: tables on a terminal, plain text in a pipe, one JSON object a line with ``--json``."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.codec import to_json
from gateway.path import Path
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row = dict[str, Any]


def on_terminal() -> bool:
    return sys.stdout.isatty()


def json_line(fields: Mapping[str, Any]) -> None:
    """Print one object. The path that names it is plain text; paths among the values are ``{"$path": text}``."""
    shown = {
        name: str(value) if name == "path" and isinstance(value, Path) else value
        for name, value in fields.items()
        if value is not NotGiven
    }
    click.echo(to_json(shown))


def show_list(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool, nothing: str = "") -> None:
    """Print a list: as JSON all fields of each row, else the columns.

    Args:
        nothing: what to say on stderr when there is no row.
    """
    found = list(rows)
    if as_json:
        for row in found:
            json_line(row)
    elif not found:
        click.echo(nothing, err=True)
    elif on_terminal():
        _table(found, columns)
    else:
        _plain(found, columns)


def show_record(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record: as a JSON object, else a line for each field."""
    if as_json:
        json_line(fields)
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value is not NotGiven:
            click.echo(f"{name:<{width}}  {text_of(value)}")


def text_of(value: Any) -> str:
    """A value for people."""
    match value:
        case None:
            return "-"
        case str() | Path():
            return str(value)
        case datetime():
            return value.isoformat()
    return to_json(value)


def moment(time: float | None, now: float) -> str:
    """A moment in Unix seconds, the way people say it: how long until then, or since."""
    if not time:
        return "-"
    distance = time - now
    if abs(distance) > 86_400:
        return datetime.fromtimestamp(time).astimezone().isoformat(" ", "seconds")
    length = duration(abs(distance))
    return f"in {length}" if distance > 0 else f"{length} ago"


def date(time: float | None) -> datetime | None:
    """A moment in Unix seconds as a date of this place; None for none."""
    return datetime.fromtimestamp(round(time)).astimezone() if time else None


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row, column) for column in columns))
    Console(markup=False, highlight=False).print(table)


def _plain(rows: Sequence[Row], columns: Sequence[str]) -> None:
    cells = [[column.upper() for column in columns]]
    cells += [[_cell(row, column).replace("\n", " ") for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(row: Row, column: str) -> str:
    return text_of(row.get(column))
