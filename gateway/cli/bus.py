"""``busgate bus``: hardware by hand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio
import click

from gateway.cli.arguments import expression, variables
from gateway.cli.bus_access import bus_handle
from gateway.cli.bus_access import scan as scan_bus
from gateway.cli.context import in_loop
from gateway.cli.output import json_line, moment, on_terminal, show_list, show_record, text_of

if TYPE_CHECKING:
    from gateway.cli.context import Session
    from gateway.radio import Heard


@click.group("bus")
def command() -> None:
    """Hardware by hand: through the running node that holds it, else opened for the moment."""


@command.command("list")
@in_loop
async def list_(session: Session) -> None:
    """List the interfaces: of all running nodes, and of this configuration."""
    from gateway.bus.remote import survey

    async with session.store() as store:
        anybody = [entry async for entry in store.tree(session.config.locations.presence, min_depth=1)]
        nodes = await survey(store) if anybody else []
        now = store.clock.now()
    rows = [{"name": one["name"], "node": found["node"], **one} for found in nodes for one in found["interfaces"]]
    own = session.config.node.name
    if own not in {found["node"] for found in nodes}:
        rows += [
            {"name": one.name, "node": own, "bus": one.bus, "driver": one.driver, "state": "node not running"}
            for one in session.config.interfaces
        ]
    if not session.json:
        rows = [row | {"since": moment(row.get("since"), now)} for row in rows]
    show_list(
        rows,
        ["name", "bus", "driver", "node", "state", "since", "reason"],
        as_json=session.json,
        nothing="no interface is configured; see [[interface]] in `busgate config init`",
    )


@command.command("scan")
@click.argument("bus")
@click.option("--alarmed", is_flag=True, help="Only devices that ask for attention.")
@in_loop
async def scan(session: Session, bus: str, alarmed: bool) -> None:
    """Find the devices on BUS."""
    async with session.store() as store:
        devices = await scan_bus(session, store, bus, alarmed=alarmed)
    rows = [
        {
            "name": device.id,
            "kind": device.kind,
            "readable": list(device.readable),
            "writable": list(device.writable),
            "details": device.details,
        }
        for device in sorted(devices, key=lambda device: device.id)
    ]
    if not session.json:
        rows = [row | {"readable": " ".join(row["readable"]), "writable": " ".join(row["writable"])} for row in rows]
    show_list(rows, ["name", "kind", "readable", "writable"], as_json=session.json, nothing=f"nothing found on {bus}")


@command.command("read")
@click.argument("bus")
@click.argument("device")
@click.argument("attribute")
@in_loop
async def read(session: Session, bus: str, device: str, attribute: str) -> int:
    """Read one value; exit 1 when there is none."""
    async with session.store() as store, bus_handle(session, store, bus) as handle:
        reading = await handle.read(device, attribute)
    if session.json:
        show_record({"name": device, "attribute": attribute, **reading.as_map()}, as_json=True)
    elif reading.quality == "ok":
        click.echo(f"{text_of(reading.value)}{f' {reading.unit}' if reading.unit else ''}")
    else:
        value = "" if reading.value is None else f" (it says {text_of(reading.value)})"
        click.echo(f"error: {device} {attribute}: {WORDS[reading.quality]}{value}", err=True)
    return int(reading.quality != "ok")


WORDS = {
    "stale": "not read now; this is an old value",
    "suspect": "the device answers, but the value is not to be believed",
    "absent": "the device is not on the bus; `busgate bus scan` lists those that are",
    "crc": "the answer was garbled (CRC error): look at the wiring",
    "bus_error": "the bus or its server failed",
}


@command.command("write")
@click.argument("bus")
@click.argument("device")
@click.argument("attribute")
@click.argument("value")
@in_loop
async def write(session: Session, bus: str, device: str, attribute: str, value: str) -> None:
    """Write one value: JSON, a Python literal, or plain text."""
    try:
        wanted: Any = expression(value)
    except click.BadParameter:
        wanted = value
    async with session.store() as store, bus_handle(session, store, bus) as handle:
        await handle.write(device, attribute, wanted)


@command.command("send")
@click.argument("bus")
@click.argument("device")
@click.argument("name", metavar="COMMAND")
@click.option("-v", "texts", metavar="NAME TEXT", nargs=2, multiple=True, help="A value: text.")
@click.option("-e", "values", metavar="NAME EXPR", nargs=2, multiple=True, help="A value: JSON or Python.")
@in_loop
async def send(session: Session, bus: str, device: str, name: str, texts: Any, values: Any) -> None:
    """Send COMMAND to a device, and print what the driver says to it.

    A radio says how far it got: 1: written to the hardware; 2: acknowledged by it; 3: answered by the device. A running
    node sends it by the radio that reaches the device, and says by which, as id, level and interface.
    """
    given = variables(texts, (), values)
    async with session.store() as store, bus_handle(session, store, bus) as handle:
        answer = await handle.send(device, name, **given)
    if session.json:
        show_record({"name": device, "command": name, "answer": answer}, as_json=True)
    elif answer is not None:
        click.echo(text_of(answer))


@command.command("devices")
@click.argument("bus")
@in_loop
async def devices(session: Session, bus: str) -> None:
    """List the devices that the radios of BUS have heard since they are up, with how often and when last.

    Those of all running nodes are asked; a device counts as often as the radio has heard it that heard it most.
    """
    async with session.store() as store:
        found = await scan_bus(session, store, bus)
        now = store.clock.now()
    rows: list[dict[str, Any]] = [{"name": one.id, "kind": one.kind, **one.details} for one in found]
    if not session.json:
        rows = [row | {"last": moment(row.get("last"), now)} for row in rows]
    nothing = f"nothing heard on {bus} so far; the list grows while a node runs (`busgate up`)"
    show_list(rows, ["name", "kind", "count", "last", "rssi"], as_json=session.json, nothing=nothing)


@command.command("listen")
@click.argument("bus")
@in_loop
async def listen(session: Session, bus: str) -> None:
    """Print the telegrams that any node hears on BUS, each once, until interrupted."""
    from gateway.radio import Radio

    async with session.store() as store, anyio.create_task_group() as tasks:
        radio = Radio(store, session.config.node.name)
        await tasks.start(radio.run)
        async with radio.listen(bus, f"by hand {radio.sender}", leaves=True) as telegrams:
            if on_terminal() and not session.json:
                click.echo(f"-- telegrams of {bus}; Ctrl-C ends --", err=True)
            async for entry, heard in telegrams:
                _show_telegram(heard, as_json=session.json)
                await telegrams.took(entry)


def _show_telegram(heard: Heard, *, as_json: bool) -> None:
    one = heard.reception.telegram
    if as_json:
        values = {name: {"value": value.value, "unit": value.unit} for name, value in one.values.items()}
        told = {"kind": one.kind, "values": values, "rssi": one.rssi, "battery": one.battery, "raw": one.raw}
        json_line({"name": one.device, **told, "time": heard.time, "heard": dict(heard.heard)})
        return
    words = [f"{name}={text_of(value.value)} {value.unit or ''}".rstrip() for name, value in one.values.items()]
    words += [f"{one.rssi:g} dBm"] if one.rssi is not None else []
    time = f"{datetime.fromtimestamp(heard.time).astimezone():%H:%M:%S}"
    click.echo(f"{time}  {one.device}  {one.kind}  {'  '.join(words)}  ({heard.reception.interface})")
