"""The all-node runner: every node of a group runs all of its jobs, each with a state of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.locations import Place
from gateway.runner.group_runner import GroupRunner
from gateway.runner.sole import SoleRunner

if TYPE_CHECKING:
    from gateway.cluster.members import Members
    from gateway.runner.context import NodeContext


class AllRunner(GroupRunner, SoleRunner):
    """Runs the jobs of ``all.GROUP`` on this node; their states stand at ``all.GROUP.NODE``."""

    def __init__(self, context: NodeContext, members: Members, group: str = "default") -> None:
        super().__init__(context, Place("all", group, context.name), members)
