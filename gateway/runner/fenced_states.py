"""The states of any-node jobs: read by every node of the group, written by the one that holds the claim.

Theory of operation
-------------------
1. Every write is a compare-and-set on the newest revision known, and carries the token of the run's claim.
2. A conflict with a smaller token is a late write of an earlier holder: it is overwritten. A conflict with the own
   token is a write of one's own whose reply was lost. A greater token means that somebody else has the job.
3. Nothing is sent once the fence is down: a process that was paused writes nothing when it wakes up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.errors import ClaimLost, Conflict, Detached, RecordError, Uncertain
from gateway.runner.entries import FRESH, StateEntry
from gateway.values import NotGiven

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Any

    from gateway.abc import Store
    from gateway.cluster.fence import Fence
    from gateway.path import Path
    from gateway.values import Change

#: Seconds between tries while the store doesn't answer.
RETRY: Final = 0.2


class FencedStates:
    """The states below a path, as far as they are known here."""

    def __init__(self, store: Store, base: Path, log: logging.Logger) -> None:
        self._store = store
        self._base = base
        self._log = log
        self._known: dict[Path, tuple[StateEntry, int]] = {}  # those that are there, with their revisions
        self._newest: dict[Path, int] = {}

    def __iter__(self) -> Any:
        return iter(self._known)

    def of(self, path: Path) -> StateEntry:
        """The newest known state of a job."""
        known = self._known.get(path)
        return known[0] if known else FRESH

    def revision(self, path: Path) -> int:
        """Its revision; 0: there is none."""
        known = self._known.get(path)
        return known[1] if known else 0

    def changed(self, path: Path, change: Change) -> None:
        """Take in what is stored, unless something newer is known: one's own writes are known before they come."""
        if change.deleted and path not in self._known:
            self._newest.pop(path, None)
        if change.revision <= self._newest.get(path, 0):
            return
        if change.deleted:
            self._known.pop(path, None)
            self._newest.pop(path, None)
            return
        self._note(path, self._read(change.path, change.value), change.revision)

    def _note(self, path: Path, state: StateEntry, revision: int) -> None:
        self._known[path] = state, revision
        self._newest[path] = revision

    def _read(self, path: Path, value: Any) -> StateEntry:
        try:
            return StateEntry.from_map(value)
        except RecordError as error:
            self._log.error("a new state is begun at %s: %s", path, error)
            return FRESH

    async def write(self, path: Path, state: StateEntry, fence: Fence, patient: Callable[[], bool]) -> None:
        """Write a state under a claim, however often it takes.

        Args:
            patient: whether to wait for a new claim when the lease has ended.

        Raises:
            ClaimLost: the claim is lost, or its lease has ended.
            CodecError, LimitExceeded, Denied: as ``Store.set``.
        """
        revision = self.revision(path)
        while True:
            await self._usable(fence, patient)
            value = state.replace(token=fence.token).to_map()
            try:
                revision = await self._store.set(self._base + path, value, revision=revision)
            except Conflict as conflict:
                current = conflict.current or await self._store.get(self._base + path)
                token = 0 if current.value is NotGiven else self._read(current.path, current.value).token
                if token > fence.token:
                    fence.lose(f"another run has begun (token {token}, this one has {fence.token})")
                revision = current.revision
            except (Detached, Uncertain):
                await self._store.clock.sleep(RETRY)
            else:
                self._note(path, state, revision)
                return

    async def _usable(self, fence: Fence, patient: Callable[[], bool]) -> None:
        while True:
            try:
                fence.check(0.0)
            except ClaimLost:
                if fence.lost or not patient():
                    raise
                await self._store.clock.sleep(RETRY)
            else:
                return

    async def delete(self, path: Path) -> None:
        """Delete a state that belongs to no job any more; a newer one stays.

        Raises:
            Detached, Uncertain: try again.
        """
        if revision := self.revision(path):
            try:
                self._newest[path] = await self._store.delete(self._base + path, revision=revision)
            except Conflict:
                await self._store.clock.sleep(RETRY)
            else:
                self._known.pop(path, None)
