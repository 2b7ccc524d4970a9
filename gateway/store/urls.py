"""From a store URL to an open-able store."""

from __future__ import annotations

import difflib
import random as random_module
from typing import TYPE_CHECKING

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.locations import Locations

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from gateway.abc import Store


def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    node: str = "",
    locations: Locations = Locations(),  # noqa: B008 - immutable
) -> Store:
    """Make the store that a URL names; it connects when entered with ``async with``.

    Args:
        url: ``memory:`` (a fresh one, private to this call) or ``sqlite:PATH``.
        clock: default: the machine's own.
        random: default: freshly seeded.
        node: the node's name, for messages and diagnosis.
        locations: where claims and states stand, which overtake other writes.

    Raises:
        ConfigError: the URL can't be read.
    """
    scheme, colon, rest = url.partition(":")
    opener = _SCHEMES.get(scheme) if colon else None
    if opener is None:
        raise ConfigError([f"store: {_unknown(url, scheme)}"])
    return opener(rest, clock or SystemClock(), random or random_module.Random(), node, locations)


def _unknown(url: str, scheme: str) -> str:
    close = difflib.get_close_matches(scheme.lower(), _SCHEMES, n=1, cutoff=0.5)
    guess = f", did you mean {close[0]!r}" if close else ""
    return f"{url!r} has no known scheme{guess} (known: {', '.join(f'{name}:' for name in _SCHEMES)})"


def _memory(rest: str, clock: Clock, random: Random, node: str, locations: Locations) -> Store:
    from gateway.store.memory import MemoryServer, MemoryStore

    if rest:
        raise ConfigError([f"store: 'memory:{rest}' has a name, but a memory store is private (write 'memory:')"])
    return MemoryStore(MemoryServer(random), clock=clock, random=random, node=node)


def _sqlite(rest: str, clock: Clock, random: Random, node: str, locations: Locations) -> Store:
    from gateway.store.sqlite import SqliteStore

    if not rest:
        raise ConfigError(["store: 'sqlite:' names no file (write 'sqlite:PATH')"])
    return SqliteStore(rest, clock=clock, random=random, node=node, locations=locations)


_SCHEMES: dict[str, Callable[[str, Clock, Random, str, Locations], Store]] = {"memory": _memory, "sqlite": _sqlite}
