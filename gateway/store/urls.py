"""From a store URL to an open-able store."""

from __future__ import annotations

import difflib
import random as random_module
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.locations import Locations
from gateway.store.options import StoreOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gateway.abc import Store

#: Where NATS servers listen for clients (docs.nats.io).
PORT: Final = 4222
NAME: Final = "letters, digits, '_' and '-'"


def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    node: str = "",
    locations: Locations = Locations(),  # noqa: B008 - immutable
    options: StoreOptions = StoreOptions(),  # noqa: B008 - immutable
    wait: bool = False,
) -> Store:
    """Make the store that a URL names; it connects when entered with ``async with``.

    Args:
        url: ``memory:`` (a fresh one, private to this call), ``sqlite:PATH``, or ``nats://HOST:PORT,HOST:PORT/BUCKET``;
            ``tls://`` likewise, which lets nothing out in the clear.
        clock: default: the machine's own.
        random: default: freshly seeded.
        node: the node's name, for messages and diagnosis.
        locations: where claims and states stand, which overtake other writes on ``sqlite``.
        options: users, certificates and replicas for ``nats`` and ``tls``.
        wait: whether entering it waits for servers that can't be reached, and logs that.

    Raises:
        ConfigError: the URL can't be read, or what it needs is not installed.
    """
    scheme, colon, rest = url.partition(":")
    opener = _SCHEMES.get(scheme) if colon else None
    if opener is None:
        raise ConfigError([f"store: {_unknown(url, scheme)}"])
    return opener(
        Opening(url, rest, clock or SystemClock(), random or random_module.Random(), node, locations, options, wait)
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """What a store is opened with; ``rest`` is the URL without its scheme."""

    url: str
    rest: str
    clock: Clock
    random: Random
    node: str
    locations: Locations
    options: StoreOptions
    wait: bool


def _unknown(url: str, scheme: str) -> str:
    from gateway.config.secrets import masked  # the configuration itself knows this package

    close = difflib.get_close_matches(scheme.lower(), _SCHEMES, n=1, cutoff=0.5)
    guess = f", did you mean {close[0]!r}" if close else ""
    known = ", ".join(f"{name}:" for name in _SCHEMES)
    return f"{masked(url)!r} has no known scheme{guess} (known: {known})"


def _memory(opening: Opening) -> Store:
    from gateway.store.memory import MemoryServer, MemoryStore

    if opening.rest:
        raise ConfigError([f"store: {opening.url!r} has a name, but a memory store is private (write 'memory:')"])
    return MemoryStore(MemoryServer(opening.random), clock=opening.clock, random=opening.random, node=opening.node)


def _sqlite(opening: Opening) -> Store:
    from gateway.store.sqlite import SqliteStore

    if not opening.rest:
        raise ConfigError(["store: 'sqlite:' names no file (write 'sqlite:PATH')"])
    return SqliteStore(
        opening.rest,
        clock=opening.clock,
        random=opening.random,
        node=opening.node,
        locations=opening.locations,
    )


def _nats(opening: Opening) -> Store:
    servers, bucket = read_servers(opening.url)
    try:
        from gateway.store.nats import NatsStore
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("nats", "nkeys"):
            raise
        wanted = "a store on NATS servers needs the library nats-py; install it: pip install 'busgate[nats]'"
        raise ConfigError([f"store: {wanted}"]) from error
    return NatsStore(
        servers,
        bucket,
        opening.options,
        clock=opening.clock,
        random=opening.random,
        node=opening.node,
        wait=opening.wait,
    )


def read_servers(url: str) -> tuple[list[str], str]:
    """The URL of each server, and the bucket; ConfigError, which shows no password, for a URL that names none."""
    found = re.fullmatch(r"(nats|tls)://([^/?#]+)(?:/([^/?#]*))?", url)
    if found is None:
        raise ConfigError(["store: the URL should look like nats://HOST:PORT,HOST:PORT/BUCKET"])
    scheme, hosts, bucket = found[1], found[2], found[3] or "busgate"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", bucket):
        shown = "" if "@" in url else f"{bucket!r} "
        raise ConfigError([f"store: the part {shown}behind the servers should be the name of a bucket: {NAME}"])
    user, at, hosts = hosts.rpartition("@")
    servers = []
    for host in hosts.split(","):
        if not re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", host):
            shown = "a part of the URL" if "@" in url else repr(host)
            raise ConfigError([f"store: {shown} is no HOST or HOST:PORT of a server"])
        port = "" if re.search(r":\d+$", host) else f":{PORT}"
        servers.append(f"{scheme}://{user}{at}{host}{port}")
    return servers, bucket


_SCHEMES: dict[str, Callable[[Opening], Store]] = {"memory": _memory, "sqlite": _sqlite, "nats": _nats, "tls": _nats}
