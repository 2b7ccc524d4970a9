"""A bus as one run of a job sees it.

Theory of operation
-------------------
1. Each call goes to the best interface that is up at that moment: the one with the fewest recent losses, then the one
   that stands first in the configuration. Only a scan of a bus of radios asks all that are up, for each hears its own.
2. A read whose interface goes down under it is repeated on the next best. A write or command is repeated only when
   nothing of it can have reached the hardware: the interface was down already, or its driver says ``unsent``.
3. Writes and commands carry the permit of the run to whoever transfers the bytes; only that one knows the moment.
   What the permit refuses is not tried elsewhere.
4. A command on a bus of radios goes to the node's :class:`Carrier`, which knows the radios of all nodes. So does one on
   a bus of which this node has no interface; everything else on such a bus is ``NotFound``.
5. ``revoke()`` ends every use at once: what is in flight is cancelled and raises ``HandleRevoked``, like every later
   call. A call returns only when the driver has let go of it, so a run that has ended has nothing in flight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gateway.abc import UNFENCED, BusHandle
from gateway.bus.revocation import Revocation
from gateway.bus.roster import put_together
from gateway.errors import BusFault, InterfaceDown, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.abc import Buses, Interface, Permit
    from gateway.bus.supervised import SupervisedInterface
    from gateway.errors import BusError
    from gateway.values import Device, Reading

T = TypeVar("T")


class Carrier(Protocol):
    """Sends commands by whichever radio reaches the device; see :class:`gateway.radio.transmit.Transmit`."""

    def carries(self, bus: str) -> bool:
        """Whether a bus is one of radios."""

    async def send(self, bus: str, device: str, command: str, values: Mapping[str, Any], permit: Permit) -> Any:
        """Send a command."""


class NodeBusHandle(BusHandle):
    """A handle on the interfaces of this node.

    Args:
        buses: tells of changes, and explains why nothing is up.
        interfaces: those of the bus, in the order of the configuration; none: a carrier is needed.
        permit: what writes and commands need, right before their bytes go out.
        carrier: sends the commands if the bus is one of radios.
    """

    def __init__(
        self,
        bus: str,
        buses: Buses,
        interfaces: Sequence[SupervisedInterface],
        permit: Permit = UNFENCED,
        carrier: Carrier | None = None,
    ) -> None:
        self.bus = bus
        self._buses = buses
        self._interfaces = interfaces
        self._permit = permit
        self._carrier = carrier
        self._revocation = Revocation(bus)

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        radios = [one for one in self._interfaces if one.transmits]
        if len(radios) > 1:
            return await self._revocation.guard(lambda: self._scanned(radios, alarmed=alarmed))
        return await self._use(lambda up: up.scan(alarmed=alarmed))

    async def _scanned(self, radios: Sequence[SupervisedInterface], *, alarmed: bool) -> list[Device]:
        """What several radios have heard; a failure of one counts only when all fail."""
        scans: list[list[Device]] = []
        last: BusError | None = None
        for radio in radios:
            try:
                scans.append(await radio.use().scan(alarmed=alarmed))
            except (InterfaceDown, BusFault) as error:
                last = error
        if last and not scans:
            raise last
        return put_together(scans)

    async def read(self, device: str, attribute: str) -> Reading:
        return await self._use(lambda up: up.read(device, attribute))

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        return await self._use(lambda up: up.read_many(requests))

    async def write(self, device: str, attribute: str, value: Any) -> None:
        await self._use(lambda up: up.write(device, attribute, value, permit=self._permit), writes=True)

    async def send(self, device: str, command: str, /, **values: Any) -> Any:
        radio = self._carrier
        if radio is not None and (not self._interfaces or radio.carries(self.bus)):
            return await self._revocation.guard(lambda: radio.send(self.bus, device, command, values, self._permit))
        return await self._use(lambda up: up.send(device, command, values, permit=self._permit), writes=True)

    async def probe(self) -> None:
        await self._use(lambda up: up.probe())

    def health(self) -> dict[str, Any]:
        """The counters of the interface that would be used now; empty when none is up."""
        best = self._best(())
        return best.snapshot()["health"] if best else {}

    async def wait_up(self) -> None:
        self._check_here()

        async def wait() -> None:
            while not self._best(()):
                await self._buses.changed()

        await self._revocation.guard(wait)

    def revoke(self) -> None:
        self._revocation.revoke()

    async def _use(self, call: Callable[[Interface], Awaitable[T]], *, writes: bool = False) -> T:
        self._check_here()
        return await self._revocation.guard(lambda: self._tried(call, writes=writes))

    def _check_here(self) -> None:
        if not self._interfaces:
            hint = "only commands go to another node's radio; a job with this bus in its field `bus` runs where that is"
            raise NotFound(f"{self._buses.explain(self.bus)}: {hint}")

    async def _tried(self, call: Callable[[Interface], Awaitable[T]], *, writes: bool) -> T:
        """Make one call, on as many interfaces as it takes."""
        tried: list[SupervisedInterface] = []
        last: InterfaceDown | None = None
        while interface := self._best(tried):
            try:
                return await call(interface.use())
            except InterfaceDown as down:
                if writes and not down.unsent:
                    raise
                tried.append(interface)
                last = down
        raise last or InterfaceDown(f"bus {self.bus!r} is not up here: {self._buses.explain(self.bus)}", unsent=True)

    def _best(self, tried: Sequence[SupervisedInterface]) -> SupervisedInterface | None:
        able = (interface for interface in self._interfaces if interface.up and interface not in tried)
        return min(able, key=lambda up: up.trouble, default=None)
