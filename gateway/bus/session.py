"""One opening of an interface: its calls, its silence, its end.

Theory of operation
-------------------
1. Calls run in the task of the caller. Each has a bound in time and a cancel scope that the session knows.
2. ``end(reason)`` takes it down at once, from whatever task: no further call begins, and the calls in flight are
   cancelled and raise ``InterfaceDown``. The hardware is closed after that, by the supervising task.
3. What the driver answers, faults of the bus included, is a sign of life. When the hardware has been silent for
   ``Timing.silence`` and no call is in flight, it is probed; a call that ran into its bound has it probed at once.
   (A call in flight puts the regular probe off, because many adapters do one thing after the other.)
4. The probe runs in a task of its own, so that one that ignores its cancellation can't keep the session up.
5. ``ClaimLost`` says that a write was kept from the hardware: neither a fault of it nor a sign of its life, and true
   even when the session has ended meanwhile.
6. ``InterfaceDown`` from a call or a probe ends the session, and so does every exception that isn't of busgate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import anyio

from gateway.clock import pause
from gateway.errors import BusError, BusFault, BusgateError, ClaimLost, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from gateway.abc import Interface
    from gateway.clock import Clock

T = TypeVar("T")

#: Seconds; a rounding error in the arithmetic of deadlines must not become a wait that doesn't end.
LEAST_WAIT: Final = 0.001


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds."""

    open: float = 30.0
    close: float = 10.0
    silence: float = 10.0  # without an answer before the hardware is probed
    probe: float = 5.0
    call: float = 30.0  # one read, write or command; a 1-Wire read may queue behind a cycle of conversions
    scan: float = 120.0
    further: float = 2.0  # more for each further request of a read_many
    drain: float = 1.0  # for cancelled calls to leave before the hardware is closed under them
    steady: float = 5.0  # up for so long: the next loss is a new one, and the back-off starts again
    least_backoff: float = 0.2
    most_backoff: float = 5.0


class Session:
    """The open interface, with everybody who uses it now.

    Args:
        on_end: called once, synchronously, when the session ends by itself.
    """

    def __init__(self, interface: Interface, clock: Clock, timing: Timing, on_end: Callable[[Exception], None]) -> None:
        self.interface = interface
        self.ended: Exception | None = None
        self.closed = False  # without having ended by itself
        self.calls = 0
        self.faults = 0
        self._clock = clock
        self._timing = timing
        self._on_end = on_end
        self._scopes: set[anyio.CancelScope] = set()
        self._attending: set[anyio.CancelScope] = set()
        self._opened = self._heard = clock.lease_now()
        self._probing: float | None = None  # since when
        self._doubtful = False
        self._stir = anyio.Event()

    @property
    def lasted(self) -> float:
        """Seconds since it was opened."""
        return self._clock.lease_now() - self._opened

    async def call(self, what: str, bound: float, function: Callable[[], Awaitable[T]]) -> T:
        """Await one call of the driver.

        Raises:
            InterfaceDown: the driver says so, or the session ended meanwhile.
            BusFault: no answer within the bound, or the driver crashed.
            BusgateError: what else the driver raises.
        """
        self.calls += 1
        with anyio.move_on_after(bound) as scope:
            self._scopes.add(scope)
            try:
                result = await function()
                self._heard = self._clock.lease_now()
                return result
            except Exception as error:  # noqa: BLE001 - judged there, and raised again
                self._raise(what, error)
            finally:
                self._scopes.discard(scope)
                if self.ended:
                    self._stir.set()
        self.faults += 1
        if self.ended:
            raise InterfaceDown(f"interface went down during {what}: {describe(self.ended)}") from self.ended
        self._doubtful = True
        self._stir.set()
        raise BusFault(f"no answer to {what} within {bound:g} s")

    async def attend(self, what: str, function: Callable[[], Awaitable[None]]) -> NoReturn:
        """Await something of the driver that goes on as long as the session, and doesn't put off the probe.

        Raises:
            InterfaceDown: the session has ended.
        """
        with anyio.CancelScope() as scope:
            self._attending.add(scope)
            try:
                await function()
                raise RuntimeError(f"{what} has ended by itself")
            except Exception as error:  # noqa: BLE001 - judged there, and raised again
                self._raise(what, error)
            finally:
                self._attending.discard(scope)
                self._stir.set()
        raise InterfaceDown(f"interface went down during {what}: {describe(self.ended or InterfaceDown())}")

    def alive(self) -> None:
        """The hardware has given a sign of life by itself."""
        self._heard = self._clock.lease_now()

    def _raise(self, what: str, raised: Exception) -> NoReturn:
        """Judge what a call has raised, and raise what its caller gets."""
        error = essence(raised)
        refused = isinstance(error, ClaimLost)
        self.faults += not refused
        if self.ended and not refused:
            raise InterfaceDown(f"interface went down during {what}: {describe(self.ended)}") from raised
        if isinstance(error, InterfaceDown):
            self.end(error)
        elif isinstance(error, BusError):
            self._heard = self._clock.lease_now()
        elif not isinstance(error, BusgateError):
            self.end(error)
            raise BusFault(f"driver crashed in {what}: {describe(error)}") from error
        raise error from raised if raised is not error else error.__cause__

    def end(self, reason: Exception) -> None:
        """Take it down at once; later reasons are ignored."""
        if self.ended is None:
            self._stop(reason)
            self._on_end(reason)

    async def close(self) -> None:
        """The open context is being left: end every use, and wait for ``Timing.drain`` at most until all have left."""
        if self.ended is None:
            self.closed = True
            self._stop(InterfaceDown("it is being closed"))
        with anyio.move_on_after(self._timing.drain, shield=True):
            while self._scopes or self._attending:
                stir = self._stir = anyio.Event()
                await stir.wait()

    def _stop(self, reason: Exception) -> None:
        self.ended = reason
        for scope in self._scopes | self._attending:
            scope.cancel()
        self._stir.set()

    async def watch(self) -> None:
        """Probe the hardware when it is silent; returns when the session has ended."""
        async with anyio.create_task_group() as tasks:
            while self.ended is None:
                stir = self._stir = anyio.Event()
                if (wait := self._next(tasks)) > 0:
                    await pause(self._clock, max(wait, LEAST_WAIT), stir)
            tasks.cancel_scope.cancel()

    def _next(self, tasks: TaskGroup) -> float:
        """Do what is due; return for how long to wait, as long as nothing stirs."""
        now = self._clock.lease_now()
        if self._probing is not None:
            if (left := self._probing + self._timing.probe - now) <= 0:
                self.end(InterfaceDown(f"no sign of life within {self._timing.probe:g} s"))
            return left
        silent = now - self._heard
        if self._doubtful or (silent >= self._timing.silence and not self._scopes):
            self._probing = now
            tasks.start_soon(self._probe)
            return self._timing.probe
        return self._timing.silence - (silent if silent < self._timing.silence else 0)

    async def _probe(self) -> None:
        try:
            await self.interface.probe()
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver's trouble stays its own
            self.end(essence(error))
        else:
            self._heard = self._clock.lease_now()
        self._doubtful = False
        self._probing = None
        self._stir.set()


def essence(error: Exception) -> Exception:
    """What matters of an exception group: the loss of the interface, else the first of busgate's errors, else all."""
    if not isinstance(error, ExceptionGroup):
        return error
    found = [essence(part) for part in error.exceptions]
    if not all(isinstance(part, BusgateError) for part in found):
        return error if len(found) > 1 else found[0]
    return next((part for part in found if isinstance(part, InterfaceDown)), found[0])


def describe(error: BaseException) -> str:
    """Say in words what happened: busgate's own message, or the type and message of a foreign exception."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(describe, error.exceptions))
    return str(error) if isinstance(error, BusgateError) else f"{type(error).__name__}: {error}".removesuffix(": ")
