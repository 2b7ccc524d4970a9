"""Entries: values, revisions, limits, compare-and-set."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from gateway.abc import MAX_KEY, MAX_VALUE
from gateway.codec import encode
from gateway.errors import CodecError, Conflict, LimitExceeded
from gateway.path import P, Path
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.path import Element

A = P("suite.a")

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest": 2**64 - 1,
    "smallest": -(2**63),
    "float": 0.1 + 0.2,
    "tiny": 5e-324,
    "negative-zero": -0.0,
    "infinity": math.inf,
    "empty-text": "",
    "text": "Grüße, 世界 \0 \U0001f321",
    "bytes": bytes(range(256)),
    "timestamp": datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC),
    "before-1970": datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC),
    "path": P("onewire.28:.67C6697351FF:5:t"),
    "empty-list": [],
    "empty-map": {},
    "map-with-number-keys": {1: "a", 2: "b"},
    "nested": {"z": [1, [2.5, {"y": None}]], "a": {"b": {"c": [b"\xff", P("x.y")]}}},
}
ELEMENTS: tuple[Element, ...] = ("1", 1, True, 1.0, b"1", -1, None, False, 0, "", "a.b", "a:b", " ", "ä", ("1", 1))


class Values(StoreChecks):
    """Guarantees about single entries."""

    async def test_an_absent_entry_has_revision_0_and_no_value(self, connect: Connect) -> None:
        async with connect("a") as store:
            assert await store.get(A) == Entry(A, NotGiven, 0)

    async def test_set_returns_the_revision_that_get_shows(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(A, "one")
            assert revision > 0
            assert await store.get(A) == Entry(A, "one", revision)

    async def test_another_connection_sees_what_was_written(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            assert other.id == store.id
            await store.set(A, "one")
            revision = await other.set(A, "two")
            assert [entry async for entry in store.tree(A)] == [Entry(A, "two", revision)]

    async def test_revisions_rise_over_the_whole_store(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            revisions = [
                await store.set(A, 1),
                await other.set(A / "b", 1),
                await store.set(A, 1),
                await other.delete(A),
                await store.set(A, 2),
                await other.set(P("elsewhere"), 1, revision=0),
            ]
            assert revisions == sorted(set(revisions))

    @pytest.mark.parametrize("name", VALUES)
    async def test_a_value_survives(self, connect: Connect, name: str) -> None:
        value = VALUES[name]
        async with connect("a") as store:
            await store.set(A, value)
            found = (await store.get(A)).value
        assert found == value
        assert type(found) is type(value)
        assert encode(found) == encode(value)  # tells -0.0 from 0.0, True from 1, and the order of keys

    async def test_a_tuple_comes_back_as_a_list(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(A, (1, ("a",)))
            assert (await store.get(A)).value == [1, ["a"]]

    async def test_a_written_value_is_a_copy(self, connect: Connect) -> None:
        async with connect("a") as store:
            value = {"list": [1]}
            await store.set(A, value)
            value["list"].append(2)
            (await store.get(A)).value["list"].append(3)
            with pytest.raises(Conflict) as caught:
                await store.set(A, 1, revision=0)
            assert caught.value.current is None or caught.value.current.value == {"list": [1]}
            assert (await store.get(A)).value == {"list": [1]}

    async def test_elements_of_each_type_are_entries_of_their_own(self, connect: Connect) -> None:
        async with connect("a") as store:
            for number, element in enumerate(ELEMENTS):
                await store.set(A / element, number)
            found = [(await store.get(A / element)).value for element in ELEMENTS]
        assert found == list(range(len(ELEMENTS)))

    async def test_the_root_is_an_entry(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(Path(), "root")
            assert await store.get(Path()) == Entry(Path(), "root", revision)
            assert [entry async for entry in store.tree(Path())] == [Entry(Path(), "root", revision)]
            await store.delete(Path(), revision=revision)
            assert (await store.get(Path())).revision == 0

    async def test_the_longest_path_is_stored(self, connect: Connect) -> None:
        async with connect("a") as store:
            path = Path("x" * MAX_KEY)
            revision = await store.set(path, 1)
            assert await store.get(path) == Entry(path, 1, revision)

    async def test_a_longer_path_is_refused(self, connect: Connect) -> None:
        async with connect("a") as store:
            with pytest.raises(LimitExceeded):
                await store.set(Path("x" * MAX_KEY, 1), 1)
            assert [entry async for entry in store.tree(Path())] == []

    async def test_the_largest_value_is_stored(self, connect: Connect) -> None:
        value = _bytes_that_pack_to(MAX_VALUE)
        async with connect("a") as store:
            await store.set(A, value)
            assert (await store.get(A)).value == value

    async def test_a_larger_value_is_refused_and_the_old_one_stays(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(A, "old")
            with pytest.raises(LimitExceeded):
                await store.set(A, _bytes_that_pack_to(MAX_VALUE + 1))
            assert await store.get(A) == Entry(A, "old", revision)

    @pytest.mark.parametrize("value", [object, 2**64, {"deep": [{1, 2}]}, datetime(2026, 1, 1)], ids=repr)
    async def test_what_cannot_be_stored_is_refused_and_the_old_value_stays(self, connect: Connect, value: Any) -> None:
        async with connect("a") as store:
            revision = await store.set(A, "old")
            with pytest.raises(CodecError):
                await store.set(A, value)
            assert await store.get(A) == Entry(A, "old", revision)

    async def test_revision_0_means_absent(self, connect: Connect) -> None:
        async with connect("a") as store:
            revision = await store.set(A, "first", revision=0)
            with pytest.raises(Conflict):
                await store.set(A, "second", revision=0)
            assert await store.get(A) == Entry(A, "first", revision)

    async def test_compare_and_set_takes_the_current_revision_alone(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            first = await store.set(A, "first")
            second = await other.set(A, "second", revision=first)
            for wrong in (first, second + 1):
                with pytest.raises(Conflict) as caught:
                    await store.set(A, "third", revision=wrong)
                assert caught.value.path == A
                assert caught.value.expected == wrong
                assert caught.value.current in (None, Entry(A, "second", second))
            assert await other.get(A) == Entry(A, "second", second)

    async def test_an_unconditional_set_asks_for_nothing(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            await store.set(A, "first")
            revision = await other.set(A, "second")
            assert await other.get(A) == Entry(A, "second", revision)

    @pytest.mark.parametrize("present", [True, False])
    async def test_of_several_with_one_revision_one_succeeds(self, connect: Connect, present: bool) -> None:
        async with connect("a") as store, connect("b") as other:
            for turn in range(5):
                path = A / turn
                revision = await store.set(path, "old") if present else 0
                won = await _race((store, other, store, other, store), path, revision)
                assert len(won) == 1
                ((number, new),) = won.items()
                assert [entry async for entry in store.tree(path)] == [Entry(path, number, new)]

    async def test_a_deleted_entry_is_absent(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = await store.set(A, "first")
            deleted = await store.delete(A)
            assert deleted > first
            assert await store.get(A) == Entry(A, NotGiven, 0)
            for wrong in (first, deleted):
                with pytest.raises(Conflict):
                    await store.set(A, "second", revision=wrong)
            assert await store.set(A, "second", revision=0) > deleted

    async def test_deleting_what_is_absent_gives_0(self, connect: Connect) -> None:
        async with connect("a") as store:
            assert await store.delete(A) == 0
            await store.set(A, 1)
            await store.delete(A)
            assert await store.delete(A) == 0

    async def test_deleting_compares_the_revision(self, connect: Connect) -> None:
        async with connect("a") as store:
            first = await store.set(A, "first")
            second = await store.set(A, "second")
            with pytest.raises(Conflict):
                await store.delete(A, revision=first)
            assert (await store.get(A)).value == "second"
            assert await store.delete(A, revision=second) > second
            with pytest.raises(Conflict):
                await store.delete(A, revision=second)

    async def test_deleting_a_parent_leaves_its_children(self, connect: Connect) -> None:
        async with connect("a") as store:
            await store.set(A, 1)
            await store.set(A / "b", 2)
            await store.delete(A)
            assert (await store.get(A / "b")).value == 2

    async def test_own_writes_are_read_back(self, connect: Connect) -> None:
        async with connect("a") as store:
            for number in range(50):
                revision = await store.set(A, number)
                assert await store.get(A) == Entry(A, number, revision)
            await store.delete(A)
            assert (await store.get(A)).value is NotGiven

    async def test_update_loses_no_increment(self, connect: Connect) -> None:
        async with connect("a") as store, connect("b") as other:
            async with anyio.create_task_group() as group:
                for each in (store, other, store, other):
                    group.start_soon(_count, each, A, 10)
            assert [entry.value async for entry in store.tree(A)] == [40]

    async def test_update_deletes_when_the_function_gives_nothing(self, connect: Connect) -> None:
        async with connect("a") as store:
            assert await store.update(A, lambda value: value) == 0
            first = await store.update(A, lambda value: [value is NotGiven])
            assert await store.get(A) == Entry(A, [True], first)
            assert await store.update(A, lambda _: NotGiven) > first
            assert (await store.get(A)).revision == 0

    async def test_a_cancelled_write_leaves_the_old_or_the_new_value(self, connect: Connect) -> None:
        async with connect("a") as store:
            for number in range(20):
                path = A / number
                old = Entry(path, "old", await store.set(path, "old"))
                with anyio.move_on_after(0.0005 * (number % 4)):
                    await store.set(path, number)
                await store.set(P("suite.after"), number)  # the connection still works
                (found,) = [entry async for entry in store.tree(path)]
                assert found == old or (found.value == number and found.revision > old.revision)


async def _race(stores: tuple[Store, ...], path: Path, revision: int) -> dict[int, int]:
    """Let all set the same entry at once; gives number and revision of each that succeeded."""
    won: dict[int, int] = {}

    async def attempt(number: int, store: Store) -> None:
        try:
            won[number] = await store.set(path, number, revision=revision)
        except Conflict:
            return

    async with anyio.create_task_group() as group:
        for number, store in enumerate(stores):
            group.start_soon(attempt, number, store)
    return won


async def _count(store: Store, path: Path, times: int) -> None:
    for _ in range(times):
        await store.update(path, lambda value: 1 if value is NotGiven else value + 1)


def _bytes_that_pack_to(size: int) -> bytes:
    """Bytes whose packed form has this size: 5 bytes of header above 64 KiB, 3 above 255 bytes (msgpack bin 32, 16)."""
    value = b"v" * (size - 5)
    return value if len(encode(value)) == size else b"v" * (size - 3)
