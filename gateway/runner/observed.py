"""A run of a job that tells of everything it does; what it does is what any run does.

Each part stands before the real one and tells what passes: ``tell(event, fields)``, with plain values as fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from gateway.abc import BusHandle, Store
from gateway.runner.call_admin import Spawned, Timer
from gateway.runner.error_log import describe, storable
from gateway.runner.event_queue import EventQueue
from gateway.runner.execution import Execution
from gateway.runner.watchdog import MARK
from gateway.values import Change, Device, Message, Reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Self

    from gateway.abc import Lease
    from gateway.path import Path
    from gateway.runner.messages import RunnerMessage
    from gateway.values import Entry, Link, WatchEvent

Tell: TypeAlias = "Callable[[str, dict[str, Any]], None]"
T = TypeVar("T")


class ObservedStore(Store):
    """A store that tells what is asked of it."""

    def __init__(self, store: Store, tell: Tell) -> None:
        self.id, self.clock, self.random, self.tasks = store.id, store.clock, store.random, store.tasks
        self.lease_ttl, self.lease_margin = store.lease_ttl, store.lease_margin
        self._store = store
        self._tell = tell

    @property
    def link(self) -> Link:
        return self._store.link

    async def wait_link(self, seen: Link) -> Link:
        return await self._store.wait_link(seen)

    async def get(self, path: Path) -> Entry:
        return await _told(self._tell, "get", {"path": path}, self._store.get(path), _value)

    async def set(self, path: Path, value: Any, *, revision: int | None = None, lease: Lease | None = None) -> int:
        fields = {"path": path, "value": storable(value)} | _if_given(expected=revision)
        return await _told(
            self._tell, "set", fields, self._store.set(path, value, revision=revision, lease=lease), _revision
        )

    async def delete(self, path: Path, *, revision: int | None = None) -> int:
        fields = {"path": path} | _if_given(expected=revision)
        return await _told(self._tell, "delete", fields, self._store.delete(path, revision=revision), _revision)

    def watch(
        self,
        path: Path,
        *more: Path,
        fetch: bool = True,
        min_depth: int = 0,
        max_depth: int = -1,
        since: tuple[str, int] | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        depths = {"min_depth": min_depth, "max_depth": max_depth}
        for each in (path, *more):
            self._tell("watch", {"path": each, "fetch": fetch, **depths})
        return self._store.watch(path, *more, fetch=fetch, since=since, **depths)

    def lease(self, ttl: float) -> Lease:
        self._tell("lease", {"ttl": ttl})
        return self._store.lease(ttl)

    async def publish(self, topic: Path, value: Any) -> None:
        fields = {"path": topic, "value": storable(value)}
        await _told(self._tell, "send", fields, self._store.publish(topic, value))

    def subscribe(self, topic: Path, *, queue: int = 1000) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        self._tell("monitor", {"path": topic})
        return self._store.subscribe(topic, queue=queue)

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._store.__aexit__(kind, error, traceback)


class ObservedHandle(BusHandle):
    """A bus handle that tells of each call and what came of it."""

    def __init__(self, handle: BusHandle, tell: Tell) -> None:
        self.bus = handle.bus
        self._handle = handle
        self._tell = tell

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        return await self._call("scan", {"alarmed": alarmed}, self._handle.scan(alarmed=alarmed))

    async def read(self, device: str, attribute: str) -> Reading:
        return await self._call("read", _of(device, attribute), self._handle.read(device, attribute))

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        wanted = {"requests": [list(pair) for pair in requests]}
        return await self._call("read_many", wanted, self._handle.read_many(requests))

    async def write(self, device: str, attribute: str, value: Any) -> None:
        wanted = _of(device, attribute) | {"value": storable(value)}
        await self._call("write", wanted, self._handle.write(device, attribute, value))

    async def send(self, device: str, command: str, /, **values: Any) -> Any:
        wanted = {"device": device, "command": command, "values": storable(values)}
        return await self._call("send", wanted, self._handle.send(device, command, **values))

    async def probe(self) -> None:
        await self._call("probe", {}, self._handle.probe())

    def health(self) -> dict[str, Any]:
        return self._handle.health()

    async def wait_up(self) -> None:
        await self._call("wait_up", {}, self._handle.wait_up())

    def revoke(self) -> None:
        self._handle.revoke()

    async def _call(self, call: str, wanted: dict[str, Any], answer: Awaitable[T]) -> T:
        return await _told(self._tell, "bus", {"bus": self.bus, "call": call, **wanted}, answer, _answer)


class ObservedQueue(EventQueue):
    """An event queue that tells which message the code takes."""

    def __init__(self, queue: EventQueue, size: int, tell: Tell) -> None:
        super().__init__(size, queue._overflow)  # noqa: SLF001 - one of its kind
        self._observer = tell

    @property
    def waiting(self) -> int:
        """How many messages the code has not taken."""
        return len(self._waiting)

    async def __anext__(self) -> RunnerMessage | None:
        message = await super().__anext__()
        self._observer("message", _told_message(message))
        return message


class ObservedExecution(Execution):
    """A run that tells what it is given, starts and asks for; its context has an ``ObservedStore``."""

    tell: Tell
    queue: ObservedQueue

    def observe(self, tell: Tell) -> None:
        """Tell from now on; to be called before ``run``."""
        self.tell = tell
        self.queue = ObservedQueue(self.queue, self.entry.queue, tell)

    def bus(self, name: str) -> BusHandle:
        self.tell("bus", {"bus": name, "call": "open"})
        return ObservedHandle(super().bus(name), self.tell)

    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        match getattr(function, "__self__", None), args:
            case Timer(), (_, delay):
                self.tell("timer", {"delay": delay})
            case Spawned(), (task, *_):
                self.tell("spawn", {"task": getattr(task, "__qualname__", repr(task))})
        super().start_soon(function, *args)

    def _variables(self) -> dict[str, Any]:
        variables = super()._variables()
        variables["_client"] = self.context.store
        own = {name: storable(value) for name, value in variables.items() if not name.startswith("_")}
        given = sorted(name for name in variables if name.startswith("_") and name != MARK)
        missing = [name for name in self.procedure.vars if name not in variables]
        self.tell("variables", {"data": own, "missing": missing, "given": given})
        return variables


async def _told(
    tell: Tell,
    event: str,
    fields: dict[str, Any],
    answer: Awaitable[T],
    result: Callable[[T], dict[str, Any]] = lambda answer: {},
) -> T:
    """Wait for an answer, and tell of it, or of the error."""
    try:
        found = await answer
    except Exception as error:
        tell(event, fields | {"error": describe(error)})
        raise
    tell(event, fields | result(found))
    return found


def _if_given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _of(device: str, attribute: str) -> dict[str, Any]:
    return {"device": device, "attribute": attribute}


def _value(entry: Entry) -> dict[str, Any]:
    return {"value": storable(entry.value), "revision": entry.revision} if entry.revision else {"absent": True}


def _revision(revision: int) -> dict[str, Any]:
    return {"revision": revision}


def _answer(answer: Any) -> dict[str, Any]:
    match answer:
        case None:
            return {}
        case Reading():
            return {"result": answer.as_map()}
        case [*items] if all(isinstance(item, Reading) for item in items):
            return {"result": [item.as_map() for item in items]}
        case [*items] if all(isinstance(item, Device) for item in items):
            return {"result": [item.id for item in items]}
    return {"result": storable(answer)}


def _told_message(message: Any) -> dict[str, Any]:
    """A message by its class and what it tells; the class may be the code's own."""
    if message is None:
        return {"class": None, "reason": "too many messages had to wait"}
    told: dict[str, Any] = {"class": type(message).__name__}
    match getattr(message, "msg", None):
        case Change() as change:
            return told | {"path": change.path} | ({"deleted": True} if change.deleted else {"value": change.value})
        case Message() as sent:
            return told | {"path": sent.topic, "value": sent.value}
        case Timer():
            return told
        case other:
            return told | {"msg": storable(other)}
