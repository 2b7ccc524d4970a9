"""Buses and devices as lines of text, for people."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hwsim.inventory import Row

_GAP: Final = "  "


def device_lines(rows: list[Row]) -> Iterator[str]:
    """A line for each device under a heading."""
    cells = [[row["bus"], row["id"], row["alias"], row["type"], values(row), trouble(row)] for row in rows]
    return aligned([["BUS", "ID", "ALIAS", "TYPE", "VALUES", "TROUBLE"], *cells])


def bus_lines(rows: list[Row]) -> Iterator[str]:
    """A line for each bus under a heading."""
    cells = [[row["bus"], row["kind"], row["url"], traffic(row), trouble(row)] for row in rows]
    return aligned([["BUS", "KIND", "URL", "TRAFFIC", "TROUBLE"], *cells])


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def values(row: Row) -> str:
    """What a device measures, as in `temperature 21.4, humidity 58`; equal levels of pins are told together."""
    found = [(name, _number(value)) for name, value in row["quantities"].items()]
    told = []
    for (stem, text), group in itertools.groupby(found, key=lambda item: (item[0].rpartition("_")[0], item[1])):
        names = [name for name, _ in group]
        several = stem == "sensed" and len(names) > 1
        shown = f"{names[0]}..{names[-1].removeprefix('sensed_')}" if several else None
        told += [f"{shown} {text}"] if shown else [f"{name} {text}" for name in names]
    return ", ".join(told)


def traffic(row: Row) -> str:
    """The counters that are not 0."""
    return ", ".join(f"{count} {name}" for name, count in row["traffic"].items() if count) or "-"


def trouble(row: Row) -> str:
    """Faults in force, and whether it is there at all."""
    gone = [] if row.get("connected", True) or "unplug" in row["faults"] else ["unplugged"]
    return ", ".join(gone + row["faults"])


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.2f}".rstrip("0").rstrip(".")
