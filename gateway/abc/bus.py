"""The contracts of hardware: drivers and their interfaces, and the buses as runs of jobs see them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from gateway.abc.line import open_line
from gateway.abc.permit import UNFENCED
from gateway.errors import NoSuchAttribute, Unsupported
from gateway.values import Reading

if TYPE_CHECKING:
    import logging
    import random
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from pydantic import BaseModel

    from gateway.abc.line import OpenLine
    from gateway.abc.permit import Permit
    from gateway.clock import Clock
    from gateway.values import Device, Telegram, Transmission


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver gets besides its options."""

    name: str  # of the interface
    bus: str
    clock: Clock
    random: random.Random
    log: logging.Logger
    open_line: OpenLine = open_line


class Readable(ABC):  # noqa: B024 - hardware may be able to do anything or nothing of it
    """What can be asked of hardware. What it can't do raises ``Unsupported``."""

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        """Find the devices on the bus, or only those that ask for attention.

        Raises: InterfaceDown, BusFault.
        """
        raise Unsupported("this hardware can't be scanned")

    async def read(self, device: str, attribute: str) -> Reading:
        """Read one value. A device that is gone or fails gives a Reading that says so, never an exception.

        Raises: NoSuchAttribute, InterfaceDown.
        """
        raise Unsupported("this hardware can't be read")

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        """Read several (device, attribute), answers in the same order; a driver groups them as its bus likes it best.

        Raises: as :meth:`read`; one missing attribute gives an ``absent`` Reading instead.
        """
        readings: list[Reading] = []
        for device, attribute in requests:
            try:
                readings.append(await self.read(device, attribute))
            except NoSuchAttribute:
                readings.append(Reading(None, None, 0.0, "absent"))  # the supervisor fills in the time
        return readings

    async def probe(self) -> None:  # noqa: B027 - hardware that can't tell is taken as alive
        """Ask the hardware for a sign of life, cheaply; called when it has been silent.

        Raises: InterfaceDown when it gives none.
        """

    def health(self) -> dict[str, Any]:
        """Counters that the supervisor publishes: plain values by name. Never blocks."""
        return {}


class Interface(Readable):
    """One open piece of bus hardware. A driver overrides what its hardware can.

    A call that raises ``InterfaceDown`` tells the supervisor to close the interface and open it anew.
    Calls may come concurrently; each is cancellable, and after a cancelled call the interface still works.
    """

    async def write(self, device: str, attribute: str, value: Any, *, permit: Permit = UNFENCED) -> None:
        """Write one value; returns when the device has acknowledged it.

        Raises:
            NoSuchDevice, NoSuchAttribute, WriteRefused, BusFault, InterfaceDown.
            ClaimLost: as ``permit`` raised it; from there on nothing was transferred, and the interface goes on.
        """
        raise Unsupported("this hardware can't be written")

    async def send(self, device: str, command: str, values: Mapping[str, Any], *, permit: Permit = UNFENCED) -> Any:
        """Send a command with its values to a device; what is returned is the driver's own.

        A radio returns how far it knows the command to have come, as an ``int``: 1: it was written to the hardware;
        2: the hardware has acknowledged that it was transmitted. That the device itself has answered (3) is seen by
        who listens.

        Raises:
            NoSuchDevice, Unsupported, WriteRefused, BusFault, InterfaceDown, ClaimLost: as :meth:`write`.
        """
        raise Unsupported("this hardware can't send commands")

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Telegram]]:
        """Hear the telegrams that come in, from entering on. Several may listen; a slow one delays nobody.

        The iterator ends with ``InterfaceDown`` when the hardware is lost. See :class:`gateway.bus.ears.Ears`.
        """
        raise Unsupported("this hardware hears no telegrams")

    def transmission(self, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
        """What a command means on the air, without sending it. Never blocks.

        Raises: NoSuchDevice, Unsupported, WriteRefused: as :meth:`send`.
        """
        raise Unsupported("this hardware doesn't transmit")


class Driver(ABC):
    """Plugin code for one kind of bus hardware."""

    #: The name in ``driver = "..."`` of the configuration.
    name: ClassVar[str]
    #: The validated schema of the interface's further options.
    options: ClassVar[type[BaseModel]]

    @abstractmethod
    def open(self, options: Any, context: DriverContext) -> AbstractAsyncContextManager[Interface]:
        """Open the hardware; entering returns when it answers, leaving gives everything back.

        Args:
            options: an instance of :attr:`options`.

        Raises:
            InterfaceDown: it can't be opened now; says why. The supervisor tries again. Raised later, by a background
                task of the driver's own task group, it says that the open interface was lost.
        """


class BusHandle(Readable):
    """A bus as one run of a job sees it: the best interface that is up here, whichever that is at each call.

    Its methods raise ``InterfaceDown`` when no interface of the bus is up here, ``NotFound`` when this node has none of
    it (a command goes to another node's radio even then), and ``HandleRevoked`` after the run has ended. Reads need no
    permit; writes and commands have that of the run.
    """

    bus: str

    async def write(self, device: str, attribute: str, value: Any) -> None:
        """Write one value, as :meth:`Interface.write`."""
        raise Unsupported("this bus can't be written")

    async def send(self, device: str, command: str, /, **values: Any) -> Any:
        """Send a command with its values to a device, as :meth:`Interface.send`.

        On a bus of radios it goes to the one that reaches the device, here or on another node; what comes back is a
        :class:`gateway.radio.Sent`. See :meth:`gateway.radio.Transmit.send` for that and for what is raised then.
        """
        raise Unsupported("this bus can't send commands")

    @abstractmethod
    async def wait_up(self) -> None:
        """Wait until an interface of the bus is up here."""

    @abstractmethod
    def revoke(self) -> None:
        """End every use of the handle; the runner calls it when the run ends."""


class Buses(ABC):
    """The buses of this node, as runners see them."""

    @abstractmethod
    def is_up(self, bus: str) -> bool:
        """Whether an interface of the bus is up here."""

    @abstractmethod
    def explain(self, bus: str) -> str:
        """Why the bus is not up here, in words: unknown, or the state of each of its interfaces with the reason."""

    @abstractmethod
    def handle(self, bus: str, permit: Permit | None = None) -> BusHandle:
        """A handle for one run, whose writes and commands need its permit; None: they may always be made.

        Raises:
            NotFound: no interface of this node has that bus, and the node sends no commands by those of others.
        """

    @abstractmethod
    async def changed(self) -> None:
        """Wait until some interface has come up or gone down."""
