"""Every exception that busgate raises, in one tree.

    BusgateError
    ├── Misuse                 the caller's fault: the same call fails again
    │   ├── PathError          (ValueError)  text or element that can't be a path
    │   ├── CodecError         (ValueError)  a value that can't be stored
    │   ├── ConfigError        (ValueError)  a configuration file, with all its mistakes
    │   ├── CodeError          (ValueError)  stored code that doesn't compile, or a module that can't be loaded
    │   ├── ModuleClash        two stores in one process have different code for one module
    │   ├── RecordError        (ValueError)  a stored job, state or procedure that can't be read
    │   ├── LimitExceeded      (ValueError)  a value, a path or a message that is too large
    │   ├── NotFound           (LookupError) a job, procedure, bus or entry that isn't there
    │   ├── NameTaken          another live process runs under this node's name
    │   └── Unsupported        this hardware can't do that
    ├── StoreError             the store's answer
    │   ├── Conflict           a compare-and-set met another revision
    │   ├── Uncertain          it is unknown whether the operation took effect
    │   ├── Denied             the store refuses this user the operation
    │   ├── StoreUnusable      the store can't be opened; says what to do
    │   └── Detached           (Retryable) the store is out of reach
    ├── BusError               the hardware's answer
    │   ├── InterfaceDown      (Retryable) no interface of the bus is up
    │   ├── NoSuchDevice       (LookupError) the device is not on the bus
    │   ├── NoSuchAttribute    (LookupError) the device has no such attribute
    │   ├── WriteRefused       the device or its server refuses the value
    │   ├── NoAirtime          (Retryable) a transmitter has used up its airtime; says how long to wait
    │   └── BusFault           (Retryable) a transfer failed: CRC, no answer, short circuit
    ├── HandleRevoked          a bus handle outlived the run it was given to
    ├── ClaimLost              the claim of the run is lost, or its lease runs out
    └── ErrorRecorded          stored code has recorded its error already

Retryable is a type: ``except Retryable`` catches what will likely succeed in the near future.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.path import Path
    from gateway.values import Entry


class BusgateError(Exception):
    """Something went wrong in busgate."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or type(self).__name__).strip()


class Retryable(BusgateError):
    """This will likely succeed in the near future."""


class Misuse(BusgateError):
    """The call can't work as it was made."""


class PathError(Misuse, ValueError):
    """A text or an element that can't be a path."""

    def __init__(self, reason: str, text: str | None = None, position: int | None = None) -> None:
        self.text = text
        self.position = position
        where = "" if text is None else f" at position {position} of {text!r}"
        super().__init__(f"malformed path: {reason}{where}")


class CodecError(Misuse, ValueError):
    """A value that can't be stored."""


class RecordError(Misuse, ValueError):
    """A stored job, state or procedure that can't be used; ``mistakes`` holds a line for each field at fault."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(self.mistakes))


class LimitExceeded(Misuse, ValueError):
    """A value, a path or a message that is larger than the store takes."""


class ConfigError(Misuse, ValueError):
    """A configuration that can't be used; ``mistakes`` holds a line for each mistake, with file, line and key."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class CodeError(Misuse, ValueError):
    """Stored code that doesn't compile; says path, line and why, with the line and a caret where known."""

    def __init__(self, path: Path, reason: str, line: int | None = None, excerpt: str = "") -> None:
        self.path = path
        self.reason = reason
        self.line = line
        self.excerpt = excerpt
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {reason}" + (f"\n{excerpt}" if excerpt else ""))


class ModuleClash(Misuse):
    """Two stores in one process have different code for one module; ``sys.modules`` has room for one.

    Store the same code in both, or use one process for each.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        reason = "another store in this process has different code for it; use one process for each store"
        super().__init__(f"module {name}: {reason}")


class NotFound(Misuse, LookupError):
    """Nothing of that name is here."""


class NameTaken(Misuse):
    """Another live process runs under this node's name; stop it, or start this one with another --name."""


class Unsupported(Misuse):
    """This hardware can't do that."""


class StoreError(BusgateError):
    """The store refused or failed."""


class Conflict(StoreError):
    """The entry has another revision than expected; ``current`` is the entry found, where known."""

    def __init__(self, path: Path, expected: int, current: Entry | None = None) -> None:
        self.path = path
        self.expected = expected
        self.current = current
        found = "" if current is None else f", found {current.revision}"
        super().__init__(f"conflict at {path}: expected revision {expected}{found}")


class Uncertain(StoreError):
    """It is unknown whether the operation took effect; read the entry before trying again."""


class Denied(StoreError):
    """The store refuses this user the operation."""


class StoreUnusable(StoreError):
    """The store can't be opened."""


class Detached(StoreError, Retryable):
    """The store is out of reach."""


class BusError(BusgateError):
    """The hardware refused or failed."""


class InterfaceDown(BusError, Retryable):
    """No interface of the bus is up.

    A driver that is certain that nothing of a write has reached the hardware says ``unsent=True``: then the write may
    be tried on another interface. ``device`` is the file whose return is worth an attempt at once, where there is one.
    """

    def __init__(self, message: str = "", *, unsent: bool = False, device: str | None = None) -> None:
        self.unsent = unsent
        self.device = device
        super().__init__(message)


class NoSuchDevice(BusError, LookupError):
    """The device is not on the bus."""


class NoSuchAttribute(BusError, LookupError):
    """The device has no such attribute."""


class WriteRefused(BusError):
    """The device or its server refuses the value."""


class BusFault(BusError, Retryable):
    """A transfer failed; ``quality`` is the quality that a reading gets from it (``crc`` or ``bus_error``).

    ``unsent``: nothing of a write or command can have taken effect; as in ``InterfaceDown``.
    """

    def __init__(self, message: str, quality: str = "bus_error", *, unsent: bool = False) -> None:
        self.quality = quality
        self.unsent = unsent
        super().__init__(message)


class NoAirtime(BusError, Retryable):
    """A transmitter has been on the air for as long as the law allows; ``wait`` seconds until it may send again.

    ``wait`` is infinite for a command that is longer than an hour's budget. Nothing was sent.
    """

    def __init__(self, interface: str, band: str, wait: float) -> None:
        self.wait = wait
        self.unsent = True
        what = f"interface {interface!r} has used up its airtime of this hour in band {band}"
        when = "the command is longer than all of it" if wait == math.inf else f"wait {math.ceil(wait)} s"
        super().__init__(f"nothing was sent: {what}: {when}")


class HandleRevoked(BusgateError):
    """The bus handle belonged to a run that has ended."""


class ClaimLost(BusgateError):
    """The claim of the run is lost, or its lease runs out; nothing was written."""


class ErrorRecorded(BusgateError):
    """The error has been recorded already; the run ends without a second record."""


def sole(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The only exception in a group, however deep, else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
