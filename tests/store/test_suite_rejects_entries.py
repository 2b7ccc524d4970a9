"""Stores whose entries or connections are broken in one way each: the suite must reject them, by a named test."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Conflict
from gateway.path import Path
from gateway.store.memory import MemoryServer, MemoryStore


class ComparesThenSets(MemoryStore):
    """Compare and set in two steps."""

    async def set(self, path, value, *, revision=None, lease=None):
        if revision is not None and (await self.get(path)).revision != revision:
            raise Conflict(path, revision)
        return await super().set(path, value, lease=lease)


class IgnoresTheRevisionOfADelete(MemoryStore):
    async def delete(self, path, *, revision=None):
        return await super().delete(path)


class TakesATombstoneForAnEntry(MemoryServer):
    def write(self, path, data, *, writer, revision=None, lease=None):
        if revision == 0 and self.read(path).revision:
            raise Conflict(path, 0)
        return super().write(path, data, writer=writer, revision=revision, lease=lease)


class DeletesSubtrees(MemoryStore):
    async def delete(self, path, *, revision=None):
        deleted = await super().delete(path, revision=revision)
        for entry in [entry async for entry in self.tree(path)]:
            await super().delete(entry.path)
        return deleted


class StartsRevisionsAnew(MemoryServer):
    """A deleted entry begins anew at revision 1, as where revisions count within the entry."""

    def write(self, path, data, **options):
        count = getattr(self, "_count", None) or {}
        super().write(path, data, **options)
        count[path.key] = count.get(path.key, 0) + 1
        self._count = count
        return count[path.key]


class ReadsStale(MemoryStore):
    async def get(self, path):
        return self._server.read_previous(path).entry()


class KeepsReferences(MemoryStore):
    async def set(self, path, value, **options):
        revision = await super().set(path, value, **options)
        self._objects = getattr(self, "_objects", {}) | {path: value}
        return revision

    async def get(self, path):
        entry = await super().get(path)
        return replace(entry, value=self._objects[path]) if entry.revision else entry


class UpdatesWithoutComparing(MemoryStore):
    async def update(self, path, function, *, idempotent=False):
        return await self.set(path, function((await self.get(path)).value))


class MixesTypes(MemoryStore):
    """Takes 1, "1", True and 1.0 for the same, as a backend with text keys does."""

    async def get(self, path):
        found = await super().get(Path(*map(str, path)))
        return replace(found, path=path)

    async def set(self, path, value, **options):
        return await super().set(Path(*map(str, path)), value, **options)


class WritesInPart(MemoryStore):
    """Deletes the old value before it looks whether the new one can be stored."""

    async def set(self, path, value, **options):
        if "revision" not in options:
            await self.delete(path)
        return await super().set(path, value, **options)


class IsVolatile(MemoryServer):
    """Forgets everything when the last connection closes."""

    async def run_expiry(self):
        try:
            await super().run_expiry()
        finally:
            self._records.clear()
            self._keys.clear()


class WritesWhileDetached(MemoryStore):
    """Keeps calls for later instead of refusing them."""

    async def set(self, path, value, **options):
        return self._server.write(path, b"\x01", writer=self.name)


class WrapsErrors(MemoryStore):
    async def __aexit__(self, kind, error, traceback):
        if error is not None:
            await super().__aexit__(None, None, None)
            raise ExceptionGroup("unhandled", [error])
        await super().__aexit__(None, None, None)


#: Each broken store or server, the test that rejects it, and that test's parameters.
BROKEN: list[tuple[type, str, dict[str, Any]]] = [
    (ComparesThenSets, "of_several_with_one_revision_one_succeeds", {"present": True}),
    (ComparesThenSets, "a_random_history_holds", {"seed": 0}),
    (IgnoresTheRevisionOfADelete, "deleting_compares_the_revision", {}),
    (TakesATombstoneForAnEntry, "a_deleted_entry_is_absent", {}),
    (DeletesSubtrees, "deleting_a_parent_leaves_its_children", {}),
    (StartsRevisionsAnew, "revisions_rise_over_the_whole_store", {}),
    (ReadsStale, "own_writes_are_read_back", {}),
    (KeepsReferences, "a_written_value_is_a_copy", {}),
    (UpdatesWithoutComparing, "update_loses_no_increment", {}),
    (MixesTypes, "elements_of_each_type_are_entries_of_their_own", {}),
    (WritesInPart, "a_larger_value_is_refused_and_the_old_one_stays", {}),
    (IsVolatile, "entries_outlive_the_connection_that_wrote_them", {}),
    (WritesWhileDetached, "calls_raise_detached_and_write_nothing", {}),
    (WrapsErrors, "an_error_within_leaves_as_it_is", {}),
]


@pytest.mark.parametrize(("broken", "check", "parameters"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_store_is_rejected(reject, broken, check, parameters):
    await reject(broken, check, parameters)


@pytest.mark.parametrize(("check", "parameters"), {each[1]: each[1:] for each in BROKEN}.values())
async def test_the_same_test_passes_on_a_sound_store(accept, check, parameters):
    await accept(check, parameters)
