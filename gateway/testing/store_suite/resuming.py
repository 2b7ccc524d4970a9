"""Watches that begin where an earlier one ended."""

from __future__ import annotations

from gateway.path import P
from gateway.testing.store_suite.checks import Connect, StoreChecks, plain
from gateway.values import NotGiven, Resync

TOP = P("suite")
LAST = P("suite.last")


class Resuming(StoreChecks):
    """Guarantees about ``watch(..., since=...)``."""

    async def test_since_gives_what_changed_afterwards(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            for name in "abc":
                await store.set(TOP / name, "old")
            async with store.watch(TOP) as events:
                _, ready = await self.snapshot(events)
            await other.set(TOP / "c", "new")
            await other.delete(TOP / "a")
            await other.set(TOP / "d", "new")
            async with store.watch(TOP, since=(store.id, ready.revision)) as events:
                found, again = await self.snapshot(events)
                assert plain(found) == [("suite.c", "new"), ("suite.a", NotGiven), ("suite.d", "new")]
                assert again.revision >= found[-1].revision
                await other.set(TOP / "b", "newer")
                await other.set(LAST, 1)
                assert plain(await self.changes(events, LAST)) == [("suite.b", "newer")]

    async def test_since_the_revision_of_a_change_continues_behind_it(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(TOP / "a", 1)
            revision = await store.set(TOP / "b", 1)
            await store.set(TOP / "c", 1)
            async with store.watch(TOP, since=(store.id, revision)) as events:
                found, _ = await self.snapshot(events)
            assert plain(found) == [("suite.c", 1)]

    async def test_since_works_on_another_connection(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(TOP / "a", 1)
            known = store.id, revision
            deleted = await store.delete(TOP / "a")
        async with connect("b") as other, other.watch(TOP, since=known) as events:
            found, _ = await self.snapshot(events)
            assert [(change.path, change.revision, change.deleted) for change in found] == [(TOP / "a", deleted, True)]

    async def test_since_now_gives_nothing_old(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(TOP / "a", 1)
            revision = await store.delete(TOP / "a")
            async with store.watch(TOP, since=(store.id, revision)) as events:
                assert (await self.snapshot(events))[0] == []

    async def test_since_delivers_an_overwritten_value_once(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = await store.set(TOP / "a", 0)
            revisions = [await store.set(TOP / "a", number) for number in range(1, 20)]
            async with store.watch(TOP, since=(store.id, first)) as events:
                found, _ = await self.snapshot(events)
            delivered = [change.revision for change in found]
            assert delivered == sorted(set(delivered) & set(revisions))
            assert found[-1].value == 19

    async def test_since_keeps_to_the_depths(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = await store.set(TOP, 0)
            for name in ("a", "a.b", "a.b.c"):
                await store.set(TOP + P(name), 1)
            async with store.watch(TOP, since=(store.id, first), min_depth=2, max_depth=2) as events:
                found, _ = await self.snapshot(events)
            assert plain(found) == [("suite.a.b", 1)]

    async def test_since_another_store_gives_everything(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(TOP / "gone", 1)
            await store.delete(TOP / "gone")
            revision = await store.set(TOP / "a", 1)
            async with store.watch(TOP, since=("another", revision)) as events:
                assert isinstance(await self.next(events), Resync)
                found, _ = await self.snapshot(events)
            assert plain(found) == [("suite.a", 1)]

    async def test_since_a_revision_that_has_not_been_gives_everything(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(TOP / "a", 1)
            async with store.watch(TOP, since=(store.id, revision + 1_000_000)) as events:
                assert isinstance(await self.next(events), Resync)
                found, _ = await self.snapshot(events)
            assert plain(found) == [("suite.a", 1)]
