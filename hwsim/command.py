"""What the subcommands of `hwsim` do. They print and end the process; everything else is in `House`."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import click

from hwsim.errors import HwsimError, ScenarioError, Unreachable
from hwsim.house import House
from hwsim.scenario_reader import read_scenario_file
from hwsim.steering import ask, find, steered

if TYPE_CHECKING:
    from pathlib import Path

    from hwsim.requests import Request

_FAILED, _UNREACHABLE = 1, 3


def serve(path: Path, *, socket: Path | None, as_json: bool) -> None:
    """Run a house until a signal ends it; exits with 1 when it can't run."""
    try:
        house = House.load(path)
        anyio.run(_serve, house, socket, as_json)
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
        for row in answer.get("transmissions", [answer]):
            click.echo(json.dumps(row) if as_json else _sentence(request.do, row))
    if refused:
        sys.exit(_FAILED)


async def _serve(house: House, socket: Path | None, as_json: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with house.running(), steered(house, socket) as path:
            _show(house, path, as_json=as_json)
            async for _ in signals:
                break


def _show(house: House, path: Path, *, as_json: bool) -> None:
    """Print where each bus is, then the socket."""
    if as_json:
        lines = [json.dumps(asdict(endpoint)) for endpoint in house.endpoints] + [json.dumps({"socket": str(path)})]
    else:
        width = max(len(endpoint.bus) for endpoint in house.endpoints)
        lines = [f"{endpoint.bus:{width}}  {endpoint.url}" for endpoint in house.endpoints]
        lines.append(f"steer it with: hwsim press, set, unplug, plug, fault, air (--socket {path})")
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _sentence(do: str, row: dict[str, Any]) -> str:
    """The answer to one kind of request, for people."""
    match do:
        case "press" | "air":
            heard = ", ".join(row["heard_by"]) or "nobody"
            content = " ".join(f"{name}={value}" for name, value in row["content"].items())
            return f"{row['number']}  {row['began']:.3f} s  {row['sender']}: {content}; heard by {heard}"
        case "fault":
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
