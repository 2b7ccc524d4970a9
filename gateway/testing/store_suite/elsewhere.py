"""A program that uses a store from another process: ``python -m gateway.testing.store_suite.elsewhere URL WHAT``.

It writes one JSON line for each thing that has happened. WHAT is ``write PATH`` (counts up at PATH/NUMBER until it is
killed, ``{"number", "revision"}`` when acknowledged), ``count PATH TIMES`` (increments by update, then ``{"done"}``)
or ``hold PATH TTL`` (``{"expires"}`` after each renewal, ``{"lost"}``).
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio

from gateway.path import P
from gateway.store import open_store
from gateway.values import NotGiven

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.path import Path


async def main(url: str, what: str, path: Path, *numbers: float) -> None:
    async with open_store(url, node="elsewhere") as store:
        match what:
            case "write":
                await _write(store, path)
            case "count":
                for _ in range(int(numbers[0])):
                    await store.update(path, lambda value: 1 if value is NotGiven else value + 1)
                _tell(done=True)
            case "hold":
                await _hold(store, path, numbers[0])


async def _write(store: Store, path: Path) -> None:
    number = 0
    while True:
        _tell(number=number, revision=await store.set(path / number, number))
        number += 1


async def _hold(store: Store, path: Path, ttl: float) -> None:
    async with store.lease(ttl) as lease:
        await store.set(path, "held", lease=lease)
        told = 0.0
        while not lease.lost.is_set():
            if lease.expires != told:
                told = lease.expires
                _tell(expires=told)
            with anyio.move_on_after(ttl / 20):
                await lease.lost.wait()
        _tell(lost=True)


def _tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    url, what, path, *rest = sys.argv[1:]
    anyio.run(main, url, what, P(path), *map(float, rest))
