"""One configured interface over all its openings: its state, and why.

Theory of operation
-------------------
1. ``run()`` opens the interface, watches it, closes it, and tries again after a back-off, for ever. ``wake()`` cuts the
   back-off short, and so does the return of the device file that the driver has missed (``InterfaceDown.device``);
   both begin the back-off anew, for udev needs a moment until a new file has its group.
2. The state is ``opening`` from the start, or from a loss, until the first attempt has an outcome; ``up``; ``absent``
   while attempts fail because the hardware doesn't answer; ``failed`` when somebody has to act: an unknown driver or
   wrong options (for good), or a driver that crashes (it is tried again all the same). Attempts that fail in the same
   way change nothing, so that an interface that is away for a week doesn't chatter.
3. A driver that needs longer than ``Timing.open`` or ``Timing.close`` is cancelled. It delays nobody but itself.
4. The driver's background tasks may raise ``InterfaceDown``: leaving the open context with it counts as a loss.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio
import anyio.lowlevel

from gateway.abc import DriverContext, Interface
from gateway.bus.backoff import Backoff
from gateway.bus.checked import CheckedInterface
from gateway.bus.options import read_options
from gateway.bus.reappearance import MissedDevice
from gateway.bus.session import Session, Timing, describe, essence
from gateway.clock import pause
from gateway.codec import encode
from gateway.errors import BusgateError, InterfaceDown, Misuse

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from gateway.abc import Driver, OpenLine
    from gateway.clock import Clock

State: TypeAlias = Literal["absent", "opening", "up", "failed"]

#: Losses are held against an interface for so many seconds when the best one of a bus is chosen.
GRUDGE: Final = 60.0


@dataclass(frozen=True, slots=True)
class InterfaceSpec:
    """One ``[[interface]]`` of the configuration; ``name`` is unique on the node."""

    name: str
    bus: str
    driver: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all interfaces of a node share.

    ``find_driver`` raises a Misuse for an unknown name; its text says what to install. ``changed`` is called after each
    change of state. ``on_error`` is called with an interface's name and the error when it fails, is lost or can't be
    opened, once for each new reason, and with None when it is up again.
    """

    node: str
    clock: Clock
    random: random.Random
    timing: Timing
    find_driver: Callable[[str], type[Driver]]
    changed: Callable[[], None]
    on_error: Callable[[str, Exception | None], None]
    open_line: OpenLine


class SupervisedInterface:
    """One configured interface; it runs as a task of the supervisor."""

    def __init__(self, spec: InterfaceSpec, around: Surroundings) -> None:
        self.spec = spec
        self.state: State = "opening"
        self.reason = "being opened for the first time"
        self.since = around.clock.now()
        self._around = around
        self._source = f"{around.node}/{spec.name}"
        self._clock = around.clock
        self._timing = around.timing
        self._random = type(around.random)(around.random.getrandbits(64))
        self._log = logging.getLogger(f"busgate.interface.{spec.name}")
        self._session: Session | None = None
        self._wake = anyio.Event()
        self._missed: MissedDevice | None = None  # the file for want of which it is down
        self._losses: deque[float] = deque(maxlen=20)
        self._counters = {"opens": 0, "losses": 0, "calls": 0, "faults": 0}

    @property
    def up(self) -> bool:
        return self._session is not None

    @property
    def transmits(self) -> bool:
        """Whether it is up, and a radio whose driver says what a command means on the air."""
        return self._session is not None and type(self._session.interface).transmission is not Interface.transmission

    @property
    def trouble(self) -> int:
        """How often it was lost lately."""
        return sum(moment > self._clock.lease_now() - GRUDGE for moment in self._losses)

    def snapshot(self) -> dict[str, Any]:
        """What presence and the command line show: plain values. ``since`` is in Unix seconds."""
        return {
            "name": self.spec.name,
            "bus": self.spec.bus,
            "driver": self.spec.driver,
            "state": self.state,
            "reason": self.reason,
            "since": self.since,
            "health": self._health(),
        }

    def _health(self) -> dict[str, Any]:
        if self._session is None:
            return dict(self._counters)
        counted = dict(self._counters)
        counted["calls"] += self._session.calls
        counted["faults"] += self._session.faults
        try:
            health = self._session.interface.health()
            encode(health)
            return health | counted
        except Exception as error:  # noqa: BLE001 - a driver's bug must not end the node's own report
            return counted | {"error": f"driver crashed in health: {describe(error)}"}

    def wake(self) -> None:
        """Try to open it at once: its device has reappeared."""
        self._wake.set()

    async def run(self) -> None:
        """Keep it open; never returns by itself, unless it is configured wrongly."""
        try:
            driver, options = self._prepare()
        except Exception as error:  # noqa: BLE001 - a wrong interface must not end the node
            self._enter("failed", describe(error), error)
            return
        backoff = Backoff(self._random, self._timing.least_backoff, self._timing.most_backoff)
        while True:
            if await self._open_once(driver, options) >= self._timing.steady:
                backoff.reset()
            await self._rest(backoff)

    async def _rest(self, backoff: Backoff) -> None:
        """Wait until the next attempt."""
        async with anyio.create_task_group() as tasks:
            if self._missed is not None:
                tasks.start_soon(self._look_for, self._missed)
            if await pause(self._clock, backoff.next(), self._wake):
                backoff.reset()
            tasks.cancel_scope.cancel()
        self._wake = anyio.Event()

    async def _look_for(self, missed: MissedDevice) -> None:
        await missed.back(self._clock)
        self.wake()

    def _prepare(self) -> tuple[Driver, Any]:
        kind = self._around.find_driver(self.spec.driver)
        return kind(), read_options(kind, self.spec.options)

    async def _open_once(self, driver: Driver, options: Any) -> float:
        """Open it, and return when it is closed again, for whatever reason; return for how many seconds it was up."""
        scope = anyio.CancelScope(deadline=anyio.current_time() + self._timing.open)
        spec, line = self.spec, self._around.open_line
        context = DriverContext(spec.name, spec.bus, self._clock, self._random, self._log, line)
        session = None
        try:
            with scope:
                async with driver.open(options, context) as interface:
                    scope.deadline = math.inf
                    session = Session(interface, self._clock, self._timing, self._lost)
                    await self._attend(session)
                    scope.deadline = anyio.current_time() + self._timing.close
            self._left(session, scope)
        except Exception as raised:  # noqa: BLE001 - contained, named and reopened
            self._raised(session, essence(raised))
        except BaseExceptionGroup as group:  # cancelled, and the driver has failed while it was ending
            _, failure = group.split(anyio.get_cancelled_exc_class())
            if not isinstance(failure, ExceptionGroup):
                raise
            self._raised(session, essence(failure))
            await anyio.lowlevel.checkpoint()  # the cancellation goes on from here
        return session.lasted if session else 0.0

    async def _attend(self, session: Session) -> None:
        self._session = session
        self._counters["opens"] += 1
        self._enter("up", "", None)
        try:
            await session.watch()
        finally:
            self._down()
            if session.ended is None:
                self.state, self.reason, self.since = "opening", "it is being closed", self._clock.now()
                self._around.changed()
            await session.close()

    def _raised(self, session: Session | None, error: Exception) -> None:
        """Entering the open context, or leaving it, has raised this."""
        if session is None or session.closed:
            self._enter(*self._verdict(error, lost=session is not None), error)
        else:
            self._log.warning("closing it failed: %s", describe(error))

    def _left(self, session: Session | None, scope: anyio.CancelScope) -> None:
        """The open context has been left without an exception."""
        if session is None:
            error = InterfaceDown(f"not open within {self._timing.open:g} s")
            self._enter("absent", describe(error), error)
        elif session.closed:
            self._lost(InterfaceDown("its driver has closed it"))
        if session and scope.cancelled_caught:
            self._log.warning("not closed within %g s", self._timing.close)

    def _lost(self, error: Exception) -> None:
        self._down()
        self._enter(*self._verdict(error, lost=True), error)

    def _down(self) -> None:
        """From now on no call begins."""
        session, self._session = self._session, None
        if session is not None:
            self._losses.append(self._clock.lease_now())
            self._counters["losses"] += 1
            self._counters["calls"] += session.calls
            self._counters["faults"] += session.faults

    def _verdict(self, error: Exception, *, lost: bool) -> tuple[State, str]:
        if isinstance(error, InterfaceDown):
            return ("opening", f"lost: {error}") if lost else ("absent", describe(error))
        if isinstance(error, Misuse):
            return "failed", describe(error)
        return "failed", f"driver {self.spec.driver!r} crashed: {describe(error)}"

    def _enter(self, state: State, reason: str, error: Exception | None) -> None:
        self._missed = MissedDevice.of(error)
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason, self.since = state, reason, self._clock.now()
        self._log.log(logging.INFO if error is None else logging.WARNING, "%s", f"{state}: {reason}".removesuffix(": "))
        if error is not None and not isinstance(error, BusgateError):
            self._log.debug("the crash", exc_info=error)
        self._around.changed()
        try:
            self._around.on_error(self.spec.name, error)
        except Exception:  # noqa: BLE001 - a report that fails must not end the interface
            self._log.exception("the state could not be reported")

    def use(self) -> CheckedInterface:
        """The open interface, for one call; InterfaceDown (``unsent``) when it is not up."""
        if self._session is None:
            raise InterfaceDown(f"interface {self.spec.name!r} is {self.state}: {self.reason}", unsent=True)
        return CheckedInterface(self._session, self._timing, self._clock, self._source)
