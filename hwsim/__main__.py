"""The command `hwsim`; its subcommands are loaded when they are used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="busgate", prog_name="hwsim")
def main() -> None:
    """Simulated hardware buses that real drivers take for real."""


def _socket(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which house, and how to print."""
    command = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")(command)
    return click.option(
        "--socket",
        type=click.Path(path_type=Path),
        envvar="HWSIM_SOCKET",
        help="Socket of the house; without it, the one house of yours that runs. Also HWSIM_SOCKET.",
    )(command)


@main.command()
@click.argument("scenario", type=_FILE)
@_socket
def serve(scenario: Path, socket: Path | None, as_json: bool) -> None:
    """Run the house of SCENARIO until SIGINT or SIGTERM.

    Prints where each bus listens as soon as it does, then the socket through which the house is steered.
    """
    from hwsim.command import serve as run

    run(scenario, socket=socket, as_json=as_json)


@main.command()
@click.argument("scenario", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each mistake.")
def check(scenario: Path, as_json: bool) -> None:
    """Look for mistakes in SCENARIO; prints all of them."""
    from hwsim.command import check as run

    run(scenario, as_json=as_json)


@main.command()
@click.argument("device")
@click.argument("action", required=False)
@click.option("--hold", type=click.FloatRange(min=0), default=0.0, help="Seconds for which it is held.")
@click.option("--level", type=click.IntRange(0, 15), help="With the action level.")
@_socket
def press(device: str, action: str | None, hold: float, level: int | None, socket: Path | None, as_json: bool) -> None:
    """Press something on DEVICE: ACTION is on, off, open, send and so on; without it the first it has.

    Prints the telegram and who heard it, when it is over.
    """
    from hwsim.command import steer
    from hwsim.requests import Press

    steer(Press(device=device, action=action, hold=hold, level=level), socket=socket, as_json=as_json)


@main.command()
@click.argument("name")
@_socket
def unplug(name: str, socket: Path | None, as_json: bool) -> None:
    """Pull the stick or device NAME: its cable, its battery, or it from its wire."""
    from hwsim.command import steer
    from hwsim.requests import Unplug

    steer(Unplug(name=name), socket=socket, as_json=as_json)


@main.command()
@click.argument("name")
@_socket
def plug(name: str, socket: Path | None, as_json: bool) -> None:
    """Plug the stick or device NAME in again; a stick is back at the same path."""
    from hwsim.command import steer
    from hwsim.requests import Plug

    steer(Plug(name=name), socket=socket, as_json=as_json)


@main.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("device")
@click.argument("quantity")
@click.argument("value", type=float)
@_socket
def set_(device: str, quantity: str, value: float, socket: Path | None, as_json: bool) -> None:
    """Change what DEVICE measures: from now on QUANTITY is VALUE."""
    from hwsim.command import steer
    from hwsim.requests import Set

    steer(Set(device=device, quantity=quantity, value=value), socket=socket, as_json=as_json)


@main.command()
@click.argument("kind")
@click.argument("target")
@click.option("--for", "duration", type=click.FloatRange(min=0), help="Seconds until it is made good.")
@click.option("-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the kind.")
@_socket
def fault(
    kind: str, target: str, duration: float | None, options: tuple[str, ...], socket: Path | None, as_json: bool
) -> None:
    """Let a fault of KIND happen to the bus or device TARGET; prints its number."""
    from hwsim.command import steer
    from hwsim.requests import Fault

    given = dict(map(_option, options))
    steer(Fault(kind=kind, target=target, duration=duration, options=given), socket=socket, as_json=as_json)


@main.command()
@_socket
def faults(socket: Path | None, as_json: bool) -> None:
    """Show the faults that have happened, with the numbers that `hwsim end` takes."""
    from hwsim.command import steer
    from hwsim.requests import Faults

    steer(Faults(), socket=socket, as_json=as_json)


@main.command()
@click.argument("number", type=click.IntRange(min=0))
@_socket
def end(number: int, socket: Path | None, as_json: bool) -> None:
    """Make the fault NUMBER good."""
    from hwsim.command import steer
    from hwsim.requests import End

    steer(End(number=number), socket=socket, as_json=as_json)


@main.command()
@click.argument("scenario", type=_FILE, required=False)
@_socket
def devices(scenario: Path | None, socket: Path | None, as_json: bool) -> None:
    """Show all devices with what they measure now: of the running house, or of SCENARIO at its start."""
    from hwsim.command import devices as run

    run(scenario, socket=socket, as_json=as_json)


@main.command()
@_socket
def buses(socket: Path | None, as_json: bool) -> None:
    """Show where the buses of the running house are, and what went over them."""
    from hwsim.command import steer
    from hwsim.requests import Buses

    steer(Buses(), socket=socket, as_json=as_json)


@main.command()
@click.option("--since", type=click.IntRange(min=0), default=0, help="Number of the first to show.")
@_socket
def air(since: int, socket: Path | None, as_json: bool) -> None:
    """Show who has sent what through the air, when, and who heard it."""
    from hwsim.command import steer
    from hwsim.requests import AirLog

    steer(AirLog(since=since), socket=socket, as_json=as_json)


@main.command()
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--listen", metavar="[HOST:]PORT or PATH", help="Where hosts find the device instead; else a free place.")
@click.option("--kind", help="Protocol of a serial line, as in rfxtrx; else it is recognised.")
@click.option("--baud", type=click.IntRange(min=1), help="Speed of a serial line; else as the host sets it.")
@_socket
def record(
    source: str,
    file: Path,
    listen: str | None,
    kind: str | None,
    baud: int | None,
    socket: Path | None,
    as_json: bool,
) -> None:
    """Record all that goes to SOURCE and comes from it into FILE, until SIGINT or SIGTERM.

    SOURCE is owserver://HOST[:PORT], socket://HOST:PORT, or the path of a serial device: hosts connect to the place
    that is printed, and everything is passed on. Or it is the name of a bus of a running house, which records itself.
    """
    from hwsim.recording.command import record as run

    run(source, file, listen=listen, kind=kind, baud=baud, socket=socket, as_json=as_json)


@main.command()
@click.argument("file", type=_FILE)
@click.option("--strict/--tolerant", default=True, help="Insist on the recorded bytes, or answer by request.")
@click.option("--fast", is_flag=True, help="Don't wait for the recorded times.")
@click.option("--listen", metavar="[HOST:]PORT or PATH", help="Where the device is to be; else a free place.")
@click.option("--make-test", "test", type=click.Path(path_type=Path), help="Write a pytest file that replays it.")
@click.option("--reader", metavar="MODULE:FUNCTION", help="With --make-test: what to test; it gets the URL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def replay(
    file: Path, strict: bool, fast: bool, listen: str | None, test: Path | None, reader: str | None, as_json: bool
) -> None:
    """Be the device that was recorded into FILE, until all was played, or until SIGINT or SIGTERM.

    Strict (the default), a host that sends other bytes than were recorded is cut off, and told: exit 1.
    """
    from hwsim.recording.command import make_test, play

    if test is not None:
        make_test(file, test, reader, as_json=as_json)
    elif reader is not None:
        raise click.UsageError("--reader belongs to --make-test")
    else:
        play(file, tolerant=not strict, fast=fast, listen=listen, as_json=as_json)


@main.command()
@click.argument("file", type=_FILE)
@click.option("--connection", type=click.IntRange(min=1), metavar="N", help="Only the connection with this number.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(file: Path, connection: int | None, as_json: bool) -> None:
    """Show what was recorded into FILE: seconds, connection, > to the device or < to the host, and what it says."""
    from hwsim.recording.command import show as run

    run(file, connection=connection, as_json=as_json)


def _option(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; VALUE is JSON, else text."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r} is no option of a fault; write NAME=VALUE, as in delay=0.5")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    main()
