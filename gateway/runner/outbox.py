"""Writes that wait until the store is in reach again.

Used for states and offline values (:class:`Journal`) and for error records (:mod:`gateway.runner.error_log`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from gateway import codec
from gateway.errors import BusgateError, Conflict, Detached, Uncertain
from gateway.record import same
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.abc import Store
    from gateway.path import Path

#: Seconds between tries while the store answers, but not well.
RETRY = 0.5


class Outbox:
    """Paths that have something to deliver; a task of the store's delivers them, each when it is due.

    Args:
        deliver: writes what is pending for a path; ``Detached`` and ``Uncertain`` mean that it is called again.
    """

    def __init__(self, store: Store, deliver: Callable[[Path], Awaitable[None]]) -> None:
        self._store = store
        self._deliver = deliver
        self._due: dict[Path, float] = {}
        self._working = False
        self._log = logging.getLogger("busgate.outbox")

    def __len__(self) -> int:
        return len(self._due)

    def add(self, path: Path, wait: float = 0.0) -> None:
        """Deliver a path after so many seconds, unless it is due already."""
        self._due.setdefault(path, self._store.clock.lease_now() + wait)
        if not self._working:
            self._working = True
            self._store.tasks.start_soon(self._work)

    def drop(self, path: Path) -> None:
        """Forget a path."""
        self._due.pop(path, None)

    async def flush(self) -> None:
        """Deliver everything at once; returns when nothing is left. It may wait long: put a limit on it."""
        self._due = dict.fromkeys(self._due, 0.0)
        while self._due:
            await self._pass()

    async def _work(self) -> None:
        try:
            while self._due:
                pause = min(self._due.values()) - self._store.clock.lease_now()
                await self._store.clock.sleep(pause)
                await self._pass()
        finally:
            self._working = False

    async def _pass(self) -> None:
        now = self._store.clock.lease_now()
        for path in [path for path, due in self._due.items() if due <= now]:
            if self._due.pop(path, None) is not None and not await self._delivered(path):
                self._due[path] = now
                await self._wait_for_store()
                return

    async def _delivered(self, path: Path) -> bool:
        try:
            await self._deliver(path)
        except (Detached, Uncertain):
            return False
        except BusgateError as error:
            self._log.error("%s can't be written and is lost: %s", path, error)
        return True

    async def _wait_for_store(self) -> None:
        if (link := self._store.link).state == "connected":
            await self._store.clock.sleep(RETRY)
        else:
            with anyio.move_on_after(10 * RETRY):
                await self._store.wait_link(link)


@dataclass(slots=True)
class _Pending:
    value: Any  # NotGiven: to be deleted
    base: int  # newest revision that this write knows of
    maybe: list[Any] = field(default_factory=list)  # values that an uncertain write may have put there


class Journal:
    """Writes that wait while the store is out of reach: the last value of each path, in bounded number.

    When the store is back they are written by compare-and-set. Where somebody else has written meanwhile, the newer
    value wins, and the log says so.

    Args:
        known: a revision of the store from before the first write; what stands at older ones is no newer value.
    """

    def __init__(self, store: Store, *, limit: int = 10_000, known: int = 0) -> None:
        self._store = store
        self._limit = limit
        self._pending: OrderedDict[Path, _Pending] = OrderedDict()
        self._known = known
        self._outbox = Outbox(store, self._deliver)
        self._log = logging.getLogger("busgate.journal")

    def __len__(self) -> int:
        return len(self._pending)

    async def set(self, path: Path, value: Any) -> None:
        """Write now, or when the store is back; never raises ``Detached`` or ``Uncertain``.

        Raises:
            CodecError, LimitExceeded, Denied: as ``Store.set``.
        """
        try:
            if path in self._pending:
                self._keep(path, value)
            else:
                revision = await self._store.set(path, value)
                self._known = max(self._known, revision)
        except Detached:
            self._keep(path, value)
        except Uncertain:
            self._keep(path, value, maybe=value)

    async def delete(self, path: Path) -> None:
        """Delete now, or when the store is back."""
        try:
            if path in self._pending:
                self._keep(path, NotGiven)
            else:
                await self._store.delete(path)
        except (Detached, Uncertain):
            self._keep(path, NotGiven)

    async def flush(self) -> None:
        """Write everything that waits; put a limit on it."""
        await self._outbox.flush()

    def _keep(self, path: Path, value: Any, maybe: Any = NotGiven) -> None:
        if value is not NotGiven:
            value = codec.decode(codec.encode(value))  # a copy: whoever gave it may change it meanwhile
        pending = self._pending.setdefault(path, _Pending(value, self._known))
        pending.value = value
        if maybe is not NotGiven:
            pending.maybe.append(maybe)
        if len(self._pending) > self._limit:
            lost, _ = self._pending.popitem(last=False)
            self._outbox.drop(lost)
            self._log.error("too many writes wait for the store; the one to %s is lost", lost)
        self._outbox.add(path)

    async def _deliver(self, path: Path) -> None:
        while (pending := self._pending.get(path)) is not None:
            value = pending.value
            entry = await self._store.get(path)
            if not self._mine(pending, entry.revision, entry.value):
                self._log.warning("%s was changed by somebody else meanwhile; what waited for it is dropped", path)
            elif not await self._write(path, pending, value, entry.revision):
                continue
            if self._pending.get(path) is pending and pending.value is value:
                del self._pending[path]

    @staticmethod
    def _mine(pending: _Pending, revision: int, value: Any) -> bool:
        return revision <= pending.base or any(same(value, own) for own in pending.maybe)

    async def _write(self, path: Path, pending: _Pending, value: Any, revision: int) -> bool:
        try:
            if value is NotGiven and revision:
                await self._store.delete(path, revision=revision)
            elif value is not NotGiven:
                self._known = max(self._known, await self._store.set(path, value, revision=revision))
                pending.base = self._known
        except Conflict:
            return False
        except Uncertain:
            pending.maybe.append(value)
            raise
        return True
