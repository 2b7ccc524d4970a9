"""Leases: binding, leaving, renewal, loss."""

from __future__ import annotations

import threading

import anyio
import pytest

from gateway.errors import Conflict, StoreError
from gateway.path import P
from gateway.testing.store_suite.checks import Connect, StoreChecks, plain
from gateway.values import NotGiven

A = P("suite.a")
B = P("suite.b")
LAST = P("suite.last")


class Leases(StoreChecks):
    """Guarantees about leases of a living, connected holder."""

    async def test_leaving_a_lease_deletes_what_is_bound(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, other.watch(P("suite")) as events:
            await self.snapshot(events)
            async with store.lease(self.ttl) as lease:
                await store.set(A, 1, lease=lease)
                await store.set(A / "child", 1, lease=lease)
                await store.set(B, "unbound")
                await store.set(LAST, 1)
                await self.changes(events, LAST)
            await store.set(LAST, 2)
            assert sorted(plain(await self.changes(events, LAST))) == [
                ("suite.a", NotGiven),
                ("suite.a.child", NotGiven),
            ]
            assert [entry.path async for entry in other.tree(P("suite"))] == [B, LAST]

    @pytest.mark.parametrize("end", ["error", "cancellation"])
    async def test_leaving_in_a_hurry_deletes_too(self, connect: Connect, end: str) -> None:
        async with connect("a") as store:
            with anyio.CancelScope() as scope:
                try:
                    async with store.lease(self.ttl) as lease:
                        await store.set(A, 1, lease=lease)
                        if end == "error":
                            raise LookupError(end)
                        scope.cancel()
                        await anyio.sleep_forever()
                except LookupError:
                    pass
            assert (await store.get(A)).value is NotGiven

    async def test_a_lease_renews_itself_unseen(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.lease(self.ttl) as lease:
            revision = await store.set(A, 1, lease=lease)
            async with other.watch(P("suite")) as events:
                await self.snapshot(events)
                first = lease.expires
                await self.until(store.clock, lambda: lease.expires > first + 2 * self.ttl)
                assert not lease.lost.is_set()
                await other.set(LAST, 1)
                assert await self.changes(events, LAST) == []
            assert [entry.revision async for entry in other.tree(A)] == [revision]

    async def test_a_holder_knows_when_its_lease_expires(self, connect: Connect) -> None:
        async with connect("a") as store:
            before = store.clock.lease_now()
            async with store.lease(self.ttl) as lease:
                assert lease.ttl == self.ttl
                # counted from the sending of a renewal: never later than one ttl from now
                assert before + self.ttl <= lease.expires <= store.clock.lease_now() + self.ttl

    async def test_the_expiry_is_known_in_any_thread(self, connect: Connect) -> None:
        seen: list[float] = []
        async with connect("a") as store, store.lease(self.ttl) as lease:
            thread = threading.Thread(target=lambda: seen.append(lease.expires))
            thread.start()
            thread.join()
            assert seen == [lease.expires]

    async def test_a_set_without_lease_unbinds(self, connect: Connect) -> None:
        async with connect("a") as store:
            async with store.lease(self.ttl) as lease:
                await store.set(A, "bound", lease=lease)
                await store.set(A, "free")
            assert (await store.get(A)).value == "free"

    async def test_a_set_with_a_lease_binds_what_was_there(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = await store.set(A, "free")
            async with store.lease(self.ttl) as lease:
                await store.set(A, "bound", lease=lease, revision=first)
            assert (await store.get(A)).value is NotGiven

    async def test_a_bound_entry_can_move_to_another_lease(self, connect: Connect) -> None:
        async with connect("a") as store, store.lease(self.ttl) as second:
            async with store.lease(self.ttl) as first:
                await store.set(A, 1, lease=first)
                await store.set(B, 1, lease=first)
                await store.set(A, 2, lease=second)
            assert [entry.value async for entry in store.tree(P("suite"))] == [2]

    async def test_a_refused_write_is_not_bound(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(A, "free")
            async with store.lease(self.ttl) as lease:
                with pytest.raises(Conflict):
                    await store.set(A, "bound", lease=lease, revision=0)
            assert (await store.get(A)).value == "free"

    async def test_a_holder_may_delete_and_set_again(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            async with store.lease(self.ttl) as lease:
                first = await store.set(A, 1, lease=lease)
                await store.delete(A, revision=first)
                await store.set(A, 2, lease=lease, revision=0)
                expires = lease.expires
                await self.until(store.clock, lambda: lease.expires > expires + self.ttl)
                assert not lease.lost.is_set()
                assert [entry.value async for entry in other.tree(A)] == [2]
            assert [entry async for entry in other.tree(A)] == []

    async def test_a_lease_whose_entry_another_deletes_is_lost(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, store.lease(self.ttl) as lease:
            revision = await store.set(A, 1, lease=lease)
            await other.delete(A, revision=revision)
            with anyio.fail_after(self.ttl + self.grace):
                await lease.lost.wait()

    async def test_a_lease_whose_entry_another_takes_is_lost_and_takes_nothing_along(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            async with store.lease(self.ttl) as lease:
                await store.set(A, "mine", lease=lease)
                await other.set(A, "taken")
                with anyio.fail_after(self.ttl + self.grace):
                    await lease.lost.wait()
            assert [entry.value async for entry in other.tree(A)] == ["taken"]

    async def test_a_left_lease_takes_no_entry(self, connect: Connect) -> None:
        async with connect("a") as store:
            async with store.lease(self.ttl) as lease:
                pass
            with pytest.raises(StoreError):
                await store.set(A, 1, lease=lease)
            assert (await store.get(A)).value is NotGiven

    async def test_leases_of_two_holders_are_apart(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other, other.lease(self.ttl) as kept:
            await other.set(B, "kept", lease=kept)
            async with store.lease(self.ttl) as lease:
                assert lease.id != kept.id
                await store.set(A, 1, lease=lease)
            async with other.watch(P("suite")) as events:
                assert plain((await self.snapshot(events))[0]) == [("suite.b", "kept")]
            assert not kept.lost.is_set()
