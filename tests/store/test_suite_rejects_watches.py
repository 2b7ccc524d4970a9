"""Stores whose watches are broken on purpose, in one way each: the suite must reject them, by a named test."""

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from gateway.store.memory import MemoryServer, MemoryStore
from gateway.values import Change, NotGiven, Ready


class Altered:
    """A stream whose items go through a function that gives a list of items for each."""

    def __init__(self, stream, alter):
        self.stream, self.alter, self.waiting = stream, alter, []

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.waiting:
            self.waiting = list(self.alter(await anext(self.stream)))
        return self.waiting.pop(0)


class AlteredWatch(MemoryStore):
    def alteration(self):
        """A function for each watch."""
        raise NotImplementedError

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async with super().watch(*paths, **options) as events:
            yield Altered(events, self.alteration())


class LosesAChange(AlteredWatch):
    def alteration(self):
        numbers = iter(range(1_000_000))
        return lambda event: [] if isinstance(event, Change) and next(numbers) % 10 == 4 else [event]


class DoublesAChange(AlteredWatch):
    def alteration(self):
        numbers = iter(range(1_000_000))
        return lambda event: [event] * (2 if isinstance(event, Change) and next(numbers) % 10 == 4 else 1)


class LosesDeletions(AlteredWatch):
    def alteration(self):
        return lambda event: [] if isinstance(event, Change) and event.deleted else [event]


class ForgetsTheValue(AlteredWatch):
    """Tells that something has changed, with the value of a deletion when it is null."""

    def alteration(self):
        return lambda event: [replace(event, value=event.value or NotGiven) if isinstance(event, Change) else event]


class LosesReady(AlteredWatch):
    def alteration(self):
        return lambda event: [] if isinstance(event, Ready) else [event]


class MakesUpRevisions(AlteredWatch):
    def alteration(self):
        return lambda event: [replace(event, revision=event.revision + 1) if isinstance(event, Change) else event]


class SortsBreadthFirst(AlteredWatch):
    def alteration(self):
        found: list[Change] = []
        ready: list[Ready] = []

        def alter(event):
            if ready or not isinstance(event, Change | Ready):
                return [event]
            if isinstance(event, Change):
                found.append(event)
                return []
            ready.append(event)
            return [*sorted(found, key=lambda change: (len(change.path), change.path)), event]

        return alter


class Reorders(MemoryStore):
    """Delivers the newest waiting change first."""

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async with super().watch(*paths, **options) as events:

            async def newest():
                event = await anext(events)
                later = [event]
                while events._pending:
                    later.append(await anext(events))
                return later

            async def stream():
                while True:
                    for event in reversed(await newest()):
                        yield event

            yield stream()


class DiesWhenCancelled(MemoryStore):
    """An async generator ends when one ``anext`` is cancelled."""

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async def stream(events):
            async for event in events:
                yield event

        async with super().watch(*paths, **options) as events:
            yield stream(events)


class LosesWhatWasTakenWhenCancelled(MemoryStore):
    """Takes the event first and waits afterwards."""

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async with super().watch(*paths, **options) as events:

            class Stream:
                def __aiter__(self):
                    return self

                async def __anext__(self):
                    event = await anext(events)
                    await anyio.sleep(0.001)
                    return event

            yield Stream()


class ListensTooLate(MemoryStore):
    """What is written between the snapshot and ``Ready`` is missed."""

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async with super().watch(*paths, **options) as events:
            events.disconnect()

            def listen(event):
                if isinstance(event, Ready):
                    events._server.watch(events._roots, events)
                return [event]

            yield Altered(events, listen)


class CountsDepthFromTheRoot(MemoryStore):
    def watch(self, path, *more, min_depth=0, max_depth=-1, **options):
        least = min_depth - len(path) if min_depth else 0
        return super().watch(path, *more, min_depth=least, max_depth=max_depth, **options)


class IgnoresFetch(MemoryStore):
    def watch(self, *paths, **options):
        return super().watch(*paths, **options | {"fetch": True})


class IgnoresWhoseRevisionItIs(MemoryStore):
    def watch(self, *paths, since=None, **options):
        return super().watch(*paths, since=since and (self.id, since[1]), **options)


class SinceIncludesTheRevision(MemoryStore):
    def watch(self, *paths, since=None, **options):
        return super().watch(*paths, since=since and (since[0], max(0, since[1] - 1)), **options)


class SinceForgetsDeletions(MemoryStore):
    @asynccontextmanager
    async def watch(self, *paths, since=None, **options):
        ready = []

        def alter(event):
            if isinstance(event, Ready):
                ready.append(event)
            return [event] if ready or not isinstance(event, Change) or not event.deleted else []

        async with super().watch(*paths, since=since, **options) as events:
            yield Altered(events, alter)


class TakesPrefixesOfText(MemoryServer):
    def _below(self, root):
        return iter([key for key in self._keys if key.startswith(root)])


class FallsSilentAfterABreak(MemoryStore):
    def mend(self, resync=""):
        self._streams.clear()
        super().mend(resync)

    @asynccontextmanager
    async def watch(self, *paths, **options):
        async with super().watch(*paths, **options) as events:
            try:
                yield events
            finally:
                self._streams[events] = None


class SendsEverythingAgain(MemoryStore):
    """After a break: the whole snapshot, which says nothing of deletions."""

    def mend(self, resync=""):
        for stream in self._streams:
            if resync and hasattr(stream, "_known"):
                stream._known.clear()
        super().mend(resync)


#: Each broken store or server, the test that rejects it, and that test's parameters.
BROKEN: list[tuple[type, str, dict[str, Any]]] = [
    (LosesAChange, "a_slow_consumer_gets_every_last_value_once", {}),
    (LosesAChange, "a_random_history_holds", {"seed": 0}),
    (DoublesAChange, "a_slow_consumer_gets_every_last_value_once", {}),
    (DoublesAChange, "a_random_history_holds", {"seed": 0}),
    (LosesDeletions, "a_slow_consumer_gets_every_last_value_once", {}),
    (LosesDeletions, "a_random_history_holds", {"seed": 0}),
    (ForgetsTheValue, "a_change_has_the_revision_that_set_returned", {}),
    (LosesReady, "the_snapshot_of_nothing_is_ready", {}),
    (MakesUpRevisions, "a_change_has_the_revision_that_set_returned", {}),
    (MakesUpRevisions, "a_random_history_holds", {"seed": 0}),
    (SortsBreadthFirst, "the_snapshot_comes_depth_first_then_ready", {}),
    (Reorders, "changes_of_several_subtrees_come_in_revision_order", {}),
    (Reorders, "a_random_history_holds", {"seed": 0}),
    (DiesWhenCancelled, "a_cancelled_wait_loses_nothing", {}),
    (LosesWhatWasTakenWhenCancelled, "a_cancelled_wait_loses_nothing", {}),
    (ListensTooLate, "nothing_falls_between_snapshot_and_changes", {}),
    (CountsDepthFromTheRoot, "depths_count_from_the_watched_path", {"depths": (2, 2)}),
    (IgnoresFetch, "without_fetch_ready_comes_first_then_later_changes", {}),
    (IgnoresWhoseRevisionItIs, "since_another_store_gives_everything", {}),
    (SinceIncludesTheRevision, "since_the_revision_of_a_change_continues_behind_it", {}),
    (SinceForgetsDeletions, "since_gives_what_changed_afterwards", {}),
    (TakesPrefixesOfText, "a_watch_ends_at_its_subtree", {}),
    (FallsSilentAfterABreak, "a_watch_goes_on_where_it_was", {}),
    (SendsEverythingAgain, "a_watch_that_cannot_go_on_gets_the_difference", {}),
]


@pytest.mark.parametrize(("broken", "check", "parameters"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_store_is_rejected(reject, broken, check, parameters):
    await reject(broken, check, parameters)


@pytest.mark.parametrize(("check", "parameters"), {each[1]: each[1:] for each in BROKEN}.values())
async def test_the_same_test_passes_on_a_sound_store(accept, check, parameters):
    await accept(check, parameters)
