"""What the subcommands of `hwsim` do. They print and end the process; everything else is in `House`."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import click

from hwsim import inventory, live
from hwsim.errors import HwsimError, ScenarioError, Unreachable
from hwsim.house import House
from hwsim.requests import Devices
from hwsim.scenario_reader import read_scenario_file
from hwsim.steering import ask, find, steered
from hwsim.tables import bus_lines, device_lines

if TYPE_CHECKING:
    from pathlib import Path

    from hwsim.requests import Request

_FAILED, _UNREACHABLE = 1, 3
_LISTS = ("transmissions", "faults", "devices", "buses")
"""Fields of answers that are lists, one line for each of their rows."""


def serve(path: Path, *, socket: Path | None, as_json: bool) -> None:
    """Run a house until a signal ends it; exits with 1 when it can't run."""
    try:
        house = House.load(path)
        anyio.run(_serve, house, path.name, socket, as_json)
    except HwsimError as error:
        fail(error)


def check(path: Path, *, as_json: bool) -> None:
    """Report every mistake of a scenario; exits with 1 when there are any."""
    try:
        scenario = read_scenario_file(path)
    except ScenarioError as error:
        if not as_json:
            fail(error)
        for problem in error.problems:
            click.echo(json.dumps(asdict(problem)))
        sys.exit(_FAILED)
    if not as_json:
        devices = len(scenario.devices) + len(scenario.radio_devices)
        counts = {"bus": len(scenario.kinds), "device": devices, "fault": len(scenario.faults)}
        click.echo(f"{path}: " + ", ".join(_counted(number, word) for word, number in counts.items()))


def devices(path: Path | None, *, socket: Path | None, as_json: bool) -> None:
    """Print what is in a running house, or in that of a file as it is at its start."""
    if path is None:
        steer(Devices(), socket=socket, as_json=as_json)
        return
    try:
        rows = inventory.devices(House.load(path))
    except HwsimError as error:
        fail(error)
    _show_rows("devices", rows, as_json=as_json)


def steer(request: Request, *, socket: Path | None, as_json: bool) -> None:
    """Ask a running house for something and print its answer; exits with 1 when it refuses, 3 when there is none."""
    try:
        answer = ask(socket or find(), request)
    except HwsimError as error:
        fail(error)
    refused = not answer.pop("ok")
    if refused and not as_json:
        click.echo(f"error: {answer['message']}", err=True)
    else:
        rows = next((answer[name] for name in _LISTS if name in answer), [answer])
        _show_rows(request.do, rows, as_json=as_json)
    if refused:
        sys.exit(_FAILED)


def _show_rows(do: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        lines = [json.dumps(row) for row in rows]
    elif do in ("devices", "buses"):
        lines = [*device_lines(rows)] if do == "devices" else [*bus_lines(rows)]
    else:
        lines = [_sentence(do, row) for row in rows]
    for line in lines:
        click.echo(line)


async def _serve(house: House, title: str, socket: Path | None, as_json: bool) -> None:
    terminal = not as_json and sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with house.running(), steered(house, socket) as path, anyio.create_task_group() as tasks:
            _show(house, path, as_json=as_json)
            if terminal:
                tasks.start_soon(live.show, house, title)
            async for _ in signals:
                break
            tasks.cancel_scope.cancel()


def _show(house: House, path: Path, *, as_json: bool) -> None:
    """Print where each bus is, then the socket."""
    if as_json:
        lines = [json.dumps(asdict(endpoint)) for endpoint in house.endpoints] + [json.dumps({"socket": str(path)})]
    else:
        width = max(len(endpoint.bus) for endpoint in house.endpoints)
        lines = [f"{endpoint.bus:{width}}  {endpoint.url}" for endpoint in house.endpoints]
        verbs = "devices, buses, faults, air, set, press, unplug, plug, fault, end, record"
        lines.append(f"look at it and steer it with: hwsim {verbs} (--socket {path})")
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _sentence(do: str, row: dict[str, Any]) -> str:
    """The answer to one kind of request, for people."""
    match do:
        case "press" | "air":
            heard = ", ".join(row["heard_by"]) or "nobody"
            content = " ".join(f"{name}={value}" for name, value in row["content"].items())
            return f"{row['number']}  {row['began']:.3f} s  {row['sender']}: {content}; heard by {heard}"
        case "faults" if row["ended"] is not None:
            lasted = f"from {row['began']:.3f} to {row['ended']:.3f} s"
            return f"fault {row['number']}: {row['kind']} of {row['target']} {lasted}"
        case "fault" | "faults":
            return f"fault {row['number']}: {row['kind']} of {row['target']} since {row['began']:.3f} s"
        case "end":
            return f"fault {row['number']}: {row['kind']} of {row['target']} until {row['ended']:.3f} s"
        case "set":
            name, value = list(row.items())[1]
            return f"{row['device']}: {name} is {value:g}"
        case _:
            return f"{row['name']}: {do}ged"


def _counted(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"


def fail(error: HwsimError) -> NoReturn:
    if isinstance(error, ScenarioError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
    else:
        click.echo(f"error: {error}", err=True)
    sys.exit(_UNREACHABLE if isinstance(error, Unreachable) else _FAILED)
