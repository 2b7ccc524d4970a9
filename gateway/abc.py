"""Every contract of busgate, documented here and nowhere else: Store, Lease; Driver, Interface, BusHandle, Buses.

All calls are cancellable at any await. A cancelled read has no effect; a cancelled write may or may not have taken
effect, exactly like one that raised ``Uncertain``. The values that pass through are in :mod:`gateway.values`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, Self, TypeAlias

from gateway.errors import Conflict, NoSuchAttribute, Uncertain, Unsupported
from gateway.values import Change, Entry, NotGiven, Reading, Ready

if TYPE_CHECKING:
    import logging
    import random
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import anyio
    from anyio.abc import ByteStream, TaskGroup
    from pydantic import BaseModel

    from gateway.clock import Clock
    from gateway.path import Path
    from gateway.values import Device, Link, Message, WatchEvent


#: Largest packed value, in bytes, that ``Store.set`` takes.
MAX_VALUE: Final = 512 * 1024
#: Largest path, in bytes of its key.
MAX_KEY: Final = 1024
#: Largest packed value, in bytes, that ``Store.publish`` takes.
MAX_MESSAGE: Final = 64 * 1024


class Permit(ABC):
    """The right of one run to write: to the hardware, and its state."""

    @abstractmethod
    def check(self, seconds: float) -> None:
        """Return only if a write that takes so many seconds may begin now. Callable from any thread; never waits.

        Raises:
            ClaimLost: another node may run the job before the write has ended.
        """


class Lease(ABC):
    """Entries bound to it vanish after its holder stops renewing. It renews itself while it is open.

    An async context manager: leaving it deletes what is bound to it.
    """

    id: str
    ttl: float  # seconds

    @property
    @abstractmethod
    def expires(self) -> float:
        """``clock.lease_now()`` when the last acknowledged renewal was sent, plus ``ttl``. Callable from any thread."""

    @property
    @abstractmethod
    def lost(self) -> anyio.Event:
        """Set when the lease has run out or its entries were found gone; it never comes back."""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Store(ABC):
    """A tree of values that all nodes share. Every write gets a revision, which rises over the whole store.

    An async context manager that owns a task group, ``tasks``: whatever is started there ends when the store is closed.
    An error of its block leaves as it is, not within a group. Values are what :mod:`gateway.codec` packs.
    ``Detached`` may come from every call, and comes from each one after closing.
    """

    id: str
    clock: Clock
    random: random.Random
    tasks: TaskGroup

    @property
    @abstractmethod
    def link(self) -> Link: ...

    @abstractmethod
    async def wait_link(self, seen: Link) -> Link:
        """Wait until the link's state differs from that of ``seen``, and return it."""

    @abstractmethod
    async def get(self, path: Path) -> Entry:
        """Read one entry. It may be stale, though never older than this client's own acknowledged writes."""

    @abstractmethod
    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        """Write one entry and return its revision.

        Args:
            revision: compare and set: the entry must have this revision; 0: it must be absent. None: unconditional.
            lease: the entry vanishes with it.

        Raises:
            Conflict: the entry has another revision. Of several concurrent calls with one revision, one succeeds.
            CodecError, LimitExceeded: the value or the path can't be stored; nothing was written.
            Uncertain: unknown whether it was written.
            Denied: this user may not, or the lease is not held any more.
        """

    @abstractmethod
    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        """Delete one entry; return the revision of the deletion, 0 when there was none and no revision was asked for.

        Raises: as :meth:`set`.
        """

    async def update(self, path: Path, function: Callable[[Any], Any], *, idempotent: bool = False) -> int:
        """Set the entry to ``function(its value)``, again after each ``Conflict``, with jitter; return the revision.

        ``function`` gets ``NotGiven`` for an absent entry; when it returns ``NotGiven`` the entry is deleted.
        After ``Uncertain`` it tries again only when ``idempotent``: then the change may be applied twice.
        """
        entry = await self.get(path)
        while True:
            value = function(entry.value)
            try:
                if value is NotGiven:
                    return await self.delete(path, revision=entry.revision) if entry.revision else 0
                return await self.set(path, value, revision=entry.revision)
            except Conflict as conflict:
                await self.clock.sleep(self.random.uniform(0, 0.01))
                entry = conflict.current or await self.get(path)
            except Uncertain:
                if not idempotent:
                    raise
                entry = await self.get(path)

    @abstractmethod
    def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Watch one or several subtrees, in one revision order.

        Delivers the snapshot depth-first (a parent, then its subtree; siblings in key order), then ``Ready``, then
        changes in revision order. For each path revisions rise, nothing comes twice, and the last value or deletion
        always arrives; values overwritten meanwhile may be missing. Renewals of a lease are not delivered.
        After a break the watch goes on by itself: from where it was, or with ``Resync``, the difference, ``Ready``.
        A cancelled ``anext`` loses nothing: the next one goes on.

        Args:
            fetch: False: no snapshot; ``Ready`` comes first, then what changes after entering.
            min_depth, max_depth: number of elements below the watched path; -1: no limit.
            since: (``store.id``, revision) up to which the caller knows everything. It replaces the snapshot by the
                changes after that revision. Another id, or a revision that the store can't continue from, gives
                ``Resync`` first and then the whole snapshot: what the caller knew is void.
        """

    async def tree(self, path: Path, *, min_depth: int = 0, max_depth: int = -1) -> AsyncIterator[Entry]:
        """Iterate over a snapshot of a subtree, depth-first."""
        async with self.watch(path, min_depth=min_depth, max_depth=max_depth) as events:
            async for event in events:
                if isinstance(event, Ready):
                    return
                if isinstance(event, Change) and not event.deleted:
                    yield Entry(event.path, event.value, event.revision)

    @abstractmethod
    def lease(self, ttl: float) -> Lease:
        """A lease of ``ttl`` seconds; to be entered with ``async with``."""

    @abstractmethod
    async def publish(self, topic: Path, value: Any) -> None:
        """Send a value to whoever subscribes now: at most once, in order for each sender.

        Raises:
            CodecError, LimitExceeded: the value can't be sent.
        """

    @abstractmethod
    def subscribe(self, topic: Path, *, queue: int = 1000) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Receive what is published at a topic and below it, from entering on.

        A slow subscriber loses the oldest messages beyond ``queue``; the next one says how many (``missed``).
        """

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


#: What speaks to the device files of serial ports: ``pyserial`` is pyserial-asyncio.
SerialLibrary: TypeAlias = Literal["pyserial", "serialx"]


class OpenLine(Protocol):
    """Opens serial lines for drivers. A node has that of :mod:`gateway.bus.line`, a test its own."""

    def __call__(
        self, url: str, *, baudrate: int, library: SerialLibrary = "pyserial", dtr: bool = True
    ) -> AbstractAsyncContextManager[ByteStream]:
        """Open a line, 8N1 without flow control, for this driver alone; leaving gives it back within 2 s.

        One task may receive while another sends; a second of each is a ``BusyResourceError``. ``receive`` gives what
        has come, in pieces that mean nothing; cancelled, it loses nothing. ``send`` returns when the kernel has taken
        all of it; cancelled, nothing, a part or all of it goes out.

        Args:
            url: ``/dev/serial/by-id/...``, ``socket://HOST:PORT`` (ser2net), or what a test has made up.
            baudrate: in bits per second; the remote end of a ``socket://`` has its own.
            library: for device files, from the options of the interface.
            dtr: whether Data Terminal Ready is set when it is open. Many Arduinos restart when it is raised.

        Raises:
            InterfaceDown: it can't be opened, or, from ``receive`` and ``send``, it was lost or takes no bytes (for 2 s
                more than they need). The same exception is a ``BrokenResourceError``, as anyio has it for streams.
                A line has no end: ``EndOfStream`` is never raised.
            Misuse: such a line can't be opened here, whatever is plugged in.
        """
        ...


def open_line(
    url: str, *, baudrate: int, library: SerialLibrary = "pyserial", dtr: bool = True
) -> AbstractAsyncContextManager[ByteStream]:
    """Open a line of this machine or its network; see :class:`OpenLine`."""
    from gateway.bus.line import Lines

    return Lines()(url, baudrate=baudrate, library=library, dtr=dtr)


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver gets besides its options."""

    name: str  # of the interface
    bus: str
    clock: Clock
    random: random.Random
    log: logging.Logger
    open_line: OpenLine = open_line


class Interface(ABC):  # noqa: B024 - hardware may be able to do anything or nothing of it
    """One open piece of bus hardware. A driver overrides what its hardware can; the rest raises ``Unsupported``.

    A call that raises ``InterfaceDown`` tells the supervisor to close the interface and open it anew.
    Calls may come concurrently; each is cancellable, and after a cancelled call the interface still works.
    """

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

    async def write(self, device: str, attribute: str, value: Any) -> None:
        """Write one value; returns when the device has acknowledged it.

        Raises: NoSuchDevice, NoSuchAttribute, WriteRefused, BusFault, InterfaceDown.
        """
        raise Unsupported("this hardware can't be written")

    async def send(self, device: str, command: str, **values: Any) -> Any:
        """Send a command to a device; what is returned is the driver's own.

        Raises: NoSuchDevice, Unsupported, WriteRefused, BusFault, InterfaceDown.
        """
        raise Unsupported("this hardware can't send commands")

    async def probe(self) -> None:  # noqa: B027 - hardware that can't tell is taken as alive
        """Ask the hardware for a sign of life, cheaply; called when it has been silent.

        Raises: InterfaceDown when it gives none.
        """

    def health(self) -> dict[str, Any]:
        """Counters that the supervisor publishes: plain values by name. Never blocks."""
        return {}


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


class BusHandle(Interface):
    """A bus as one run of a job sees it: the best interface that is up here, whichever that is at each call.

    Its methods raise ``InterfaceDown`` when no interface of the bus is up here, and ``HandleRevoked`` after the run
    has ended.
    """

    bus: str

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
        """A handle for one run; NotFound when no interface of this node has that bus."""

    @abstractmethod
    async def changed(self) -> None:
        """Wait until some interface has come up or gone down."""
