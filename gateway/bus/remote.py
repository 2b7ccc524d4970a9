"""A bus of a running node, used from another process (``busgate bus ...``)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import anyio

from gateway import codec
from gateway.abc import BusHandle
from gateway.bus.remote_messages import REPLIES, REQUESTS, SILENCE, TIME_TO_LIVE, TRIES, unpack, unpack_error
from gateway.bus.remote_service import serve_buses
from gateway.bus.revocation import Revocation
from gateway.errors import Detached, InterfaceDown, Uncertain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from types import TracebackType

    from gateway.abc import Store
    from gateway.clock import Clock
    from gateway.values import Device, Message, Reading

__all__ = ["RemoteBusHandle", "nodes_with", "remote_bus", "serve_buses", "survey"]

#: What may change something: never repeated on doubt, ``Uncertain`` when no reply came.
WRITES = frozenset({"write", "send"})


async def survey(
    store: Store, *, within: float = 1.0, enough: Callable[[dict[str, Any]], bool] = lambda found: False
) -> list[dict[str, Any]]:
    """Ask all running nodes what they have.

    Args:
        within: seconds to wait for replies; a node that doesn't run gives none.
        enough: told of each reply; True ends the wait.

    Returns:
        For each node a map with its name as ``node`` and ``interfaces`` as in ``Interfaces.snapshot``; ``ahead`` is by
        how many seconds its wall clock is ahead of this one, ``doubt`` by how much more or less it may be.
    """
    clock = store.clock
    client = f"{store.random.getrandbits(64):016x}"
    replies: dict[str, Reply] = {}
    found: list[dict[str, Any]] = []
    async with store.subscribe(REPLIES / client) as messages:
        asked = clock.lease_now()
        await store.publish(REQUESTS, {"client": client, "id": 0, "node": None, "do": "list"})
        with anyio.move_on_after(within):
            async for message in messages:
                if replies.setdefault(message.value["node"], Reply()).take(message.value):
                    found.append(_timed(replies[message.value["node"]].result(), clock, clock.lease_now() - asked))
                    if enough(found[-1]):
                        break
    return found


def _timed(reply: dict[str, Any], clock: Clock, took: float) -> dict[str, Any]:
    """A reply with how far the node's clock is off: it was made some time between asking and now."""
    return reply | {"ahead": reply["time"] - clock.now() + took / 2, "doubt": took / 2}


async def nodes_with(store: Store, bus: str, *, within: float = 1.0) -> list[str]:
    """The running nodes that have an interface of that bus, those where it is up first.

    Args:
        within: seconds to wait for replies; it returns as soon as a node has replied on which the bus is up.
    """

    def states(found: dict[str, Any]) -> list[str]:
        return [interface["state"] for interface in found["interfaces"] if interface["bus"] == bus]

    nodes = await survey(store, within=within, enough=lambda found: "up" in states(found))
    return [found["node"] for found in sorted(nodes, key=lambda found: "up" not in states(found)) if states(found)]


def remote_bus(store: Store, node: str, bus: str) -> RemoteBusHandle:
    """A handle on a bus of a running node, to be entered with ``async with``.

    Entering greets the node. The calls are those of any handle, with the same errors.

    Raises:
        InterfaceDown: the node doesn't answer; at entering, or at a call that has changed nothing.
        Uncertain: the node stopped answering during a write or command, which may have taken effect.
        Detached: the store is out of reach.
    """
    return RemoteBusHandle(store, node, bus)


class RemoteBusHandle(BusHandle):
    """See :func:`remote_bus`."""

    def __init__(self, store: Store, node: str, bus: str) -> None:
        self.bus = bus
        self._store = store
        self._node = node
        self._client = f"{store.random.getrandbits(64):016x}"
        self._numbers = count()
        self._waiting: dict[int, Reply] = {}
        self._revocation = Revocation(bus)
        self._service = ""
        self._ahead = 0.0  # of the node's monotonic clock, in s

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            replies = await stack.enter_async_context(self._store.subscribe(REPLIES / self._client))
            self._tasks = await anyio.create_task_group().__aenter__()
            self._tasks.start_soon(self._listen, replies)
            stack.push_async_callback(self._stop)
            greeting = await self._ask("list", {})
            self._service = greeting["service"]
            self._ahead = greeting["now"] - self._store.clock.lease_now()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _stop(self) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        return await self._call("scan", alarmed=alarmed)  # type: ignore[no-any-return]

    async def read(self, device: str, attribute: str) -> Reading:
        return await self._call("read", device=device, attribute=attribute)  # type: ignore[no-any-return]

    async def read_many(self, requests: Sequence[tuple[str, str]]) -> list[Reading]:
        return await self._call("read_many", requests=[list(pair) for pair in requests])  # type: ignore[no-any-return]

    async def write(self, device: str, attribute: str, value: Any) -> None:
        await self._call("write", device=device, attribute=attribute, value=value)

    async def send(self, device: str, command: str, /, **values: Any) -> Any:
        return await self._call("send", device=device, command=command, values=values)

    async def probe(self) -> None:
        await self._call("probe")

    async def wait_up(self) -> None:
        await self._call("wait_up")

    def revoke(self) -> None:
        self._revocation.revoke()

    async def _call(self, do: str, **arguments: Any) -> Any:
        return await self._revocation.guard(lambda: self._ask(do, arguments))

    async def _ask(self, do: str, arguments: dict[str, Any]) -> Any:
        """Send a request, and wait for its outcome; when cancelled, have the node cancel it too."""
        number = next(self._numbers)
        request = {
            "client": self._client,
            "id": number,
            "node": self._node,
            "service": self._service,
            "bus": self.bus,
            "do": do,
            "with": arguments,
            "before": self._store.clock.lease_now() + self._ahead + TIME_TO_LIVE,
        }
        reply = self._waiting[number] = Reply()
        try:
            return unpack(await self._exchange(request, reply))
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(SILENCE, shield=True):
                await self._store.publish(REQUESTS / self._node, request | {"do": "cancel", "with": {}})
            raise
        finally:
            del self._waiting[number]

    async def _exchange(self, request: dict[str, Any], reply: Reply) -> Any:
        misses = 0
        sent = 0
        while misses < TRIES:
            try:
                await self._store.publish(REQUESTS / self._node, request)
            except Detached as error:
                raise self._silence(request, "the store was lost") if sent else error from error
            sent += 1
            while await reply.stirred(SILENCE):
                misses = 0
                if reply.complete:
                    return self._result(request, reply, sent)
            misses += 1
        raise self._silence(request, "no reply")

    def _result(self, request: dict[str, Any], reply: Reply, sent: int) -> Any:
        try:
            return reply.result()
        except InterfaceDown as error:
            if error.unsent and sent > 1:  # true of the last of them; the first may have met the node's last process
                raise self._silence(request, str(error)) from error
            raise

    def _silence(self, request: dict[str, Any], why: str) -> InterfaceDown | Uncertain:
        node = f"node {self._node!r} doesn't answer ({why})"
        if request["do"] in WRITES:
            return Uncertain(f"{node}: it is unknown whether the {request['do']} took effect; read before trying again")
        return InterfaceDown(f"{node}: does it run? see `busgate nodes`")

    async def _listen(self, replies: AsyncIterator[Message]) -> None:
        async for message in replies:
            if (reply := self._waiting.get(message.value["id"])) is not None:
                reply.take(message.value)


class Reply:
    """What has come in of the reply to one request."""

    def __init__(self) -> None:
        self.complete = False
        self._parts: dict[int, bytes] = {}
        self._stir = anyio.Event()

    def take(self, message: dict[str, Any]) -> bool:
        """Take one message; return whether the outcome is complete now."""
        if "part" in message:
            self._parts[message["part"]] = message["data"]
            self.complete = len(self._parts) == message["of"]
        self._stir.set()
        return self.complete

    async def stirred(self, within: float) -> bool:
        """Wait for the next message for so many seconds at most; return whether there was one."""
        stir = self._stir
        with anyio.move_on_after(within):
            await stir.wait()
        if stir.is_set():
            self._stir = anyio.Event()
        return stir.is_set()

    def result(self) -> Any:
        """The value, or the error raised as at the node."""
        outcome = codec.decode(b"".join(self._parts[index] for index in sorted(self._parts)))
        if "error" in outcome:
            raise unpack_error(outcome["error"])
        return outcome["value"]
