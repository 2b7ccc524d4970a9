"""The live table of `hwsim serve`: buses, values, traffic and faults of a house while it runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import anyio

from hwsim import inventory
from hwsim.tables import aligned, traffic, trouble, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.house import House
    from hwsim.inventory import Row

REDRAW: Final = 0.5
"""Seconds from one picture to the next."""
_NARROWEST: Final = 36
"""Characters that a column of devices needs."""
Line = tuple[str, str]
"""Text, and the name of its style in rich."""


async def show(house: House, title: str) -> None:
    """Draw on the terminal until cancelled, then leave it as it was."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            lines = picture(house, title, *console.size)
            drawn = (Text(text, style=style, no_wrap=True, overflow="ellipsis") for text, style in lines)
            live.update(Group(*drawn), refresh=True)
            await anyio.sleep(REDRAW)


def picture(house: House, title: str, width: int, height: int) -> list[Line]:
    """What is to be seen now, no more than `height` lines of `width` characters."""
    head = [(f"{title}: {house.time.now():.1f} s; Ctrl-C ends it", "bold"), ("", "")]
    buses = inventory.buses(house)
    cells = [[row["bus"], row["kind"], row["url"], traffic(row)] for row in buses]
    table = aligned([["BUS", "KIND", "WHERE", "TRAFFIC"], *cells])
    styles = ["dim", *("red" if trouble(row) else "" for row in buses)]
    head += [*zip(table, styles, strict=True), ("", "")]
    wrong = _wrong(house, width)
    foot = [("", ""), wrong, ("elsewhere: hwsim devices, set, press, fault, unplug, record; see hwsim --help", "dim")]
    body = _devices(inventory.devices(house), width, height - len(head) - len(foot))
    return [(text[:width], style) for text, style in [*head, *body, *foot]][:height]


def _devices(rows: list[Row], width: int, height: int) -> list[Line]:
    """The devices, side by side if they must be."""
    columns = max(1, min(math.ceil(len(rows) / max(1, height)), width // _NARROWEST))
    room = columns * max(1, height)
    if len(rows) > room:
        rows, hidden = rows[: room - 1], len(rows) - room + 1
    else:
        hidden = 0
    cells = [*_cells(rows, width // columns - 2)]
    if hidden:
        cells.append((f"and {hidden} more: hwsim devices", "dim"))
    down = math.ceil(len(cells) / columns)
    lines = []
    for start in range(down):
        line = cells[start::down]
        text = "  ".join(text.ljust(width // columns - 2) for text, _ in line)
        lines.append((text.rstrip(), line[0][1] if columns == 1 else ""))
    return lines


def _cells(rows: list[Row], width: int) -> Iterator[Line]:
    names = [row["alias"] or row["id"] for row in rows]
    longest = max(map(len, names), default=0)
    for name, row in zip(names, rows, strict=True):
        wrong = trouble(row)
        told = f"{name:{longest}}  {values(row)}" if not wrong else f"{name:{longest}}  [{wrong}] {values(row)}"
        yield (told if len(told) <= width else f"{told[: width - 1]}…"), "red" if wrong else ""


def _wrong(house: House, width: int) -> Line:
    """The faults in force in one line."""
    numbered = [(number, fault) for number, fault in enumerate(house.faults) if fault.ended is None]
    active = [f"{number} {fault.kind} {fault.target} since {fault.began:.0f} s" for number, fault in numbered]
    if not active:
        return f"no fault in force; {len(house.faults)} so far", "dim"
    told = f"{len(active)} in force: {', '.join(active)}"
    return (told if len(told) <= width else f"{told[: width - 1]}…"), "red"
