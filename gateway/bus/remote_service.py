"""The node's side of hardware by hand: answers what other processes ask of this node's buses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.bus.remote_messages import BEAT, REMEMBERED, REPLIES, REQUESTS, outcome_parts, pack, pack_error
from gateway.errors import BusError, BusgateError, Detached, InterfaceDown, Unsupported

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from gateway.abc import Store
    from gateway.bus.interfaces import Interfaces
    from gateway.values import Message

#: Requests under way at the same time; beyond that a request is refused.
MOST: Final = 100
#: Outcomes kept for requests that are repeated.
KEPT: Final = 200
#: Seconds before subscribing again after the store was lost.
AGAIN: Final = 1.0

_log = logging.getLogger("busgate.remote")


async def serve_buses(
    store: Store, node: str, interfaces: Interfaces, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Answer what other processes ask of this node's buses, until cancelled; started once requests are heard."""
    await BusService(store, node, interfaces).run(task_status=task_status)


class BusService:
    """See :func:`serve_buses`."""

    def __init__(self, store: Store, node: str, interfaces: Interfaces) -> None:
        self._store = store
        self._node = node
        self._interfaces = interfaces
        self._id = f"{store.random.getrandbits(64):016x}"
        self._running: dict[tuple[str, int], anyio.CancelScope] = {}
        self._done: dict[tuple[str, int], tuple[float, list[dict[str, Any]]]] = {}

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        started = False
        while True:
            try:
                async with self._store.subscribe(REQUESTS) as requests, anyio.create_task_group() as tasks:
                    if not started:
                        task_status.started()
                        started = True
                    async for message in requests:
                        self._take(message, tasks)
            except* Detached:
                _log.debug("the store is away; buses can't be used from outside for now")
            await self._store.clock.sleep(AGAIN)

    def _take(self, message: Message, tasks: TaskGroup) -> None:
        mine = message.topic == REQUESTS / self._node
        match message.value:
            case {"client": str(), "id": int(), "node": None | str(), "do": str() as do} as request:
                if mine or (do == "list" and request["node"] is None):
                    self._sort(request, tasks)
            case request:
                _log.debug("ignored a request that makes no sense: %r", request)

    def _sort(self, request: dict[str, Any], tasks: TaskGroup) -> None:
        """Begin, repeat or cancel what is asked."""
        key = request["client"], request["id"]
        self._forget()
        if request["do"] == "cancel":
            if key in self._running:
                self._running[key].cancel()
        elif key in self._done:
            tasks.start_soon(self._send, request, self._done[key][1])
        elif key in self._running:
            tasks.start_soon(self._send, request, [{"state": "working"}])
        else:
            tasks.start_soon(self._answer, key, request)

    def _forget(self) -> None:
        oldest = self._store.clock.lease_now() - REMEMBERED
        for key in [key for key, (moment, _) in self._done.items() if moment < oldest]:
            del self._done[key]
        while len(self._done) > KEPT:
            del self._done[next(iter(self._done))]

    async def _answer(self, key: tuple[str, int], request: dict[str, Any]) -> None:
        """Do what is asked, tell from time to time that it is under way, and send the outcome."""
        with anyio.CancelScope() as scope:
            self._running[key] = scope
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._beat, request)
                    parts = outcome_parts(await self._outcome(request))
                    tasks.cancel_scope.cancel()
                self._done[key] = self._store.clock.lease_now(), parts
            finally:
                del self._running[key]
            await self._send(request, parts)

    async def _beat(self, request: dict[str, Any]) -> None:
        while True:
            await self._send(request, [{"state": "working"}])
            await self._store.clock.sleep(BEAT)

    async def _outcome(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"value": pack(await self._do(request))}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return {"error": pack_error(error)}

    async def _do(self, request: dict[str, Any]) -> Any:
        if request["do"] == "list":
            return {
                "node": self._node,
                "service": self._id,
                "now": self._store.clock.lease_now(),
                "time": self._store.clock.now(),
                "interfaces": self._interfaces.snapshot(),
            }
        self._check(request)
        handle = self._interfaces.handle(request["bus"])
        arguments = request["with"]
        match request["do"]:
            case "scan" | "read" | "write" | "probe" | "wait_up" as call:
                return await getattr(handle, call)(**arguments)
            case "read_many":
                return await handle.read_many([(device, attribute) for device, attribute in arguments["requests"]])
            case "send":
                return await handle.send(arguments["device"], arguments["command"], **arguments["values"])
        raise Unsupported(f"node {self._node!r} doesn't know the request {request['do']!r}")

    def _check(self, request: dict[str, Any]) -> None:
        if request["service"] != self._id:
            raise InterfaceDown(f"node {self._node!r} has been started anew meanwhile", unsent=True)
        if self._store.clock.lease_now() > request["before"]:
            raise InterfaceDown(f"the request reached node {self._node!r} too late", unsent=True)
        if len(self._running) > MOST:
            raise BusError(f"node {self._node!r} is busy with {MOST} requests")

    async def _send(self, request: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        about = {"id": request["id"], "node": self._node}
        try:
            for message in messages:
                await self._store.publish(REPLIES / request["client"], about | message)
        except BusgateError as error:
            _log.debug("a reply could not be sent: %s", error)
