"""The demonstration as a whole: house, store, nodes and story in one task group."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path as File
from typing import TYPE_CHECKING

import anyio

from gateway.demo.board import Board
from gateway.demo.house import DemoHouse
from gateway.demo.jobs import LOCATIONS
from gateway.demo.nodes import Nodes
from gateway.demo.story import Story
from gateway.demo.summary import Summary
from gateway.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.plugins import Plugins


class Demo:
    """One demonstration. ``board`` fills while :meth:`run` runs."""

    def __init__(self, plugins: Plugins) -> None:
        self._house = DemoHouse()
        self.board = Board(self._house.now)
        self._plugins = plugins

    async def run(self, tell: Callable[[str], None], *, forever: bool = False) -> Summary:
        """Show the main jobs at work; ends by itself in about 20 s, or never. Cancelled, it stops its nodes in order.

        Args:
            tell: gets what happens, in words.

        Raises:
            NotFound, Misuse: a plugin that it needs is not there; says how to get it.
        """
        for driver in ("onewire", "rfxtrx"):
            self._plugins.driver(driver)
        with tempfile.TemporaryDirectory(prefix="busgate-demo-") as folder:
            async with self._house.running():
                return await self._run(File(folder), f"sqlite:{folder}/store.db", tell, forever=forever)

    async def _run(self, folder: File, url: str, tell: Callable[[str], None], *, forever: bool) -> Summary:
        """Run it on the store of that URL, which is what the nodes share."""
        disabled = [info.name for info in self._plugins.infos if info.disabled]
        nodes = Nodes(folder, url, disabled, self.board.stir)
        async with (
            open_store(url, node="demo", locations=LOCATIONS) as store,
            anyio.create_task_group() as tasks,
            nodes.alive(),
        ):
            await tasks.start(self.board.follow, store)
            story = Story(self._house, nodes, self.board, store, tell)
            await story.run(forever=forever)
            summary = self._summary(story)
            await nodes.stop()
            tasks.cancel_scope.cancel()
        return replace(summary, errors=summary.errors + nodes.fallen)

    def _summary(self, story: Story) -> Summary:
        latest = self.board.latest
        silent = [device for device in self._house.devices() if device not in latest]
        return Summary(
            devices=len(latest),
            readings=self.board.readings,
            suspect=sum(one["quality"] == "suspect" for attributes in latest.values() for one in attributes.values()),
            recovered_after_restart_s=None if story.recovered is None else round(story.recovered, 2),
            telegrams=story.verdict(),
            failover_s=[round(seconds, 3) for seconds in story.failovers],
            errors=[*story.complaints, *(f"{device} gave no reading" for device in silent)],
        )
