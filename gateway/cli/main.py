"""The entrance: global options, the table of commands, and what an error looks like.

A command's file is imported only when the command is called, so that ``busgate --version`` stays quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Final, cast

import click

from gateway.cli.context import Session
from gateway.errors import (
    BusgateError,
    ConfigError,
    Detached,
    InterfaceDown,
    Misuse,
    NameTaken,
    NotFound,
    StoreUnusable,
    Unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Name of each command: its module in this package, and its one-line help (so that ``--help`` imports nothing).
COMMANDS: Final = {
    "demo": ("demo", "the main jobs on simulated hardware; ends by itself"),
    "up": ("up", "run this node: its interfaces and the jobs of its groups"),
    "run": ("run", "the jobs: list, get, set, delete, state, restart, debug, info, monitor; or run them"),
    "code": ("code", "stored procedures and modules: list, get, set, delete, check"),
    "store": ("store", "raw entries: get, set, delete, list, watch; export and import all of them"),
    "bus": ("bus", "hardware by hand: list, scan, read, write"),
    "nodes": ("nodes", "which nodes run"),
    "groups": ("groups", "which nodes run jobs together, and how many there should be"),
    "release": ("release", "declare a node dead, so that others take its jobs at once"),
    "errors": ("errors", "what is wrong"),
    "plugins": ("plugins", "which plugins are there"),
    "doctor": ("doctor", "look at everything that a node needs, and say what to do"),
    "config": ("config", "check, show, or write a configuration"),
}

#: Options that may stand anywhere on the line, with the number of values each takes.
ANYWHERE: Final = {"--config": 1, "--store": 1, "--name": 1, "--json": 0}

#: Commands that have an option of such a name of their own: after them it is theirs.
OWN: Final = {"demo": {"--store"}}

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


class Commands(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}")
        return cast("click.Command", module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"busgate {version('busgate')}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-c", "--config", metavar="FILE", help="Configuration; -c only here, --config anywhere.")
@click.option("--store", metavar="URL", help="Store instead of the configured one: sqlite:PATH. Anywhere.")
@click.option("--name", metavar="NODE", help="This node's name instead of the configured one. Anywhere.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line. Anywhere.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version.")
@click.pass_context
def busgate(ctx: click.Context, config: str | None, store: str | None, name: str | None, as_json: bool) -> None:
    """A gateway between hardware buses and a distributed key-value store.

    Try `busgate demo` first.
    """
    ctx.obj = Session(config, store, name, as_json)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return the exit status: 0 ok, 1 failed or not found, 2 usage, 3 not reachable."""
    try:
        status = busgate.main(_in_front(arguments), prog_name="busgate", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        click.echo(f"error: {_in_one_line(error)}", err=True)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return 130  # 128 + SIGINT, as shells say it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nobody to tell
        return FAILED
    except BusgateError as error:
        return _complain(error)
    except ExceptionGroup as group:
        expected, others = group.split(BusgateError)
        if expected is None or others is not None:
            raise
        return max(map(_complain, _leaves(expected)))


def _leaves(group: ExceptionGroup[BusgateError]) -> Iterator[BusgateError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _complain(error: BusgateError) -> int:
    click.echo(f"error: {error}", err=True)
    return exit_status(error)


def _in_one_line(error: click.ClickException) -> str:
    """What is wrong with the line, and where its help is."""
    message = error.format_message().rstrip(".")
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return message
    return f"{message[:1].lower()}{message[1:]} (see: {error.ctx.command_path} --help)"


def exit_status(error: BusgateError) -> int:
    """What a shell script learns of an error."""
    match error:
        case NotFound() | NameTaken() | Unsupported():
            return FAILED
        case ConfigError() | Misuse():
            return USAGE
        case Detached() | StoreUnusable() | InterfaceDown():
            return UNREACHABLE
    return FAILED


def _in_front(arguments: Sequence[str]) -> list[str]:
    """Move the options that may stand anywhere before the first command, but for its ``OWN``; stops at ``--``."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*front, *rest, word, *waiting]
        name, equals, _ = word.partition("=")
        if name in ANYWHERE and name not in OWN.get(_command(rest), ()):
            front.append(word)
            if ANYWHERE[name] and not equals and waiting:
                front.append(waiting.pop(0))
        else:
            rest.append(word)
    return front + rest


def _command(words: Sequence[str]) -> str:
    """The first command among some words; ``-c`` has a value."""
    pairs = zip(["", *words], words, strict=False)
    return next((word for before, word in pairs if before != "-c" and not word.startswith("-")), "")
