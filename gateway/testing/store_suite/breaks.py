"""What a store does while its connection is broken, and afterwards."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from gateway.errors import Detached, StoreError
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks, plain
from gateway.values import Change, NotGiven, Ready, Resync

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.abc import Store
    from gateway.values import WatchEvent

TOP = P("suite")
A = P("suite.a")
LAST = P("suite.last")


class BreakSuite(StoreChecks):
    """For stores whose connection can break while the store itself lives on; comes on top of ``StoreSuite``.

    The holder of a lease dies in these tests by losing its connection.
    """

    @abstractmethod
    async def cut(self, store: Store) -> None:
        """Break the connection of this store, and of no other; return when the store knows."""

    @abstractmethod
    async def mend(self, store: Store, *, resync: bool) -> None:
        """Connect again; with ``resync`` in such a way that watches can't just continue. Return when connected."""

    async def test_calls_raise_detached_and_write_nothing(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            revision = await store.set(A, "old")
            await self.cut(store)
            for call in (store.get, store.delete, partial(store.set, value=1), partial(store.publish, value=1)):
                with pytest.raises(Detached), anyio.fail_after(self.patience):
                    await call(A)
            with pytest.raises(Detached), anyio.fail_after(self.patience):
                async with store.watch(TOP):
                    pass
            await self.mend(store, resync=False)
            assert [(entry.value, entry.revision) async for entry in other.tree(TOP)] == [("old", revision)]
            assert (await store.get(A)).value == "old"

    async def test_the_link_tells(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            first = store.link
            await self.cut(store)
            with anyio.fail_after(self.patience):
                link = await store.wait_link(first)
                while link.state != "detached":
                    link = await store.wait_link(link)
                assert link.since >= first.since
                await self.mend(store, resync=False)
                assert (await store.wait_link(link)).state == "connected"
            assert other.link.state == "connected"

    async def test_a_watch_goes_on_where_it_was(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            seen = await self._break_within(events, store, other, resync=False)
            assert plain(seen) == [
                ("suite.kept", 1),
                ("suite.a", 1),
                ("suite.gone", 1),
                ("suite.a", 2),
                ("suite.gone", NotGiven),
                ("suite.new", 1),
                ("suite.a", 3),
            ]
            assert [change.revision for change in seen] == sorted(change.revision for change in seen)

    async def test_a_watch_that_cannot_go_on_gets_the_difference(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            seen = await self._break_within(events, store, other, resync=True)
            assert plain(seen[:3]) == [("suite.kept", 1), ("suite.a", 1), ("suite.gone", 1)]
            assert sorted(plain(seen[3:-1])) == [("suite.a", 2), ("suite.gone", NotGiven), ("suite.new", 1)]
            assert plain(seen[-1:]) == [("suite.a", 3)]
            latest: dict[Path, int] = {}
            for change in seen:
                assert change.revision > latest.get(change.path, 0)
                latest[change.path] = change.revision

    async def _break_within(
        self, events: AsyncIterator[WatchEvent], store: Store, other: Store, *, resync: bool
    ) -> list[Change]:
        """Change three entries before, during and after a break; gives all changes, Resync and Ready checked."""
        await self.snapshot(events)
        for name in ("kept", "a", "gone"):
            await other.set(TOP / name, 1)
        seen = [await self._change(events) for _ in range(3)]
        await self.cut(store)
        await other.set(A, 2)
        await other.delete(TOP / "gone")
        await other.set(TOP / "new", 1)
        await self.mend(store, resync=resync)
        if resync:
            assert isinstance(await self.next(events), Resync)
            seen += (await self.snapshot(events))[0]
        else:
            seen += [await self._change(events) for _ in range(3)]
        await other.set(A, 3)
        return [*seen, await self._change(events)]

    async def _change(self, events: AsyncIterator[WatchEvent]) -> Change:
        event = await self.next(events)
        assert isinstance(event, Change), f"{event} without need"
        return event

    @pytest.mark.parametrize("read", [0, 1, 4])
    async def test_a_break_within_the_snapshot_loses_nothing(self, connect: Connect, read: int) -> None:
        async with connect("a") as store, connect("b") as other:
            for number in range(6):
                await other.set(TOP / number, "old")
            async with store.watch(TOP) as events:
                seen = {change.path: change.value for change in [await self._change(events) for _ in range(read)]}
                await self.cut(store)
                await other.delete(TOP / 0)
                await other.set(TOP / 1, "new")
                await other.delete(TOP / 5)
                await self.mend(store, resync=True)
                await other.set(LAST, 1)
                await self._replay(events, seen)
            assert seen == {TOP / 1: "new", TOP / 2: "old", TOP / 3: "old", TOP / 4: "old"}

    @pytest.mark.parametrize("fetch", [True, False])
    async def test_a_watch_from_since_or_without_fetch_learns_of_deletions(self, connect: Connect, fetch: bool) -> None:
        async with connect("a") as store, connect("b") as other:
            await other.set(A, "old")
            revision = await other.set(TOP / "kept", "old")
            since = (store.id, revision) if fetch else None
            async with store.watch(TOP, fetch=fetch, since=since) as events:
                assert (await self.snapshot(events))[0] == []
                await self.cut(store)
                await other.delete(A)
                await self.mend(store, resync=True)
                assert isinstance(await self.next(events), Resync)
                assert plain((await self.snapshot(events))[0]) == [("suite.a", NotGiven)]

    async def _replay(self, events: AsyncIterator[WatchEvent], seen: dict[Path, object]) -> None:
        """Apply everything up to the change of ``LAST``, wherever Resync and Ready stand."""
        last = False
        while not last:
            event = await self.next(events)
            if isinstance(event, Change):
                last = event.path == LAST
                seen[event.path] = event.value
                if event.deleted or last:
                    del seen[event.path]
            assert isinstance(event, Change | Ready | Resync)

    async def test_messages_sent_during_a_break_count_as_missed(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.subscribe(TOP) as messages:
            await other.publish(TOP, 1)
            await self.next(messages)
            await self.cut(store)
            for number in (2, 3):
                await other.publish(TOP, number)
            await self.mend(store, resync=False)
            await other.publish(TOP, 4)
            message = await self.next(messages)
            assert (message.value, message.missed) == (4, 2)

    async def test_entries_vanish_when_their_lease_has_run_out_and_not_before(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.lease(self.ttl) as lease:
            await store.set(A, 1, lease=lease)
            async with other.watch(TOP) as events:
                await self.snapshot(events)
                first = lease.expires
                await self.until(store.clock, lambda: lease.expires > first)
                await self.cut(store)
                expires, broken = lease.expires, other.clock.lease_now()
                change = await self._change(events)
                now = other.clock.lease_now()
            assert (change.path, change.deleted) == (A, True)
            assert expires <= now, "gone before its holder could know"
            assert now <= broken + self.ttl + self.grace, "late"

    async def test_a_holder_learns_that_its_lease_has_run_out(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.lease(self.ttl) as lease:
            await store.set(A, 1, lease=lease)
            await self.cut(store)
            expires = lease.expires
            with anyio.fail_after(self.patience):
                await lease.lost.wait()
            now = store.clock.lease_now()
            assert expires <= now <= expires + self.grace
            assert lease.expires == expires
            async with other.watch(TOP) as events:
                found, _ = await self.snapshot(events)
                if found:
                    await self._change(events)
            await self.mend(store, resync=False)
            with pytest.raises(StoreError):
                await store.set(A, 2, lease=lease)
            assert lease.lost.is_set()
            assert [entry async for entry in other.tree(TOP)] == []

    async def test_a_lease_survives_a_short_break(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.lease(self.ttl) as lease:
            revision = await store.set(A, 1, lease=lease)
            await self.cut(store)
            await self.mend(store, resync=False)
            expires = lease.expires
            await self.until(store.clock, lambda: lease.expires > expires + self.ttl)
            assert not lease.lost.is_set()
            assert [entry.revision async for entry in other.tree(TOP)] == [revision]

    async def test_a_lease_is_left_quickly_during_a_break(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            with anyio.fail_after(self.patience):
                async with store.lease(self.ttl) as lease:
                    await store.set(A, 1, lease=lease)
                    await self.cut(store)
            async with other.watch(TOP) as events:
                found, _ = await self.snapshot(events)
                if found:
                    assert (await self._change(events)).deleted
            await self.mend(store, resync=False)

    async def test_a_break_disturbs_nobody_else(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, other.watch(TOP) as events:
            await self.snapshot(events)
            async with other.lease(self.ttl) as lease:
                await self.cut(store)
                await other.set(A, 1, lease=lease)
                await self._change(events)
                expires = lease.expires
                await self.until(other.clock, lambda: lease.expires > expires + self.ttl)
                await other.set(LAST, 1)
                assert await self.changes(events, LAST) == []
            await self.mend(store, resync=True)
