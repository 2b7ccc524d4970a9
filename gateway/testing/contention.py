"""Clients that fight for one entry of a store by compare-and-set, and the judgement of what they were told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import anyio

from gateway.errors import Conflict, Denied, Detached, StoreError, Uncertain
from gateway.testing.linearizability import Call, wrongs
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.path import Path
    from gateway.testing.linearizability import Outcome


class Contention:
    """The history of one entry, which must be absent at first. All clients run in one event loop.

    For example: start :meth:`client` for some connections in a task group, break what should be broken meanwhile, and
    look that :meth:`wrongs` finds nothing in the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: list[Call] = []
        self._ended = False
        self._succeeded = anyio.Event()

    def end(self) -> None:
        """Let each client finish the round it is in, and return."""
        self._ended = True

    async def succeed(self, count: int) -> None:
        """Wait until so many more calls have returned well."""
        for _ in range(count):
            self._succeeded = anyio.Event()
            await self._succeeded.wait()

    async def client(self, store: Store, name: str, rounds: float = math.inf) -> None:
        """Set the entry again and again, each time upon the value seen last, for so many rounds or until :meth:`end`.

        A store that is out of reach is tried again. Cancelling leaves out the call under way: cancel nothing.
        """
        entry = await self._seen(store)
        number = 0
        while number < rounds and not self._ended:
            outcome, current = await self._set(store, entry, [name, number])
            number += 1
            entry = current if current is not None else await self._seen(store)
            if outcome == "ok":
                await store.clock.sleep(store.random.uniform(0, 0.01))

    async def wrongs(self, store: Store) -> list[str]:
        """What can't have happened; to be asked when all clients have ended, and nothing is on its way any more."""
        for number in range(1000):
            outcome, _ = await self._set(store, await self._seen(store), ["the end", number])
            if outcome == "ok":
                return wrongs(self.calls, "absent", _label(["the end", number]))
        return [f"{self.path} can't be set any more"]

    def count(self, outcome: Outcome) -> int:
        return sum(call.outcome == outcome for call in self.calls)

    async def _set(self, store: Store, entry: Entry, value: Any) -> tuple[Outcome, Entry | None]:
        """Set it once, write that down, and say what is there now, if the store told."""
        called = anyio.current_time()
        current = None
        outcome: Outcome = "ok"
        try:
            current = Entry(self.path, value, await store.set(self.path, value, revision=entry.revision))
        except Conflict as conflict:
            outcome, current = "refused", conflict.current
        except (Detached, Denied):
            outcome = "refused"
        except Uncertain:
            outcome = "uncertain"
        returned = anyio.current_time()
        self.calls.append(Call(_label(entry.value), _label(value), called, returned, outcome, store.id))
        if outcome == "ok":
            self._succeeded.set()
        return outcome, current

    async def _seen(self, store: Store) -> Entry:
        while True:
            try:
                return await store.get(self.path)
            except StoreError:
                await store.clock.sleep(0.05)


def _label(value: Any) -> str:
    return "absent" if value is NotGiven else str(value)
