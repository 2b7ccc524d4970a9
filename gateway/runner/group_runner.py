"""What all-node and any-node runners share: several nodes run them together, and the members watch tells of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gateway.runner.scheduler import Scheduler

if TYPE_CHECKING:
    from gateway.cluster.group_state import Group
    from gateway.cluster.members import Members
    from gateway.locations import Place
    from gateway.runner.context import NodeContext


class GroupRunner(Scheduler):
    """A runner of a group of nodes.

    Args:
        members: who else runs the jobs of the group; its ``run`` must have been started.
    """

    def __init__(self, context: NodeContext, place: Place, members: Members) -> None:
        super().__init__(context, place)
        self._members = members

    def group(self) -> Group:
        return self._members.group(self.place.kind, self.place.group)

    async def watch_group(self) -> None:
        with self._members.listener(self.place.kind, self.place.group, self.tell_group_state):
            self.tell_group_state()
            await anyio.sleep_forever()
