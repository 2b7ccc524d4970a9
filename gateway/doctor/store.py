"""Whether the store can be written, and what its backend knows of itself."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import anyio

from gateway.doctor.finding import Finding
from gateway.errors import BusgateError, StoreError
from gateway.locations import DOCTOR
from gateway.runner.error_log import ErrorLog
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Store
    from gateway.locations import Locations, Writable
    from gateway.runner.error_log import Recorded

#: Seconds of the lease that the entry is bound to which is written, so that none stays behind; all of it has to be done
#: within them.
TTL: Final = 10.0
#: Seconds from which on a write is slow: a node renews its lease of 3 s each second.
SLOW: Final = 1.0

LOOK: Final = "see whether its disk or its server is busy"


async def check_store(
    store: Store, url: str, locations: Locations, node: str, writes: Sequence[Writable] = ()
) -> list[Finding]:
    """Write to the open store, ask its backend, and look for errors that are still open.

    Args:
        writes: what the node has to write (:meth:`gateway.locations.Locations.written_by`).
    """
    return [await _written(store, url, node), *await _backend(store, writes), *await _errors(store, locations, node)]


async def _written(store: Store, url: str, node: str) -> Finding:
    path, began = DOCTOR / node, store.clock.lease_now()
    try:
        with anyio.fail_after(TTL):
            async with store.lease(TTL) as lease:
                await store.set(path, node, lease=lease)
                missing = (await store.get(path)).value is NotGiven
                await store.delete(path)
    except TimeoutError:
        text = f"it can be opened, but a write takes longer than {TTL:g} s"
        return Finding("store", "problem", url, text, LOOK)
    except BusgateError as error:
        return Finding("store", "problem", url, f"it can be opened, but not written: {error}")
    took = store.clock.lease_now() - began
    if missing:
        return Finding("store", "problem", url, "what was written to it can't be read back")
    if took > SLOW:
        return Finding("store", "warning", url, f"it can be written, but that took {took:.1f} s", LOOK)
    return Finding("store", "ok", url, f"it can be read and written, in {1000 * took:.0f} ms")


async def _backend(store: Store, writes: Sequence[Writable]) -> list[Finding]:
    try:
        return await store.diagnose(writes)
    except StoreError as error:
        return [Finding("store", "problem", store.id, f"it can't be examined: {error}")]


async def _errors(store: Store, locations: Locations, node: str) -> list[Finding]:
    found = []
    with suppress(StoreError):  # told already
        found = [one for one in await ErrorLog(store, locations, node).list() if one.entry.resolved is None]
    if not found:
        return []
    count = f"{len(found)} open error{'s' if len(found) > 1 else ''}, the last one: {_last(found)}"
    return [Finding("store", "warning", "errors", count, "busgate errors")]


def _last(found: list[Recorded]) -> str:
    newest = max(found, key=lambda one: one.entry.last)
    return newest.entry.message.split("\n", 1)[0]
