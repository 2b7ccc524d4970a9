"""Watches and trees: snapshot, changes, order, depth, slow consumers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from gateway.errors import Conflict
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks, plain
from gateway.values import Change, Entry, NotGiven, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.abc import Store
    from gateway.values import WatchEvent

TOP = P("suite")
LAST = P("suite.last")
#: Depth-first: a parent, then its subtree; siblings in the order of their keys ("-" is escaped: it isn't before ".").
TREE = [P(text) for text in ("suite", "suite.a", "suite.a.b", "suite.a.b.c", "suite.a.c", "suite.a-b", "suite.ab")]
#: By (min_depth, max_depth): which of TREE are within.
DEPTHS = {
    (0, -1): TREE,
    (0, 0): [P("suite")],
    (1, 1): [P("suite.a"), P("suite.a-b"), P("suite.ab")],
    (0, 1): [P("suite"), P("suite.a"), P("suite.a-b"), P("suite.ab")],
    (2, -1): [P("suite.a.b"), P("suite.a.b.c"), P("suite.a.c")],
    (2, 2): [P("suite.a.b"), P("suite.a.c")],
    (4, -1): [],
}


class Watching(StoreChecks):
    """Guarantees about ``watch`` and ``tree``."""

    async def test_the_snapshot_comes_depth_first_then_ready(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            revisions = await _plant(other, reversed(TREE))
            async with store.watch(TOP) as events:
                found, ready = await self.snapshot(events)
            assert [(change.path, change.revision) for change in found] == [(path, revisions[path]) for path in TREE]
            assert ready.revision >= max(revisions.values())

    async def test_the_snapshot_of_nothing_is_ready(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(TOP, 1)
            await store.delete(TOP)
            async with store.watch(TOP) as events:
                assert isinstance(await self.next(events), Ready)

    async def test_a_watch_ends_at_its_subtree(self, connect: Connect) -> None:
        async with connect("a") as store:
            await _plant(store, TREE)
            async with store.watch(P("suite.a")) as events:
                found, _ = await self.snapshot(events)
                assert [change.path for change in found] == TREE[1:5]
                for path in (*TREE, P("suit"), P("zzz")):
                    await store.set(path, "new")
                await store.set(P("suite.a.last"), 1)
                changed = await self.changes(events, P("suite.a.last"))
                assert [change.path for change in changed] == TREE[1:5]

    async def test_the_root_watches_everything(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(Path(1), "before")
            async with store.watch(Path()) as events:
                found, _ = await self.snapshot(events)
                await store.set(Path(), "root")
                await store.set(P("other.tree"), 1)
                await store.set(LAST, 1)
                found += await self.changes(events, LAST)
            assert plain(found) == [(":1", "before"), (":", "root"), ("other.tree", 1)]

    @pytest.mark.parametrize("depths", DEPTHS, ids=str)
    async def test_depths_count_from_the_watched_path(self, connect: Connect, depths: tuple[int, int]) -> None:
        least, most = depths
        async with connect("a") as store:
            await _plant(store, TREE)
            last = Path("last", *"123456"[: max(least, 0)])
            async with store.watch(TOP, P("last"), min_depth=least, max_depth=most) as events:
                found, _ = await self.snapshot(events)
                assert [change.path for change in found] == DEPTHS[depths]
                await _plant(store, TREE)
                await store.set(last, 1)
                assert [change.path for change in await self.changes(events, last)] == DEPTHS[depths]

    async def test_without_fetch_ready_comes_first_then_later_changes(self, connect: Connect) -> None:
        async with connect("a") as store:
            await _plant(store, TREE)
            async with store.watch(TOP, fetch=False) as events:
                assert isinstance(await self.next(events), Ready)
                await store.set(P("suite.a"), "new")
                await store.delete(P("suite.ab"))
                await store.set(LAST, 1)
                assert plain(await self.changes(events, LAST)) == [("suite.a", "new"), ("suite.ab", NotGiven)]

    async def test_a_change_has_the_revision_that_set_returned(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            await self.snapshot(events)
            for each in (store, other):
                revision = await each.set(TOP, None)
                assert await self.next(events) == Change(TOP, None, revision)
                revision = await each.delete(TOP)
                deletion = await self.next(events)
                assert deletion == Change(TOP, NotGiven, revision)
                assert isinstance(deletion, Change)
                assert deletion.deleted

    async def test_changes_of_several_subtrees_come_in_revision_order(self, connect: Connect) -> None:
        roots = P("suite.x"), P("suite.a"), P("tree")
        async with connect("a") as store, connect("b") as other, store.watch(*roots) as events:
            await self.snapshot(events)
            written = []
            for number in range(30):
                path = roots[number % 3] / number
                written.append(Change(path, number, await (store, other)[number % 2].set(path, number)))
                await other.set(P("suite.b") / number, "elsewhere")
            await store.set(P("tree.last"), 1)
            assert await self.changes(events, P("tree.last")) == written

    async def test_the_snapshot_of_several_subtrees_is_complete(self, connect: Connect) -> None:
        async with connect("a") as store:
            await _plant(store, TREE)
            async with store.watch(P("suite.ab"), P("suite.a.b")) as events:
                found, _ = await self.snapshot(events)
            assert sorted(change.path for change in found) == [P("suite.a.b"), P("suite.a.b.c"), P("suite.ab")]

    async def test_overlapping_subtrees_deliver_each_entry_once(self, connect: Connect) -> None:
        async with connect("a") as store:
            await _plant(store, TREE)
            async with store.watch(TOP, P("suite.a"), TOP) as events:
                found, _ = await self.snapshot(events)
                assert sorted(change.path for change in found) == sorted(TREE)
                await _plant(store, TREE)
                await store.set(LAST, 1)
                assert [change.path for change in await self.changes(events, LAST)] == TREE

    async def test_what_changes_nothing_is_not_delivered(self, connect: Connect) -> None:
        async with connect("a") as store, store.watch(TOP) as events:
            await self.snapshot(events)
            with pytest.raises(Conflict):
                await store.set(TOP, 1, revision=99)
            assert await store.delete(TOP) == 0
            await store.set(LAST, 1)
            assert await self.changes(events, LAST) == []

    async def test_nothing_falls_between_snapshot_and_changes(self, connect: Connect) -> None:
        written = {TOP / turn / number: [turn, number] for turn in range(20) for number in range(10)}
        seen: list[dict[Path, object]] = []
        async with connect("a") as store, connect("b") as other, anyio.create_task_group() as group:
            for path, value in written.items():
                if path[-1] == 0:  # a watch is entered while the next ten are written
                    seen.append({})
                    group.start_soon(self._record_until_last, store, seen[-1])
                await other.set(path, value)
            await other.set(LAST, 1)
        assert len(seen) == 20
        assert all(each == written for each in seen)

    async def _record_until_last(self, store: Store, seen: dict[Path, object]) -> None:
        async with store.watch(TOP) as events:
            found, _ = await self.snapshot(events)
            if all(change.path != LAST for change in found):
                found += await self.changes(events, LAST)
        for change in found:
            assert change.path not in seen, f"{change} came twice"
            if change.path != LAST:
                seen[change.path] = change.value

    async def test_a_slow_consumer_gets_every_last_value_once(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            await self.snapshot(events)
            last: dict[Path, Change] = {}
            for number in range(300):
                path = TOP / (number % 7)
                deletes = number % 5 == 0 and path in last and not last[path].deleted
                revision = await (other.delete(path) if deletes else other.set(path, number))
                last[path] = Change(path, NotGiven if deletes else number, revision)
            await other.set(LAST, 1)
            found = await self.changes(events, LAST)
            assert {change.path: change for change in found} == last
            revisions = [change.revision for change in found]
            assert revisions == sorted(set(revisions))

    async def test_a_cancelled_wait_loses_nothing(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            await self.snapshot(events)
            found: list[WatchEvent] = []
            for number in range(20):
                await other.set(TOP / number, number)
                with anyio.move_on_after(0.0005 * (number % 4)):
                    found.append(await self.next(events))
            await other.set(LAST, 1)
            found += await self.changes(events, LAST)
            assert [(event.path, event.value) for event in found if isinstance(event, Change)] == [
                (TOP / number, number) for number in range(20)
            ]

    async def test_a_waiting_consumer_is_woken(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.watch(TOP) as events:
            await self.snapshot(events)
            for number in range(5):
                async with anyio.create_task_group() as group:
                    group.start_soon(_set_when_idle, other, TOP, number)
                    event = await self.next(events)
                assert isinstance(event, Change)
                assert event.value == number

    async def test_two_watches_do_not_disturb_each_other(self, connect: Connect) -> None:
        async with connect("a") as store, store.watch(TOP) as first:
            async with store.watch(TOP) as second:
                await self.snapshot(second)
                await store.set(TOP, {"list": [1]})
                event = await self.next(second)
                assert isinstance(event, Change)
                event.value["list"].append(2)
            found, _ = await self.snapshot(first)
            await store.set(LAST, 1)
            found += await self.changes(first, LAST)
            assert plain(found) == [("suite", {"list": [1]})]

    async def test_tree_gives_the_snapshot(self, connect: Connect) -> None:
        async with connect("a") as store:
            revisions = await _plant(store, TREE)
            await store.delete(P("suite.a.b.c"))
            found = [entry async for entry in store.tree(TOP, min_depth=1, max_depth=2)]
            assert found == [
                Entry(path, str(path), revisions[path]) for path in TREE if len(path) > 1 and path != P("suite.a.b.c")
            ]

    async def test_the_store_knows_writes_made_while_it_reads_a_tree(self, connect: Connect) -> None:
        async with connect("a") as store:
            await _plant(store, TREE)
            async for entry in store.tree(TOP):
                await store.set(entry.path, "new", revision=entry.revision)
            assert {entry.value async for entry in store.tree(TOP)} == {"new"}


async def _plant(store: Store, paths: Iterable[Path]) -> dict[Path, int]:
    """Set each of these to its own text; gives their revisions."""
    return {path: await store.set(path, str(path)) for path in paths}


async def _set_when_idle(store: Store, path: Path, value: int) -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()
    await store.set(path, value)
