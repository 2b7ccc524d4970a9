"""Members: which live nodes run which kind of runner in which group, kept up to date for all runners of a node.

Theory of operation
-------------------
1. Presence and group settings come through one watch, in revision order. What is told is a copy that is renewed at
   ``Ready`` and with each change after it: between ``Resync`` and ``Ready`` nothing is decided.
2. While the link is detached this node knows of nobody but itself. When the link is back, a new watch begins, and the
   node stays cut off until that one is ``Ready``: what was known before the break decides nothing.
3. A node counts itself whether or not its own presence is to be seen: a runner that asks runs.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.cluster.group_state import Group, GroupSettings, group_state
from gateway.errors import Detached, RecordError, Uncertain
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.locations import Locations, RunnerKind

#: Seconds until a watch that could not begin, or broke for good, is tried again.
RETRY: Final = 1.0


def runner_name(kind: RunnerKind, group: str) -> str:
    """How presence names a runner, such as ``all.default``."""
    return f"{kind}.{group}"


def runners_of(presence: Any) -> frozenset[str]:
    """The runners that a presence record names."""
    named = presence.get("runners") if isinstance(presence, dict) else None
    return frozenset(one for one in named if isinstance(one, str)) if isinstance(named, list | tuple) else frozenset()


class Members:
    """Who is there, as the node of that name sees it; follows the store while :meth:`run` runs.

    Args:
        nodes: how many nodes each group should have; default: what its settings say.
        broken: whether the store can't be relied upon.
    """

    def __init__(
        self, store: Store, locations: Locations, name: str, *, nodes: int | None = None, broken: bool = False
    ) -> None:
        self._store = store
        self._locations = locations
        self._name = name
        self._nodes = nodes
        self._broken = broken
        self._log = logging.getLogger("busgate.members")
        self._runners: dict[Any, frozenset[str]] = {}  # by node
        self._settings: dict[Any, GroupSettings] = {}  # by group
        self._told_runners: dict[Any, frozenset[str]] = {}
        self._told_settings: dict[Any, GroupSettings] = {}
        self._settled = False  # since the start, or since the link was detached
        self._ordered = False  # false between Resync and Ready
        self._ready = anyio.Event()
        self._following = anyio.CancelScope()
        self._listeners: list[_Listener] = []

    def group(self, kind: RunnerKind, group: str) -> Group:
        """A group as it is now; its members are the nodes that run this kind of runner in it.

        While nothing can be known of the others, this node is detached, and the only member.
        """
        cut_off = not self._settled or self._store.link.state == "detached"
        runner = runner_name(kind, group)
        others = () if cut_off else (name for name, runners in self._told_runners.items() if runner in runners)
        members = tuple(sorted({*others, self._name}))
        nodes = self._nodes or self._told_settings.get(group, GroupSettings()).nodes
        return Group(group_state(len(members), nodes, cut_off=cut_off, broken=self._broken), members, nodes)

    @contextmanager
    def listener(self, kind: RunnerKind, group: str, listener: Callable[[], None]) -> Iterator[None]:
        """While this is entered, call ``listener()`` after each change of what :meth:`group` says of that group."""
        one = _Listener(lambda: self.group(kind, group), listener)
        self._listeners.append(one)
        try:
            yield
        finally:
            self._listeners.remove(one)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow the store until cancelled; ``started`` is reported when all that is there is known."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_link)
            tasks.start_soon(self._report_ready, task_status)
            while True:
                await self._attached()
                with anyio.CancelScope() as self._following:
                    with suppress(Detached, Uncertain):
                        await self._follow()
                    self._unsettle()
                    await self._store.clock.sleep(RETRY)

    async def _report_ready(self, task_status: TaskStatus[None]) -> None:
        await self._ready.wait()
        task_status.started()

    async def _attached(self) -> None:
        link = self._store.link
        while link.state == "detached":
            link = await self._store.wait_link(link)

    async def _watch_link(self) -> None:
        link = self._store.link
        while True:
            link = await self._store.wait_link(link)
            if link.state == "detached":
                self._following.cancel()
                self._unsettle()

    def _unsettle(self) -> None:
        """Rely upon nothing until a new watch is ready."""
        self._settled = False
        self._tell()

    async def _follow(self) -> None:
        where = self._locations
        self._runners, self._settings, self._ordered = {}, {}, False
        async with self._store.watch(where.presence, where.groups, min_depth=1, max_depth=1) as events:
            async for event in events:
                if isinstance(event, Change):
                    self._change(event)
                else:
                    self._ordered = isinstance(event, Ready)
                if self._ordered:
                    self._settle()

    def _change(self, change: Change) -> None:
        name = change.path[-1]
        if change.path.below(self._locations.groups):
            self._settings.pop(name, None)
            if not change.deleted:
                self._settings[name] = self._read_settings(name, change.value)
        else:
            self._runners.pop(name, None)
            if not change.deleted and isinstance(name, str):
                self._runners[name] = runners_of(change.value)

    def _read_settings(self, group: Any, value: Any) -> GroupSettings:
        try:
            return GroupSettings.from_map(value)
        except RecordError as error:
            settings = GroupSettings()
            self._log.error("group %s: %s; %d nodes are taken for complete", group, error, settings.nodes)
            return settings

    def _settle(self) -> None:
        self._told_runners, self._told_settings = dict(self._runners), dict(self._settings)
        self._settled = True
        self._ready.set()
        self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener.tell()


class _Listener:
    """Who wants to hear of one group, and what it was like when that was last told."""

    def __init__(self, look: Callable[[], Group], listener: Callable[[], None]) -> None:
        self._look = look
        self._listener = listener
        self._told = look()

    def tell(self) -> None:
        if (group := self._look()) != self._told:
            self._told = group
            self._listener()
