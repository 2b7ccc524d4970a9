"""``busgate store acl`` and ``nkey``: the users that NATS servers know their nodes by."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import click

from gateway.cli.arguments import PATH
from gateway.cli.output import json_line
from gateway.errors import Misuse

if TYPE_CHECKING:
    from gateway.cli.context import Session
    from gateway.path import Path


@click.command("acl")
@click.argument("node", required=False)
@click.option("-g", "--group", "groups", multiple=True, help="Whose jobs it runs; default: as configured. Repeatable.")
@click.option(
    "-w", "--writes", multiple=True, type=PATH, help="What its jobs write; default: as configured. Repeatable."
)
@click.option("--operator", is_flag=True, help="For a user that may do everything in the bucket, to be called NODE.")
@click.pass_obj
def acl(session: Session, node: str | None, groups: tuple[str, ...], writes: tuple[Path, ...], operator: bool) -> None:
    r"""Print what the servers have to allow NODE (default: this one), and no more, in the syntax of nats-server.

    Each server includes it where it has the node's user; the key is made by `busgate store nkey FILE`:

    \b
      { nkey: UABC..., include "attic.conf" }            # after: busgate store acl attic > attic.conf
      { user: "attic", password: "$2a$11$...", include "attic.conf" }   # a password's bcrypt hash
    """
    config = session.config if node is None else session.config.with_overrides(name=node)
    if not config.store.on_servers:
        raise Misuse(f"a store on NATS servers has users, and {config.store.as_map()['url']} has none")
    _check_installed(session)
    from gateway.store.nats.permissions import node_permissions, operator_permissions
    from gateway.store.urls import read_servers

    name, (_, bucket) = config.node.name, read_servers(config.store.url)
    if operator:
        allowed = operator_permissions(bucket, name)
        title = f"for an operator of bucket {bucket}, whose configuration has: [node] name = {name!r}"
    else:
        paths = writes or config.node.writes
        written = config.locations.written_by(name, groups or config.node.groups, paths)
        allowed = node_permissions(bucket, name, written)
        title = f"for node {name} in bucket {bucket}, whose jobs write: {', '.join(map(str, paths)) or 'nothing'}"
    if session.json:
        json_line({"name": name, **allowed.as_map()})
    else:
        click.echo(allowed.text(f"{title} (busgate store acl)"))


@click.command("nkey")
@click.argument("file", type=click.Path(dir_okay=False, path_type=FilePath))
@click.pass_obj
def nkey(session: Session, file: FilePath) -> int:
    """Make a key by which the servers know a node: its secret goes to FILE, the public key is printed.

    Only the owner can read FILE; name it as `nkey` in [store]. The public key goes to each server.
    """
    _check_installed(session)
    from gateway.store.nats.keys import make_key

    try:
        public = make_key(file)
    except OSError as error:
        click.echo(f"error: {file} can't be written: {error.strerror}", err=True)
        return 1
    if session.json:
        json_line({"name": str(file), "public": public})
    else:
        click.echo(public)
    return 0


def _check_installed(session: Session) -> None:
    """ConfigError when the library for NATS servers isn't there, or the URL is no good."""
    from gateway.store import open_store

    url = session.config.store.url
    open_store(url if session.config.store.on_servers else "nats://localhost", options=session.config.store.options)
