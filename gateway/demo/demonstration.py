"""The demonstration as a whole: house, store, nodes and story in one task group."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path as File
from typing import TYPE_CHECKING, Final

import anyio

from gateway.demo.board import Board
from gateway.demo.house import DemoHouse
from gateway.demo.jobs import LOCATIONS
from gateway.demo.nodes import Nodes
from gateway.demo.servers import SharedStore, StoreKind, shared_store
from gateway.demo.story import Story
from gateway.demo.summary import Summary
from gateway.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.plugins import Plugins

#: Seconds from one dimmer's turn to the next one's. While servers choose a leader (4 to 9 s) telegrams wait, and until
#: they are handled, none may be sent that says the same (:mod:`gateway.demo.judge`): every 128th does.
PACES: Final[dict[StoreKind, float]] = {"sqlite": 0.1, "nats": 0.2}


class Demo:
    """One demonstration. ``board`` fills while :meth:`run` runs.

    Args:
        store: on what it runs.
    """

    def __init__(self, plugins: Plugins, store: StoreKind = "sqlite") -> None:
        self._kind = store
        self._house = DemoHouse(PACES[store])
        self.board = Board(self._house.now)
        self._plugins = plugins

    async def run(self, tell: Callable[[str], None], *, forever: bool = False) -> Summary:
        """Show the main jobs at work; ends by itself within a minute, or never. Cancelled, it stops its nodes in order.

        Args:
            tell: gets what happens, in words.

        Raises:
            NotFound, Misuse: a plugin or a program that it needs is not there; says how to get it.
            OSError: a server doesn't start.
        """
        for driver in ("onewire", "rfxtrx"):
            self._plugins.driver(driver)
        with (
            tempfile.TemporaryDirectory(prefix="busgate-demo-") as folder,
            shared_store(self._kind, File(folder)) as shared,
        ):
            async with self._house.running():
                return await self._run(File(folder), shared, tell, forever=forever)

    async def _run(self, folder: File, shared: SharedStore, tell: Callable[[str], None], *, forever: bool) -> Summary:
        """Run it on that store, which is what the nodes share."""
        url = shared.url
        disabled = [info.name for info in self._plugins.infos if info.disabled]
        nodes = Nodes(folder, url, disabled, self.board.stir)
        async with (
            open_store(url, node="demo", locations=LOCATIONS, wait=True) as store,
            anyio.create_task_group() as tasks,
            nodes.alive(),
        ):
            await tasks.start(self.board.follow, store)
            story = Story(self._house, nodes, self.board, store, tell, shared.servers)
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
            server_pause_s=None if story.server_pause is None else round(story.server_pause, 3),
            errors=[*story.complaints, *(f"{device} gave no reading" for device in silent)],
        )
