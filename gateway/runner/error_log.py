"""Error records: what is wrong, kept in the store until it works again.

Theory of operation
-------------------
1. One record for each (subsystem, place). A further error of that place raises its count; after ``resolve`` the next
   error begins a new count.
2. An error is written at once, but each record at most once a second: errors that come faster are counted together.
3. While the store is out of reach, what is to be written waits in memory, counted together for each record, and is
   written when the store is back. Two nodes may write one record: both counts are added.
4. Sizes are bounded, and what can't be stored is kept as its ``repr``.
"""

from __future__ import annotations

import logging
import traceback as tracebacks
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, cast

from gateway import codec
from gateway.code.compile import NAME
from gateway.errors import BusgateError, CodecError, Detached, RecordError, Uncertain
from gateway.path import Path
from gateway.record import Record
from gateway.runner.outbox import Outbox
from gateway.values import NotGiven

if TYPE_CHECKING:
    from gateway.abc import Store
    from gateway.locations import Locations, Subsystem

#: Longest message, in characters.
MAX_MESSAGE: Final = 2_000
#: Longest traceback, in characters: its begin and its end are kept.
MAX_TRACEBACK: Final = 16_000
#: Largest data, in packed bytes.
MAX_DATA: Final = 16_000
#: Packed bytes from which on data is only named: to show a part of it would take too long.
HUGE: Final = 1_000_000
#: Seconds between two writes of one record.
INTERVAL: Final = 1.0


class ErrorEntry(Record):
    """One error record as it stands in the store.

    Attributes:
        message: what is wrong.
        traceback: of the last error, as Python prints it.
        data: what was at hand.
        node: where it happened last.
        count: how often since ``first``.
        first, last: Unix seconds.
        resolved: Unix seconds when it worked again; None: it doesn't.
    """

    what: ClassVar[str] = "error record"

    message: str
    traceback: str = ""
    data: Any = None
    node: str = ""
    count: int = 1
    first: float = 0.0
    last: float = 0.0
    resolved: float | None = None

    def after(self, stored: Any) -> ErrorEntry:
        """This error added to the stored record."""
        try:
            old = self.from_map(stored)
        except RecordError:  # absent or damaged
            return self
        if old.resolved is not None:
            return self
        return self.replace(count=old.count + self.count, first=min(old.first, self.first))


class Recorded(NamedTuple):
    """An error record and where it stands."""

    subsystem: Subsystem
    place: Path
    entry: ErrorEntry


class ErrorLog:
    """Writes, resolves and lists error records."""

    def __init__(self, store: Store, locations: Locations, node: str) -> None:
        self._store = store
        self._locations = locations
        self._node = node
        self._log = logging.getLogger("busgate.errors")
        self._errors: dict[Path, ErrorEntry] = {}
        self._resolved: dict[Path, float] = {}
        self._written: dict[Path, float] = {}
        self._outbox = Outbox(store, self._deliver)
        self._open: set[Path] = set()
        self._loaded = False

    async def record(
        self, subsystem: Subsystem, place: Path, message: str, *, traceback: str = "", data: Any = None
    ) -> None:
        """Record an error; returns when it is written, or waits to be.

        Args:
            place: of the job, the code or the interface.
            data: anything that may help; what can't be stored is kept as its ``repr``.
        """
        now = self._store.clock.now()
        path = self._locations.error(subsystem, place)
        error = ErrorEntry.model_construct(
            message=_cut(message, MAX_MESSAGE),
            traceback=_cut(traceback, MAX_TRACEBACK),
            data=storable(data),
            node=self._node,
            count=1,
            first=now,
            last=now,
            resolved=None,
        )
        waiting = self._errors.get(path)
        self._errors[path] = error if waiting is None else error.after(waiting.to_map())
        self._resolved.pop(path, None)
        self._open.add(path)
        await self._write(path)

    async def record_exception(
        self, subsystem: Subsystem, place: Path, error: BaseException, *, data: Any = None
    ) -> None:
        """Record an exception with its traceback."""
        await self.record(subsystem, place, describe(error), traceback=trace(error), data=data)

    async def resolve(self, subsystem: Subsystem, place: Path) -> None:
        """Mark the record of that place as resolved, if there is an open one."""
        path = self._locations.error(subsystem, place)
        await self._load()
        if path in self._open:
            self._resolved[path] = self._store.clock.now()
            await self._write_now(path)

    async def list(self) -> list[Recorded]:
        """All records, resolved ones too, in the order of their paths."""
        found = []
        async for entry in self._store.tree(self._locations.errors, min_depth=1):
            subsystem, *place = entry.path.after(self._locations.errors)
            try:
                found.append(Recorded(cast("Subsystem", subsystem), Path(*place), ErrorEntry.from_map(entry.value)))
            except RecordError as error:
                self._log.warning("%s is no error record: %s", entry.path, error)
        return found

    async def flush(self) -> None:
        """Write everything that waits; put a limit on it."""
        await self._outbox.flush()

    async def _write(self, path: Path) -> None:
        wait = self._written.get(path, -INTERVAL) + INTERVAL - self._store.clock.lease_now()
        if wait > 0:
            self._outbox.add(path, wait)
        else:
            await self._write_now(path)

    async def _write_now(self, path: Path) -> None:
        try:
            await self._deliver(path)
        except (Detached, Uncertain):
            self._outbox.add(path)
        except BusgateError as error:
            self._log.error("the error record %s can't be written: %s", path, error)

    async def _deliver(self, path: Path) -> None:
        error = self._errors.pop(path, None)
        resolved = self._resolved.pop(path, None)
        self._written[path] = self._store.clock.lease_now()
        try:
            await self._store.update(path, lambda stored: _updated(stored, error, resolved), idempotent=False)
        except BaseException as problem:
            if not isinstance(problem, BusgateError) or isinstance(problem, Detached | Uncertain):
                self._put_back(path, error, resolved)
            raise
        if resolved is not None and path not in self._errors:
            self._open.discard(path)

    def _put_back(self, path: Path, error: ErrorEntry | None, resolved: float | None) -> None:
        """It wasn't written, or perhaps wasn't: then counting it twice is better than losing it."""
        newer = self._errors.get(path)
        if error is not None:
            self._errors[path] = error if newer is None else newer.after(error.to_map())
        if resolved is not None and newer is None:
            self._resolved.setdefault(path, resolved)

    async def _load(self) -> None:
        """Find, once, what an earlier process of this node has left open."""
        if not self._loaded:
            with suppress(Detached, Uncertain):
                found = await self.list()
                self._open |= {
                    self._locations.error(one.subsystem, one.place) for one in found if one.entry.resolved is None
                }
                self._loaded = True


def _updated(stored: Any, error: ErrorEntry | None, resolved: float | None) -> Any:
    value = stored if error is None else error.after(stored).to_map()
    if resolved is None or not isinstance(value, dict) or value.get("resolved") is not None:
        return value
    return value | {"resolved": resolved}


def describe(error: BaseException) -> str:
    """An exception in one line: what Python prints last, or what the only one of a group says."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return "".join(tracebacks.format_exception_only(error)).strip().removeprefix(f"{NAME}.")


def trace(error: BaseException) -> str:
    """An exception with its traceback, as Python prints it."""
    try:
        return "".join(tracebacks.format_exception(error))
    except RecursionError:  # groups or causes, nested too deeply
        return "".join(tracebacks.format_tb(error.__traceback__)) + describe(error)


def storable(value: Any, limit: int = MAX_DATA) -> Any:
    """The value, or what comes closest to it that can be stored: ``repr`` for what can't, cut when too large."""
    if codec.at_least(value, HUGE) > HUGE:
        return f"<{type(value).__name__} of more than {HUGE} bytes>"
    try:
        value = value if _packs(value) else _storable(value, depth=8)
        return value if len(codec.encode(value)) <= limit else _cut(_repr(value), limit // 4)
    except (CodecError, RecursionError):
        return _cut(_repr(value), limit // 4)


def _storable(value: Any, depth: int) -> Any:
    if depth and isinstance(value, dict):
        return {_key(key): _storable(part, depth - 1) for key, part in list(value.items())}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_storable(part, depth - 1) for part in value]
    return value if _packs(value) else _cut(_repr(value), MAX_MESSAGE)


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | bytes) and _packs(key) else _repr(key)


def _packs(value: Any) -> bool:
    if value is NotGiven:
        return False
    try:
        codec.encode(value)
    except (CodecError, RecursionError):
        return False
    return True


def _repr(value: Any) -> str:
    try:
        return repr(value).encode(errors="backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 - repr of a user's own class may do anything
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


def _cut(text: str, limit: int) -> str:
    """At most so many characters: begin and end, and between them how much is missing."""
    text = text.encode(errors="backslashreplace").decode()  # lone surrogates can't be stored
    if len(text) <= limit:
        return text
    half = limit // 2 - 20
    return f"{text[:half]}\n... {len(text) - 2 * half} characters ...\n{text[-half:]}"
