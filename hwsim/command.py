"""What the subcommands of `hwsim` do. They print and end the process; everything else is in `House`."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
import click

from hwsim.errors import HwsimError, ScenarioError
from hwsim.house import House
from hwsim.scenario_reader import read_scenario_file

if TYPE_CHECKING:
    from pathlib import Path

_FAILED = 1


def serve(path: Path, *, as_json: bool) -> None:
    """Run a house until a signal ends it; exits with 1 when it can't run."""
    try:
        house = House.load(path)
        anyio.run(_serve, house, as_json)
    except HwsimError as error:
        _fail(error)


def check(path: Path, *, as_json: bool) -> None:
    """Report every mistake of a scenario; exits with 1 when there are any."""
    try:
        scenario = read_scenario_file(path)
    except ScenarioError as error:
        if not as_json:
            _fail(error)
        for problem in error.problems:
            click.echo(json.dumps(asdict(problem)))
        sys.exit(_FAILED)
    if not as_json:
        devices = len(scenario.devices) + len(scenario.radio_devices)
        counts = {"bus": len(scenario.kinds), "device": devices, "fault": len(scenario.faults)}
        click.echo(f"{path}: " + ", ".join(_counted(number, word) for word, number in counts.items()))


async def _serve(house: House, as_json: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with house.running():
            width = max(len(endpoint.bus) for endpoint in house.endpoints)
            for endpoint in house.endpoints:
                text = json.dumps(asdict(endpoint)) if as_json else f"{endpoint.bus:{width}}  {endpoint.url}"
                click.echo(text)
            sys.stdout.flush()
            async for _ in signals:
                break


def _counted(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"


def _fail(error: HwsimError) -> None:
    if isinstance(error, ScenarioError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
    else:
        click.echo(f"error: {error}", err=True)
    sys.exit(_FAILED)
