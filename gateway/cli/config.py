"""``busgate config``: check, show, or write a configuration."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.output import json_line
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.cli.context import Session

#: What can be written: for one machine, for a node of a cluster, for the servers of that.
SHIPPED: Final = ("gateway.toml", "cluster.toml", "nats-server.conf")


@click.group("config")
def command() -> None:
    """The configuration: which one is in force, and what is wrong with it."""


@command.command("check")
@click.pass_obj
def check(session: Session) -> int:
    """Report every mistake with file, line and key; exit 1 if there is one."""
    try:
        mistakes = all_mistakes(session)
    except ConfigError as error:
        mistakes = list(error.mistakes)
    if session.json:
        json_line({"ok": not mistakes, "mistakes": mistakes})
    else:
        for mistake in mistakes:
            click.echo(mistake, err=True)
        if not mistakes:
            click.echo(f"{session.config.source.file or 'no file; the defaults'}: no mistakes")
    return int(bool(mistakes))


def all_mistakes(session: Session) -> list[str]:
    """What is wrong with a configuration that can be read, given the stores and plugins; ConfigError if it can't."""
    from gateway.config import driver_mistakes

    return [*_store_mistakes(session), *driver_mistakes(session.config, session.plugins.driver)]


def _store_mistakes(session: Session) -> list[str]:
    """What is wrong with the store's URL; it is not opened."""
    from gateway.store import open_store

    try:
        open_store(session.config.store.url, options=session.config.store.options)
    except ConfigError as error:
        problems = [each.removeprefix("store: ") for each in error.mistakes]
        return [session.config.source.mistake(("store", "url"), each) for each in problems]
    return []


@command.command("show")
@click.pass_obj
def show(session: Session) -> None:
    """Print the configuration in force, defaults included, secrets masked."""
    shown = session.config.as_map()
    if session.json:
        json_line(shown)
        return
    click.echo(f"# {session.config.source.file or 'no file; the defaults'}")
    click.echo(_toml(shown))


@command.command("init")
@click.argument("file", type=click.Path(dir_okay=False, path_type=File), default="busgate.toml")
@click.option("--like", type=click.Choice(SHIPPED), default=SHIPPED[0], help="For a cluster, or for its servers.")
def init(file: File, like: str) -> int:
    """Write a commented configuration to FILE; never over an existing one."""
    from gateway.config.shipped import config_file

    try:
        with file.open("x") as target:
            target.write(config_file(like).read_text())
    except FileExistsError:
        click.echo(f"error: {file} exists already; move it away, or name another file", err=True)
        return 1
    except OSError as error:
        click.echo(f"error: {file} can't be written: {error.strerror}", err=True)
        return 1
    check = f"nats-server -t -c {file}" if like.endswith(".conf") else f"busgate -c {file} config check"
    click.echo(f"wrote {file}; edit it, then: {check}")
    return 0


def _toml(shown: dict[str, Any]) -> str:
    """The sections as TOML."""
    lines = []
    for section, content in shown.items():
        tables = content if isinstance(content, list | tuple) else [content]
        for table in tables:
            lines.append(f"\n[[{section}]]" if isinstance(content, list | tuple) else f"\n[{section}]")
            lines += [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in table.items()]
    return "\n".join(lines).lstrip()


def _toml_value(value: Any) -> str:
    """One value; JSON is TOML for text, numbers and booleans."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{_toml_key(key)} = {_toml_value(part)}" for key, part in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_toml_value, value)) + "]"
        case datetime() | date() | time():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)
