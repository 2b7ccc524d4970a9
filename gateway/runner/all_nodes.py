"""The all-node runner: every node of a group runs all of its jobs, each with a state of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gateway.locations import Place
from gateway.runner.scheduler import Scheduler

if TYPE_CHECKING:
    from gateway.cluster.group_state import Group
    from gateway.cluster.members import Members
    from gateway.runner.context import NodeContext


class AllRunner(Scheduler):
    """Runs the jobs of ``all.GROUP`` on this node; their states stand at ``all.GROUP.NODE``.

    As with the single-node runner, this node alone writes these states: it goes on while the store is out of reach,
    and what it finds running when it starts has died with an earlier process.

    Args:
        members: who else runs the jobs of the group; its ``run`` must have been started.
    """

    def __init__(self, context: NodeContext, members: Members, group: str = "default") -> None:
        super().__init__(context, Place("all", group, context.name))
        self._members = members

    def group(self) -> Group:
        return self._members.group("all", self.place.group)

    async def watch_group(self) -> None:
        with self._members.listener("all", self.place.group, self.tell_group_state):
            self.tell_group_state()
            await anyio.sleep_forever()
