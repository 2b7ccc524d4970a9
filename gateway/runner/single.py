"""The single-node runner: its jobs are pinned to one named node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cluster.group_state import Group, group_state
from gateway.locations import Place
from gateway.runner.sole import SoleRunner

if TYPE_CHECKING:
    from gateway.runner.context import NodeContext


class SingleRunner(SoleRunner):
    """Runs the jobs of ``at.NODE.GROUP`` on the node of that name.

    Its group is one node out of one: complete while the store is in reach, else detached.
    """

    def __init__(self, context: NodeContext, group: str = "default") -> None:
        super().__init__(context, Place("at", group, context.name))

    def group(self) -> Group:
        cut_off = self.context.store.link.state == "detached"
        return Group(group_state(1, 1, cut_off=cut_off, broken=self.context.broken), (self.context.name,), 1)

    async def watch_group(self) -> None:
        link = self.context.store.link
        while True:
            link = await self.context.store.wait_link(link)
            self.tell_group_state()
