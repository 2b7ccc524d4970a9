"""A bus as a command uses it: through the running node that holds it, else opened for the moment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio

from gateway.abc import Buses, BusHandle
from gateway.bus.revocation import Revocation
from gateway.errors import BusFault, InterfaceDown, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.abc import Permit, Store
    from gateway.cli.context import Session
    from gateway.errors import BusError
    from gateway.values import Device, Reading

T = TypeVar("T")

#: Seconds that hardware which is opened for the moment may take to come up.
OPENING: Final = 5.0


@asynccontextmanager
async def bus_handle(session: Session, store: Store, bus: str) -> AsyncIterator[BusHandle]:
    """The bus on a running node; else opened here, if this configuration has it.

    Raises:
        NotFound: nobody has it.
        InterfaceDown: it can't be opened.
    """
    from gateway.bus.remote import nodes_with, remote_bus

    anybody = [entry async for entry in store.tree(session.config.locations.presence, min_depth=1)]
    if anybody and (nodes := await nodes_with(store, bus)):
        async with remote_bus(store, nodes[0], bus) as handle:
            yield handle
        return
    async with _opened(session, bus) as handle:
        yield handle


async def scan(session: Session, store: Store, bus: str, *, alarmed: bool = False) -> list[Device]:
    """The devices on a bus as all running nodes know it; else as it is opened here, raising as :func:`bus_handle`.

    Each radio hears its own. A node that fails counts only when all do.
    """
    from gateway.bus.remote import remote_bus
    from gateway.bus.roster import put_together

    scans: list[list[Device]] = []
    last: BusError | None = None
    for node in [one async for one in _nodes_up(session, store, bus)]:
        try:
            async with remote_bus(store, node, bus) as handle:
                scans.append(await handle.scan(alarmed=alarmed))
        except (InterfaceDown, BusFault) as error:
            last = error
    if scans:
        return put_together(scans)
    if last:
        raise last
    async with bus_handle(session, store, bus) as handle:
        return await handle.scan(alarmed=alarmed)


async def _nodes_up(session: Session, store: Store, bus: str) -> AsyncIterator[str]:
    """The nodes on which the bus is up, as their presence says."""
    async for entry in store.tree(session.config.locations.presence, min_depth=1, max_depth=1):
        interfaces = entry.value.get("interfaces", {}) if isinstance(entry.value, dict) else {}
        if any((one["bus"], one["state"]) == (bus, "up") for one in interfaces.values()):
            yield str(entry.path[-1])


@asynccontextmanager
async def _opened(session: Session, bus: str) -> AsyncIterator[BusHandle]:
    import logging
    import random

    from gateway.bus.interfaces import Interfaces, InterfaceSpec
    from gateway.clock import SystemClock

    # What is logged meanwhile comes back as the error; without a handler Python would print it besides.
    logging.getLogger("busgate").addHandler(logging.NullHandler())
    config = session.config
    specs = [InterfaceSpec(one.name, one.bus, one.driver, one.options) for one in config.interfaces if one.bus == bus]
    if not specs:
        known = ", ".join(sorted({one.bus for one in config.interfaces})) or "none"
        raise NotFound(f"no running node and no [[interface]] here has the bus {bus!r} (configured: {known})")
    async with Interfaces(
        specs, session.plugins.driver, node=config.node.name, clock=SystemClock(), random=random.Random()
    ) as interfaces:
        handle = interfaces.handle(bus)
        with anyio.move_on_after(OPENING):
            await handle.wait_up()
        if not interfaces.is_up(bus):
            raise InterfaceDown(interfaces.explain(bus))
        yield handle


class BorrowedBuses(Buses):
    """Buses that a job run by hand uses: each is got hold of when it is first used, and kept until ``tasks`` end."""

    def __init__(self, session: Session, store: Store, tasks: TaskGroup) -> None:
        self._session = session
        self._store = store
        self._tasks = tasks
        self._held: dict[str, BusHandle] = {}
        self._getting = anyio.Lock()

    async def get(self, bus: str) -> BusHandle:
        """The bus itself; raises as :func:`bus_handle`."""
        async with self._getting:
            if bus not in self._held:
                self._held[bus] = await self._tasks.start(self._hold, bus)
        return self._held[bus]

    async def _hold(self, bus: str, *, task_status: TaskStatus[BusHandle]) -> None:
        async with bus_handle(self._session, self._store, bus) as handle:
            task_status.started(handle)
            await anyio.sleep_forever()

    def is_up(self, bus: str) -> bool:
        return bus in self._held

    def explain(self, bus: str) -> str:
        return "it is opened when it is first used"

    def handle(self, bus: str, permit: Permit | None = None) -> BusHandle:
        return _BorrowedHandle(self, bus)

    async def changed(self) -> None:
        await anyio.sleep_forever()


class _BorrowedHandle(BusHandle):
    def __init__(self, buses: BorrowedBuses, bus: str) -> None:
        self.bus = bus
        self._buses = buses
        self._revocation = Revocation(bus)

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        return await self._use(lambda handle: handle.scan(alarmed=alarmed))

    async def read(self, device: str, attribute: str) -> Reading:
        return await self._use(lambda handle: handle.read(device, attribute))

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        return await self._use(lambda handle: handle.read_many(requests))

    async def write(self, device: str, attribute: str, value: Any) -> None:
        await self._use(lambda handle: handle.write(device, attribute, value))

    async def send(self, device: str, command: str, /, **values: Any) -> Any:
        return await self._use(lambda handle: handle.send(device, command, **values))

    async def probe(self) -> None:
        await self._use(lambda handle: handle.probe())

    async def wait_up(self) -> None:
        await self._use(lambda handle: handle.wait_up())

    def revoke(self) -> None:
        self._revocation.revoke()

    async def _use(self, call: Callable[[BusHandle], Awaitable[T]]) -> T:
        async def use() -> T:
            return await call(await self._buses.get(self.bus))

        return await self._revocation.guard(use)
