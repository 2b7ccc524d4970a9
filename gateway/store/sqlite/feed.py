"""Reads what is committed, by this process or another, once for all watches of a store.

Theory of operation
-------------------
1. ``position`` is the revision up to which everything has been offered to the watches. Commits are in the order of
   revisions, so reading the rows after ``position`` can miss nothing; a row that was overwritten meanwhile appears
   with its later revision.
2. The writer's own commits are offered without being read, when no other process has committed in between.
3. For what others commit the feed is poked: by a notice, and now and then in case one was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from gateway.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gateway.store.sqlite.operations import Transaction
    from gateway.store.sqlite.rows import Page, Row


class Listener(Protocol):
    """A watch, as the feed sees it."""

    def offer(self, row: Row) -> None: ...


class Source(Protocol):
    """Reads the page after a revision, with or without its rows."""

    async def __call__(self, after: int, *, rows: bool) -> Page: ...


class Feed:
    """Runs in the event loop.

    Args:
        position: where to begin.
        leases_changed: called when the table of leases has changed.
    """

    def __init__(
        self,
        read: Source,
        position: int,
        leases: int,
        leases_changed: Callable[[], None],
    ) -> None:
        self.position = position
        self._read = read
        self._leases = leases
        self._leases_changed = leases_changed
        self._poked = anyio.Event()
        self._listeners: dict[str, dict[Listener, None]] = {}

    def poke(self) -> None:
        """Have it look whether there is something new."""
        self._poked.set()

    def own(self, transaction: Transaction) -> None:
        """Take over what this process has committed itself."""
        if transaction.state.revision != self.position or transaction.state.leases != self._leases:
            self.poke()
            return
        self._advance(transaction.changes, transaction.revision, transaction.leases)

    def attach(self, roots: Iterable[str], listener: Listener) -> None:
        """Offer a listener every later row at or below one of the roots (keys)."""
        for root in roots:
            self._listeners.setdefault(root, {})[listener] = None

    def detach(self, roots: Iterable[str], listener: Listener) -> None:
        for root in roots:
            here = self._listeners.get(root, {})
            here.pop(listener, None)
            if not here:
                self._listeners.pop(root, None)

    async def run(self) -> None:
        """Follow what other processes commit, for ever. What can't be read now is read when poked next."""
        while True:
            await self._poked.wait()
            self._poked = anyio.Event()
            try:
                await self._catch_up()
            except StoreError:
                continue

    async def _catch_up(self) -> None:
        while True:
            page = await self._read(self.position, rows=bool(self._listeners))
            self._advance(page.rows, page.upto, page.state.leases)
            if page.upto >= page.state.revision:
                return

    def _advance(self, rows: Sequence[Row], upto: int, leases: int) -> None:
        if self._listeners:
            for row in rows:
                if row.revision > self.position:
                    self._offer(row)
        self.position = max(self.position, upto)
        if leases > self._leases:
            self._leases = leases
            self._leases_changed()

    def _offer(self, row: Row) -> None:
        root = row.key
        while True:
            for listener in self._listeners.get(root, ()):
                listener.offer(row)
            if not root:
                return
            root = root.rpartition(".")[0]
