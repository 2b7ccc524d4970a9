"""From a store into an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.transfer.archive import Archive
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.locations import Locations
    from gateway.path import Path


async def export(store: Store, prefix: Path, locations: Locations) -> Archive:
    """Take a snapshot of a subtree.

    Presence and claims are left out: they mean something only where the nodes run that wrote them.
    While others write, the snapshot may hold what was written after it began. Cancelling it has no effect.
    """
    time = store.clock.now()
    entries: dict[Path, Any] = {}
    async with store.watch(prefix) as events:
        async for event in events:
            match event:
                case Ready():
                    break
                case Change(deleted=True):
                    entries.pop(event.path, None)
                case Change() if not of_this_moment(event.path, locations):
                    entries[event.path] = event.value
    return Archive(store.id, prefix, time, entries)


def of_this_moment(path: Path, locations: Locations) -> bool:
    """Whether an entry belongs to nodes that run."""
    return any(path.below(place) for place in (locations.presence, locations.claims))
