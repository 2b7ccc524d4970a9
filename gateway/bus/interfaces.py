"""The supervisor of this node's interfaces: each has a task of its own, and none delays another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import anyio

from gateway.abc import UNFENCED, Buses, open_line
from gateway.bus.handle import Carrier, NodeBusHandle
from gateway.bus.session import Timing
from gateway.bus.supervised import InterfaceSpec, SupervisedInterface, Surroundings
from gateway.errors import BusError, ConfigError, NotFound, Unsupported

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from gateway.abc import BusHandle, Driver, OpenLine, Permit
    from gateway.clock import Clock
    from gateway.values import Telegram

__all__ = ["InterfaceSpec", "Interfaces", "Timing"]

#: Seconds until an interface is listened to again after that has failed; it is down for longer, as a rule.
LISTEN_AGAIN: Final = 0.1


class Interfaces(Buses):
    """All interfaces of one node. An async context manager: they are opened, and kept open, from entering to leaving.

    Entering doesn't wait until an interface is up: a node starts without its hardware.

    Attributes:
        carrier: sends the commands of buses that are radios; None: they go to an interface here like all others.

    Args:
        specs: the interfaces of the configuration.
        find_driver: gives the driver of a name; raises a Misuse that says what to install (``Plugins.driver``).
        node: the node's name, for ``Reading.source``.
        on_error: called with an interface's name and an exception when it fails, is lost or can't be opened, once for
            each new reason, and with None when that is over. Must return at once.
        open_line: what drivers open serial lines with.

    Raises:
        ConfigError: two interfaces have one name.
    """

    def __init__(
        self,
        specs: Iterable[InterfaceSpec],
        find_driver: Callable[[str], type[Driver]],
        *,
        node: str,
        clock: Clock,
        random: random.Random,
        timing: Timing | None = None,
        on_error: Callable[[str, Exception | None], None] = lambda name, error: None,
        open_line: OpenLine = open_line,
    ) -> None:
        around = Surroundings(node, clock, random, timing or Timing(), find_driver, self._change, on_error, open_line)
        self.node = node
        self.carrier: Carrier | None = None
        self._clock = clock
        self._changed = anyio.Event()
        self._interfaces: dict[str, SupervisedInterface] = {}
        for spec in specs:
            if spec.name in self._interfaces:
                raise ConfigError([f"two interfaces have the name {spec.name!r}: give one another name"])
            self._interfaces[spec.name] = SupervisedInterface(spec, around)

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        for name, interface in self._interfaces.items():
            self._tasks.start_soon(interface.run, name=f"interface {name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all of them, at the same time; uses in flight are cancelled and raise ``InterfaceDown``."""
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)  # what was raised within stays as it is, in no group

    @property
    def buses(self) -> list[str]:
        """The names of the buses of this node, whether up or not."""
        return sorted({interface.spec.bus for interface in self._interfaces.values()})

    def is_up(self, bus: str) -> bool:
        return any(interface.up for interface in self.of(bus))

    def explain(self, bus: str) -> str:
        """Name the state of each interface of the bus with its reason, or say which buses there are."""
        if found := self.of(bus):
            return "; ".join(self._told(interface) for interface in found)
        here = ", ".join(self.buses) or "none"
        return f"no interface of node {self.node!r} has the bus {bus!r} (buses here: {here})"

    def handle(self, bus: str, permit: Permit | None = None) -> BusHandle:
        found = self.of(bus)
        if not found and self.carrier is None:
            raise NotFound(self.explain(bus))
        return NodeBusHandle(bus, self, found, permit or UNFENCED, self.carrier)

    async def hear(self, tell: Callable[[InterfaceSpec, Telegram], None]) -> None:
        """Call ``tell`` for each telegram that an interface of this node hears, over all its openings, for ever."""
        async with anyio.create_task_group() as tasks:
            for interface in self._interfaces.values():
                tasks.start_soon(self._hear, interface, tell)
            await anyio.sleep_forever()

    async def _hear(self, interface: SupervisedInterface, tell: Callable[[InterfaceSpec, Telegram], None]) -> None:
        while True:
            while not interface.up:
                await self.changed()
            try:
                await interface.use().hear(lambda telegram: tell(interface.spec, telegram))
            except Unsupported:
                return
            except BusError:
                await self._clock.sleep(LISTEN_AGAIN)

    async def changed(self) -> None:
        """Wait until the state of some interface, or the reason of its state, changes."""
        await self._changed.wait()

    def snapshot(self) -> list[dict[str, Any]]:
        """Each interface as ``{name, bus, driver, state, reason, since, health}``, plain values, for presence."""
        return [interface.snapshot() for interface in self._interfaces.values()]

    def wake(self, name: str) -> None:
        """Try to open an interface at once, for its device has reappeared; NotFound when there is none of that name."""
        if name not in self._interfaces:
            raise NotFound(f"no interface {name!r} here (there are: {', '.join(self._interfaces) or 'none'})")
        self._interfaces[name].wake()

    def of(self, bus: str) -> list[SupervisedInterface]:
        """The interfaces of a bus, in the order of the configuration."""
        return [interface for interface in self._interfaces.values() if interface.spec.bus == bus]

    def _told(self, interface: SupervisedInterface) -> str:
        lasting = max(0.0, self._clock.now() - interface.since)
        text = f"interface {interface.spec.name!r} is {interface.state} for {lasting:.0f} s"
        return f"{text}: {interface.reason}" if interface.reason else text

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
