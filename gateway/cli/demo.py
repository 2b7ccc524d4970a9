"""``busgate demo``: the main jobs on simulated hardware."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import click

from gateway.cli.context import in_loop
from gateway.cli.output import json_line, on_terminal, text_of
from gateway.cli.up import stop_on_signal
from gateway.demo import Demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.table import Table

    from gateway.cli.context import Session
    from gateway.demo import Board, Summary
    from gateway.demo.servers import StoreKind

#: 128 + SIGINT, as shells say it.
INTERRUPTED = 130
#: Attributes shown in the table, the others are too many.
SHOWN = ("temperature", "humidity", "counter.A", "counter.B", "sensed.A", "sensed.B", "sensed.0", "sensed.1")


@click.command("demo")
@click.option("--forever", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--store",
    type=click.Choice(["sqlite", "nats"]),
    default="sqlite",
    show_default=True,
    help="What the nodes share: a file, or three NATS servers, which are started.",
)
@in_loop
async def command(session: Session, forever: bool, store: StoreKind) -> int:
    """Run two nodes in a simulated house, and make trouble: a server, a radio stick and a node are lost.

    With NATS servers, the leader of these is killed too. Needs no hardware; takes about 20 s, with NATS servers 40 s.
    Exits 1 when a device gave no reading, when a telegram was lost that a living receiver had heard, or when one was
    handled twice without need.
    """
    logging.getLogger("busgate").setLevel(logging.ERROR)  # the demo tells by itself what happens
    demo = Demo(session.plugins, store)
    summary = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_on_signal, tasks.cancel_scope.cancel)  # it stops its nodes in order
        with _shown(demo, live=on_terminal() and not session.json) as tell:
            summary = await demo.run(tell, forever=forever)
        tasks.cancel_scope.cancel()
    if summary is None:
        return INTERRUPTED
    if session.json:
        json_line(summary.as_map())
    else:
        _show_summary(summary, demo.board)
    return int(not summary.ok)


@contextmanager
def _shown(demo: Demo, *, live: bool) -> Iterator[Callable[[str], None]]:
    """Show the readings while it runs; gives the function that tells what happens."""
    if not live:
        yield lambda text: click.echo(text, err=True)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(markup=False, highlight=False)
    with Live(console=console, get_renderable=lambda: _table(demo.board), refresh_per_second=4):
        yield console.print  # above the table


def _table(board: Board) -> Table:
    from rich import box
    from rich.table import Table

    dimmers = " ".join(f"{level:3}" for _, level in sorted(board.levels.items()))
    where = f" on {board.holder}" if board.holder else ""
    radio = f"{board.noted} telegrams handled{where}; dimmers at {dimmers or '-'} %"
    table = Table(
        box=box.SIMPLE_HEAD,
        title=radio,
        caption=f"{board.readings} readings",
        title_justify="left",
        caption_justify="left",
    )
    for column in ("bus", "device", "readings", "quality", "age"):
        table.add_column(column)
    now = time.time()
    for device, attributes in sorted(board.latest.items(), key=lambda item: (_bus(item[1]), item[0])):
        worst = next((one["quality"] for one in attributes.values() if one["quality"] != "ok"), "ok")
        age = now - max(one["time"] for one in attributes.values())
        style = {"ok": "", "suspect": "yellow"}.get(worst, "red")
        table.add_row(_bus(attributes), device, _values(attributes), worst, f"{age:.0f} s", style=style)
    return table


def _bus(attributes: dict[str, dict[str, Any]]) -> str:
    return str(next(iter(attributes.values()))["source"]).rpartition("/")[2]


def _values(attributes: dict[str, dict[str, Any]]) -> str:
    shown = [(name, attributes[name]) for name in SHOWN if name in attributes]
    return "  ".join(f"{name} {text_of(one['value'])} {one['unit'] or ''}".rstrip() for name, one in shown)


def _show_summary(summary: Summary, board: Board) -> None:
    back, radio = summary.recovered_after_restart_s, summary.telegrams
    click.echo(f"{summary.devices} devices gave {summary.readings} readings; {summary.suspect} of them suspect now")
    if back is not None:
        click.echo(f"all read again {back:.1f} s after the restart")
    for device, value in board.cold.items():
        click.echo(f"stored job warn.cold: {device} has {value} °C")
    fate = f"{radio.handled} handled, {radio.lost} lost, {radio.duplicates} handled twice"
    click.echo(f"of {radio.sent} telegrams {radio.heard_by_any} were heard: {fate}")
    for what, seconds in zip(("stick was pulled", "node was killed"), summary.failover_s, strict=False):
        click.echo(f"the radio job went on elsewhere {seconds:.2f} s after its {what}")
    if summary.server_pause_s is not None:
        click.echo(f"telegrams waited {summary.server_pause_s:.1f} s when a server of the store was killed")
    for error in summary.errors:
        click.echo(f"error: {error}")
    click.echo("ok" if summary.ok else "failed")
