"""A store that several processes share: what one sees of another that lives, stands still or is killed."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import pytest
from anyio.streams.text import TextReceiveStream

from gateway.path import P
from gateway.testing.store_suite.checks import Connect, StoreChecks
from gateway.values import Change

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process

    from gateway.values import WatchEvent

TOP = P("suite")
A = P("suite.a")


class Elsewhere:
    """A process that uses the store, with the lines it has written."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self.process = process
        self._text = TextReceiveStream(process.stdout)
        self._rest = ""

    async def line(self) -> dict[str, Any] | None:
        """What it tells next; None when it has ended."""
        while "\n" not in self._rest:
            try:
                self._rest += await self._text.receive()
            except anyio.EndOfStream:
                return None
        line, _, self._rest = self._rest.partition("\n")
        return json.loads(line)  # type: ignore[no-any-return]

    async def rest(self) -> list[dict[str, Any]]:
        """All that it tells until it ends; a line torn by its death doesn't count."""
        lines = []
        while (line := await self.line()) is not None:
            lines.append(line)
        return lines


class ProcessSuite(StoreChecks):
    """For stores that processes share by a URL of :func:`gateway.store.open_store`; on top of ``StoreSuite``.

    Needs real time. The connections of ``connect`` must reach the store of ``url``.
    """

    #: Within so many seconds after a process was killed its entries vanish.
    death_seen_within: ClassVar[float] = 5.0

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError(f"{type(self).__name__} must override the fixture 'url'")

    @asynccontextmanager
    async def elsewhere(self, url: str, *what: str) -> AsyncIterator[Elsewhere]:
        command = [sys.executable, "-m", f"{__package__}.elsewhere", url, *what]
        with anyio.fail_after(3 * self.patience):
            async with await anyio.open_process(command, stderr=None) as process:
                try:
                    yield Elsewhere(process)
                finally:
                    if process.returncode is None:
                        process.kill()

    async def test_writes_of_another_process_are_seen(self, connect: Connect, url: str) -> None:
        async with connect("a") as store, store.watch(TOP) as events:
            await self.snapshot(events)
            async with self.elsewhere(url, "write", "suite") as other:
                for number in range(20):
                    told = await other.line()
                    assert await self.next(events) == Change(TOP / number, number, told["revision"] if told else 0)

    async def test_acknowledged_writes_survive_a_kill(self, connect: Connect, url: str) -> None:
        async with self.elsewhere(url, "write", "suite") as other:
            told = [await other.line() for _ in range(50)]
            other.process.kill()
            told += await other.rest()
        async with connect("a") as store:
            found = {entry.value: entry.revision async for entry in store.tree(TOP)}
            await store.set(A, "still works")
        assert {line["number"]: line["revision"] for line in told if line}.items() <= found.items()

    async def test_processes_lose_no_increment(self, connect: Connect, url: str) -> None:
        async with (
            self.elsewhere(url, "count", "suite.a", "30") as one,
            self.elsewhere(url, "count", "suite.a", "30") as two,
            connect("a") as store,
        ):
            for _ in range(30):
                await store.update(A, lambda value: value + 1 if value else 1)
            assert [await one.rest(), await two.rest()] == [[{"done": True}], [{"done": True}]]
            assert [entry.value async for entry in store.tree(A)] == [90]

    async def test_entries_of_a_killed_holder_vanish(self, connect: Connect, url: str) -> None:
        async with connect("a") as store, self.elsewhere(url, "hold", "suite.a", str(self.ttl)) as holder:
            assert "expires" in (await holder.line() or {})
            async with store.watch(TOP) as events:
                assert (await self.snapshot(events))[0][0].value == "held"
                with anyio.fail_after(self.death_seen_within):
                    holder.process.kill()
                    await self._deletion(events)

    async def test_entries_of_a_stopped_holder_vanish_when_its_lease_has_run_out_and_not_before(
        self, connect: Connect, url: str
    ) -> None:
        async with connect("a") as store, self.elsewhere(url, "hold", "suite.a", str(self.ttl)) as holder:
            told = [await holder.line() for _ in range(3)]
            async with store.watch(TOP) as events:
                await self.snapshot(events)
                holder.process.send_signal(signal.SIGSTOP)
                stopped = store.clock.lease_now()
                await self._deletion(events)
                gone = store.clock.lease_now()
            holder.process.send_signal(signal.SIGCONT)
            told += await holder.rest()
        assert {"lost": True} in told, "it woke up and believed that it still held its lease"
        before = [line["expires"] for line in told if line and "expires" in line]
        assert max(before) <= gone, "gone before its holder could know"
        assert gone <= stopped + self.ttl + self.grace, "late"

    async def _deletion(self, events: AsyncIterator[WatchEvent]) -> None:
        event = await self.next(events)
        assert isinstance(event, Change)
        assert (event.path, event.deleted) == (A, True)
