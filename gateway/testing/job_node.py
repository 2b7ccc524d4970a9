"""Starts nodes for tests of jobs: on a store in memory, on simulated hardware, in real or in virtual time."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from gateway.bus.line import Lines
from gateway.clock import Clock, SystemClock
from gateway.config import Config
from gateway.errors import sole
from gateway.node import Node
from gateway.plugins import Plugins
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.jobs import JobNode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from anyio.abc import ByteStream

    from gateway.bus.line import LineSpec


class Endpoint(Protocol):
    """Where a simulated bus can be reached; ``hwsim`` has such."""

    @property
    def bus(self) -> str: ...
    @property
    def kind(self) -> str:
        """The name of its driver."""

    @property
    def url(self) -> str: ...


class Hardware(Protocol):
    """Simulated hardware, such as a ``hwsim`` house."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """All its buses."""

    def connect(self, bus: str, /) -> ByteStream:
        """Open a bus whose URL begins with ``memory:``; OSError when it is not there."""


@dataclass(slots=True)
class Shared:
    """What the nodes of one test share: the store, the plugins, and the seed that all chance comes from.

    ``notes`` tells what was wrong on each node that was left by an exception.
    """

    seed: int = 0
    server: MemoryServer = field(default_factory=lambda: MemoryServer(Random(0)))
    plugins: Plugins = field(default_factory=Plugins.installed)
    notes: list[str] = field(default_factory=list)


@asynccontextmanager
async def job_node(
    hardware: Hardware | None = None,
    *,
    interfaces: Iterable[Mapping[str, Any]] | None = None,
    name: str = "test",
    shared: Shared | None = None,
    **options: Any,
) -> AsyncIterator[JobNode]:
    """Run a node with its three runners on a store in memory; it stops in order when the context is left.

    Args:
        hardware: simulated hardware; each of its buses becomes an interface of the driver that is named like its kind.
        interfaces: as the ``[[interface]]`` of a configuration, in place of those of the hardware.
        name: of the node; nodes of one ``shared`` need different ones.
        shared: several nodes that share it see one store.
        options: further ones of :class:`gateway.node.Node`, as ``groups`` or ``nodes``.

    Raises:
        NotFound: no plugin brings a driver; says which to install.
        ConfigError: an interface has wrong options.
    """
    shared = shared or Shared()
    if interfaces is None:
        interfaces = [_interface(endpoint, shared.plugins) for endpoint in (hardware.endpoints if hardware else ())]
    config = Config.model_validate({"node": {"name": name}, "store": {"url": "memory:"}, "interface": list(interfaces)})
    for one in config.interfaces:
        shared.plugins.driver(one.driver)
    clock = clock_of_the_loop()
    virtual = not isinstance(clock, SystemClock)
    random = Random(f"{shared.seed}/{name}")
    store = MemoryStore(shared.server, clock=clock, random=random, node=name)
    lines = Lines({"memory": _opener(hardware)} if hardware else {})
    node = Node(
        config,
        shared.plugins,
        clock=clock,
        random=random,
        open_line=lines,
        store=store,
        watchdog=not virtual,
        **options,
    )
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(node.run)
            running = JobNode(node)
            try:
                yield running
            except Exception:
                shared.notes.append(await running.report())
                raise
            finally:
                node.stop()
    except BaseExceptionGroup as group:
        raise sole(group) from None


def clock_of_the_loop() -> Clock:
    """Virtual time under trio's ``MockClock``, else the machine's own."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        from gateway.testing.clocks import VirtualClock, is_virtual

        if is_virtual():
            return VirtualClock()
    return SystemClock()


def _interface(endpoint: Endpoint, plugins: Plugins) -> dict[str, Any]:
    """An interface of the configuration: drivers of serial lines call the place ``port``, the others ``url``."""
    option = "port" if "port" in plugins.driver(endpoint.kind).options.model_fields else "url"
    return {"bus": endpoint.bus, "driver": endpoint.kind, option: endpoint.url}


def _opener(hardware: Hardware) -> Callable[[LineSpec], Any]:
    async def connect(spec: LineSpec) -> ByteStream:
        return hardware.connect(spec.url)

    return connect
