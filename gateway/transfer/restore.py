"""From an archive into a store.

Theory of operation
1. An entry is written by compare-and-set, so nothing that is newer is overwritten unseen, and an import that was broken
   off goes on when it is called again: what stands there already is found equal and passed.
2. Jobs come last. A job that came before its state would start at once, since it would seem never to have run.
3. Fencing tokens are revisions of the store they come from, and mean nothing in another one: a token greater than all
   revisions to come would keep every node from the job. They are set to 0, which any run may overwrite.
4. In the end the store is read again and compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import Conflict, Misuse
from gateway.record import same
from gateway.transfer.export import of_this_moment
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.abc import Store
    from gateway.locations import Locations
    from gateway.path import Path
    from gateway.transfer.archive import Archive
    from gateway.values import Entry

#: Writes that wait for the store at a time: a store commits what waits together.
IN_FLIGHT: Final = 64


class NodesRun(Misuse):
    """Nodes run on a store that should be at rest."""


@dataclass(slots=True)
class Restored:
    """What became of an archive's entries.

    Attributes:
        written: entries that were absent, or were overwritten.
        equal: those that were there already.
        differing: paths where the store has another value, which was left alone.
        unequal: paths that did not hold the archive's value at the end, though they were written.
    """

    written: int = 0
    equal: int = 0
    differing: list[Path] = field(default_factory=list)
    unequal: list[Path] = field(default_factory=list)


async def restore(store: Store, archive: Archive, locations: Locations, *, overwrite: bool = False) -> Restored:
    """Write an archive's entries, and read them back.

    Args:
        overwrite: also where the store has another value.

    Raises:
        NodesRun: nodes run on the store that is to be overwritten.
        Uncertain, Denied, Detached: as ``Store.set``. What was written stays, and so after cancelling: call it again.
    """
    if overwrite and (nodes := [str(entry.path[-1]) async for entry in store.tree(locations.presence, min_depth=1)]):
        raise NodesRun(f"nothing was overwritten, since nodes run on this store: stop {', '.join(nodes)} first")
    found = {entry.path: entry async for entry in store.tree(archive.prefix)}
    wanted = {
        path: _without_token(path, value, locations)
        for path, value in archive.entries.items()
        if not of_this_moment(path, locations)
    }
    task = _Restoration(store, found, overwrite)
    jobs = [path for path in wanted if path.below(locations.jobs)]
    await task.write({path: value for path, value in wanted.items() if not path.below(locations.jobs)})
    await task.write({path: wanted[path] for path in jobs})
    held = {entry.path: entry.value async for entry in store.tree(archive.prefix)}
    for path in task.touched:
        if not same(held.get(path, NotGiven), wanted[path]):
            task.result.unequal.append(path)
    return task.result


class _Restoration:
    def __init__(self, store: Store, found: Mapping[Path, Entry], overwrite: bool) -> None:
        self._store = store
        self._found = found
        self._overwrite = overwrite
        self.result = Restored()
        self.touched: list[Path] = []

    async def write(self, entries: Mapping[Path, Any]) -> None:
        waiting = iter(entries.items())

        async def work() -> None:
            for path, value in waiting:
                await self._write(path, value)

        async with anyio.create_task_group() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.start_soon(work)

    async def _write(self, path: Path, value: Any) -> None:
        there = self._found.get(path)
        if there is not None and same(there.value, value):
            self.result.equal += 1
        elif there is not None and not self._overwrite:
            self.result.differing.append(path)
        else:
            await self._set(path, value, there.revision if there else 0)

    async def _set(self, path: Path, value: Any, revision: int) -> None:
        try:
            await self._store.set(path, value, revision=revision)
        except Conflict:  # somebody wrote meanwhile
            self.result.differing.append(path)
        else:
            self.result.written += 1
            self.touched.append(path)


def _without_token(path: Path, value: Any, locations: Locations) -> Any:
    if path.below(locations.states) and isinstance(value, dict) and "token" in value:
        return {**value, "token": 0}
    return value
