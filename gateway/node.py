"""The composition root: from a configuration to a running node, in one task group.

Theory of operation
-------------------
1. Parts start in the order store, presence, interfaces, runners, and end in the reverse one, so that a job that is
   stopped can still use its bus, and its state can still be written.
2. Therefore a started node is shielded from cancellation: ``run`` answers one by stopping in order. Runners have
   10 s for it (:mod:`gateway.runner.scheduler`), a driver as long as ``Timing.close`` allows.
3. A node starts without its hardware: an interface that can't be opened shows why, and heals.
"""

from __future__ import annotations

import logging
import random as random_module
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.abc import open_line
from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.bus.remote import serve_buses
from gateway.clock import SystemClock
from gateway.cluster.members import Members, runner_name
from gateway.cluster.presence import Presence
from gateway.errors import sole
from gateway.path import Path
from gateway.radio import Radio, Transmit
from gateway.runner.all_nodes import AllRunner
from gateway.runner.any_node import AnyRunner
from gateway.runner.context import NodeContext
from gateway.runner.single import SingleRunner
from gateway.runner.watchdog import Watchdog
from gateway.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.abc import OpenLine, Store
    from gateway.clock import Clock
    from gateway.config import Config
    from gateway.locations import RunnerKind
    from gateway.plugins import Plugins
    from gateway.runner.scheduler import Scheduler

#: The kinds of runners: single-node, all-node, any-node.
KINDS: Final[tuple[RunnerKind, ...]] = ("at", "all", "any")


class Node:
    """One gateway process under a name that is unique in the store.

    Args:
        groups: whose jobs it runs; default: those of the configuration.
        kinds: which runners it has for each of them.
        nodes: how many nodes make a group complete; default: what the group's settings say.
        open_line: what drivers open serial lines with.
        store: used in place of one that the configuration's URL names; not opened yet.
        watchdog: whether stored code that blocks the event loop is ended. In virtual time there is no telling.
    """

    store: Store
    context: NodeContext
    interfaces: Interfaces
    presence: Presence
    radio: Radio
    transmit: Transmit

    def __init__(
        self,
        config: Config,
        plugins: Plugins,
        *,
        groups: Sequence[str] | None = None,
        kinds: Sequence[RunnerKind] = KINDS,
        nodes: int | None = None,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
        open_line: OpenLine = open_line,
        store: Store | None = None,
        watchdog: bool = True,
    ) -> None:
        self.name = config.node.name
        self._config = config
        self._plugins = plugins
        self._groups = tuple(groups or config.node.groups)
        self._kinds = tuple(kinds)
        self._nodes = nodes
        self._clock = clock or SystemClock()
        self._random = random or random_module.Random()
        self._open_line = open_line
        self._given_store = store
        self._watchdog = Watchdog() if watchdog else None
        self._stopping = anyio.Event()
        self._troubles: dict[str, Exception | None] = {}  # by interface; None: it is well again
        self._troubled = anyio.Event()
        self._log = logging.getLogger("busgate.node")

    async def run(self, *, task_status: TaskStatus[Node] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled or stopped; ``started`` gives the node when its runners know their jobs.

        Raises:
            NameTaken: another live process has the name.
            StoreUnusable: the store can't be opened.
        """
        try:
            async with anyio.create_task_group() as outside:
                outside.start_soon(self._stop_when_cancelled)
                with anyio.CancelScope() as inside:
                    outside.start_soon(self._stop_early, inside)
                    await self._live(inside, task_status)
                outside.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise sole(group) from None

    def stop(self) -> None:
        """End :meth:`run` in order."""
        self._stopping.set()

    async def _stop_when_cancelled(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.stop()

    async def _stop_early(self, inside: anyio.CancelScope) -> None:
        """A node that still waits for the servers of its store ends at once."""
        await self._stopping.wait()
        if not inside.shield:
            self._log.info("node %s was stopped before it had reached its store", self.name)
            inside.cancel()

    async def _live(self, inside: anyio.CancelScope, task_status: TaskStatus[Node]) -> None:
        config = self._config
        async with self._given_store or open_store(
            config.store.url,
            clock=self._clock,
            random=self._random,
            node=self.name,
            locations=config.locations,
            options=config.store.options,
            wait=True,
        ) as self.store:
            inside.shield = True  # from now on it ends in order
            self.presence = Presence(
                self.store, config.locations.presence, self.name, logging.getLogger("busgate.presence")
            )
            async with _background(self.presence.run), anyio.create_task_group() as services:
                if self._watchdog is not None:
                    await services.start(self._watchdog.run)  # it watches stored modules too, which are executed now
                self.context = await self._build(services)
                async with self.interfaces:
                    await self._serve(services, task_status)
                services.cancel_scope.cancel()

    async def _build(self, services: TaskGroup) -> NodeContext:
        """Make the interfaces and what the runners share."""
        specs = [InterfaceSpec(one.name, one.bus, one.driver, one.options) for one in self._config.interfaces]
        self.interfaces = Interfaces(
            specs,
            self._plugins.driver,
            node=self.name,
            clock=self._clock,
            random=self._random,
            on_error=self._note_trouble,
            open_line=self._open_line,
        )
        self.radio = Radio(self.store, self.name, self.interfaces)
        place = self._config.locations.airtime
        self.transmit = Transmit(self.store, self.name, self.interfaces, self.radio, self.presence, place)
        self.interfaces.carrier = self.transmit
        context = await NodeContext.build(
            self.store,
            name=self.name,
            incarnation=self.presence.incarnation,
            known=self.presence.registration.revision if self.presence.registration else 0,
            buses=self.interfaces,
            cfg=self._config.for_code(),
            locations=self._config.locations,
            registered=self._plugins.procedures.values(),
            radio=self.radio,
        )
        await self._report_damage(context)
        services.start_soon(self._record_troubles, context)
        return context

    async def _serve(self, services: TaskGroup, task_status: TaskStatus[Node]) -> None:
        """Run the runners until the node stops."""
        services.start_soon(self._announce)
        services.start_soon(serve_buses, self.store, self.name, self.interfaces)
        await services.start(self.radio.run)
        await services.start(self.transmit.run)
        runners = await self._make_runners(services)
        async with anyio.create_task_group() as running:
            for runner in runners:
                await running.start(runner.run)
            self._log.info("node %s runs the jobs of %s", self.name, ", ".join(str(one.place.jobs) for one in runners))
            task_status.started(self)
            await self._stopping.wait()
            for runner in runners:
                runner.stop()
        self._log.info("node %s has stopped", self.name)

    async def _make_runners(self, services: TaskGroup) -> list[Scheduler]:
        context = self.context
        members = Members(context.store, context.locations, self.name, nodes=self._nodes, broken=context.broken)
        await services.start(members.run)

        def make(kind: RunnerKind, group: str) -> Scheduler:
            if kind == "any":
                runner = AnyRunner(context, members, self.presence, group)
                self.transmit.add_view(context.locations.claims / group, runner.view)
                return runner
            return AllRunner(context, members, group) if kind == "all" else SingleRunner(context, group)

        return [make(kind, group) for group in self._groups for kind in self._kinds]

    async def _announce(self) -> None:
        """Keep what presence tells of the interfaces up to date."""
        told: Any = None
        while True:
            while (facts := self._facts()) != told:  # once more for what changes while it is written
                await self.presence.announce(**facts)
                told = facts
            await self.interfaces.changed()

    def _facts(self) -> dict[str, Any]:
        snapshot = {one.pop("name"): one for one in self.interfaces.snapshot()}
        for one in snapshot.values():
            del one["health"]  # changes all the time; the `bus list` command asks for it
        runners = [runner_name(kind, group) for group in self._groups for kind in self._kinds]
        return {"runners": runners, "interfaces": snapshot}

    def _note_trouble(self, interface: str, error: Exception | None) -> None:
        self._troubles[interface] = error  # the last one counts, should the store be slower than the hardware
        self._troubled.set()

    async def _record_troubles(self, context: NodeContext) -> None:
        """Keep an error record of each interface that isn't well."""
        while True:
            await self._troubled.wait()
            self._troubled = anyio.Event()
            while self._troubles:
                interface, error = self._troubles.popitem()
                place = Path(self.name, interface)
                if error is None:
                    await context.errors.resolve("interface", place)
                else:
                    await context.errors.record_exception("interface", place, error)

    async def _report_damage(self, context: NodeContext) -> None:
        """Tell of a damaged store that was repaired when it was opened."""
        if damage := getattr(self.store, "damage", None):
            self._log.error("%s", damage)
            await context.errors.record("store", Path(self.name), str(damage))


@asynccontextmanager
async def _background(service: Any) -> AsyncIterator[None]:
    """Start a service, and end it when the block is left."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(service)
        yield
        tasks.cancel_scope.cancel()
