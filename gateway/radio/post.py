"""Post: orders for the radios of other nodes, and their answers, over topics of the store.

Theory of operation
-------------------
1. Each process tells all others which radios it has up, each ``BEAT`` seconds, when that changes, and when somebody
   greets. Each message bears its sender's time, so the others know its clock, give or take the quickest message's way.
2. An order goes to one process, under an id of its own, and bears the moment of *that* process's clock when its writing
   must have ended: ``TIME_TO_LIVE`` from its sending at most. It is worked out so that it can't be later than meant.
3. Messages get lost. An order without a sign is sent again until its time is over. Who gets it twice carries it out
   once, and answers the second with a sign of life or with the outcome of the first, for ``REMEMBERED`` seconds.
4. When the time is over without a sign, or signs have ceased, the outcome is unknown, but from then on the order can't
   be begun. So whoever goes on waits for its airtime, and no two radios are ever on the air with one command.
5. A sender that is cancelled says so, and waits until the order is out of the world, one way or the other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.clock import pause
from gateway.errors import BusFault, BusgateError, Detached, InterfaceDown
from gateway.radio.clocks import SPAN, Clocks
from gateway.radio.orders import TOPIC, Attempt, Order
from gateway.radio.route import Transmitter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup, TaskStatus

    from gateway.abc import Store
    from gateway.path import Path
    from gateway.radio.desk import Desk
    from gateway.radio.gate import Gate

# Seconds.
TIME_TO_LIVE: Final = 1.0
#: Between tellings of what radios there are; a process that was silent for ``GONE`` isn't asked.
BEAT: Final = 5.0
GONE: Final = 16.0
#: After its start a process has heard of all radios.
INTRODUCTION: Final = 1.0
#: Between sendings of an order that gets no sign, and between signs of life.
AGAIN: Final = 0.25
#: Without a sign, after one: the process is gone.
SILENCE: Final = 1.5
REMEMBERED: Final = 60.0
#: On the air, at the longest, of what isn't known.
LONGEST: Final = 1.0
#: Until a lost subscription is tried again.
RETRY: Final = 1.0
#: A rounding error must not become a wait that doesn't end.
GRAIN: Final = 0.001

_log = logging.getLogger("busgate.radio")


@dataclass(slots=True)
class Peer:
    """Another process: its node, its radios by bus, and when it was last heard of."""

    node: str
    radios: dict[str, list[str]]
    heard: float


@dataclass(slots=True)
class Reply:
    """What has come of an order.

    Attributes:
        sent, heard: when it was sent last, and the last sign of life.
        sendings: those that may have arrived.
        withdrawn: whether it is not wanted any more.
    """

    deadline: float
    sent: float = float("-inf")
    heard: float = float("-inf")
    sendings: int = 0
    withdrawn: bool = False
    attempt: Attempt | None = None
    stir: anyio.Event = field(default_factory=anyio.Event)

    @property
    def last(self) -> float:
        """When there was something last that makes it needless to send again."""
        return self.sent if self.withdrawn else max(self.sent, self.heard)

    def left(self, now: float) -> float:
        """Seconds that the sender waits for the next sign; negative: the order is out of the world."""
        return max(self.deadline, self.heard + SILENCE) - now


class Post:
    """Of one process.

    Args:
        me: its id.
    """

    def __init__(self, store: Store, me: str, node: str, desk: Desk, gate: Gate) -> None:
        self._store = store
        self._clock = store.clock
        self._me = me
        self._node = node
        self._desk = desk
        self._gate = gate
        self._clocks = Clocks()
        self._peers: dict[str, Peer] = {}
        self._waiting: dict[str, Reply] = {}
        self._running: dict[str, anyio.CancelScope] = {}
        self._done: dict[str, tuple[float, Attempt]] = {}
        self._news = anyio.Event()
        self._joined = float("-inf")
        self._met = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Carry orders until cancelled; started once others are heard."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._receive, TOPIC / "all", tasks)
            await tasks.start(self._receive, TOPIC / "to" / self._me, tasks)
            tasks.start_soon(self._beat)
            self._joined = self._clock.lease_now()
            task_status.started()

    def changed(self) -> None:
        """The radios here have changed."""
        self._news.set()

    def radios(self, bus: str) -> list[Transmitter]:
        """The radios of other processes."""
        now = self._clock.lease_now()
        self._peers = {me: peer for me, peer in self._peers.items() if peer.heard > now - GONE}
        return [
            Transmitter(me, peer.node, name) for me, peer in self._peers.items() for name in peer.radios.get(bus, ())
        ]

    async def wait_for_radio(self, bus: str) -> None:
        """Wait until a radio of a bus is known; not longer than others need to answer the greeting of this process."""
        while not self.radios(bus) and (left := self._joined + INTRODUCTION - self._clock.lease_now()) > 0:
            self._met = anyio.Event()
            await pause(self._clock, max(GRAIN, left), self._met)

    async def tell_token(self, claim: Path, token: int) -> None:
        """Tell all, the first time, that a run with this token sends commands."""
        if self._gate.note(claim, token):
            await self._say(TOPIC / "all", {"do": "token", "claim": claim, "token": token})

    async def ask(self, to: str, order: Order, deadline: float, airtime: float | None) -> Attempt:
        """Have an order carried out by another process.

        Args:
            deadline: when its writing must have ended, on this node's clock.
            airtime: how long it is on the air, where that is known.

        Returns:
            What came of it. When it returns, the order is off the air, and will not be on it any more.
        """
        fields = {"do": "order", **order.to_map(), "before": self._clocks.theirs(to, deadline)}
        reply = self._waiting[order.id] = Reply(deadline)
        try:
            await self._exchange(to, fields, reply)
            if reply.attempt is None and reply.sendings:
                self._peers.pop(to, None)  # until it is heard of again
                await self._clock.sleep(LONGEST if airtime is None else airtime)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                reply.sent, reply.withdrawn = float("-inf"), True
                await self._exchange(to, {"do": "withdraw", "id": order.id}, reply)
            raise
        finally:
            del self._waiting[order.id]
        return reply.attempt or _unanswered(order, certain=not reply.sendings)

    async def _exchange(self, to: str, fields: dict[str, Any], reply: Reply) -> None:
        """Send until there is a sign, and wait until there is an outcome, or none to be expected."""
        async with anyio.create_task_group() as tasks:
            while reply.attempt is None and (left := reply.left(self._clock.lease_now())) > 0:
                now = self._clock.lease_now()
                if now >= reply.last + AGAIN - GRAIN:
                    reply.sent = now
                    tasks.start_soon(self._send, TOPIC / "to" / to, fields, reply)
                reply.stir = anyio.Event()
                await pause(self._clock, max(GRAIN, min(left, AGAIN)), reply.stir)
            tasks.cancel_scope.cancel()

    async def _send(self, topic: Path, fields: dict[str, Any], reply: Reply) -> None:
        reply.sendings += 1
        if not await self._say(topic, fields):
            reply.sendings -= 1

    async def _say(self, topic: Path, fields: dict[str, Any]) -> bool:
        """Send; whether it may have been sent."""
        try:
            await self._store.publish(topic, {"from": self._me, "at": self._clock.lease_now(), **fields})
        except Detached:
            return False
        except BusgateError as error:
            _log.debug("a message about transmitting may be lost: %s", error)
        return True

    async def _beat(self) -> None:
        greeting = True
        while True:
            self._news = anyio.Event()
            fields = {"do": "radios", "node": self._node, "radios": self._desk.all_radios(), "greeting": greeting}
            if await self._say(TOPIC / "all", fields):
                greeting = False
            await pause(self._clock, BEAT, self._news)

    async def _receive(self, topic: Path, tasks: TaskGroup, *, task_status: TaskStatus[None]) -> None:
        while True:
            try:
                async with self._store.subscribe(topic) as messages:
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED
                    async for message in messages:
                        try:
                            self._read(message.value, tasks.start_soon)
                        except (KeyError, TypeError, ValueError) as error:
                            _log.warning("a message about transmitting can't be read: %s", error)
            except Detached:
                await self._clock.sleep(RETRY)

    def _read(self, fields: dict[str, Any], start_soon: Callable[..., Any]) -> None:
        sender, now = str(fields["from"]), self._clock.lease_now()
        if sender == self._me:
            return
        self._clocks.note(sender, float(fields["at"]), now)
        self._clocks.forget(now - SPAN)
        match fields["do"]:
            case "radios":
                self._peers[sender] = Peer(str(fields["node"]), dict(fields["radios"]), now)
                self._met.set()
                if fields["greeting"]:
                    self.changed()
            case "token":
                self._gate.note(fields["claim"], int(fields["token"]))
            case "order":
                self._take(sender, Order.from_map(fields), start_soon)
            case "withdraw":
                self._withdraw(sender, str(fields["id"]), start_soon)
            case "sign" | "outcome":
                self._answered(fields, now)

    def _answered(self, fields: dict[str, Any], now: float) -> None:
        if (reply := self._waiting.get(fields["id"])) is not None:
            reply.heard = now
            if fields["do"] == "outcome":
                reply.attempt = Attempt.from_map(fields)
                reply.stir.set()

    def _take(self, sender: str, order: Order, start_soon: Callable[..., Any]) -> None:
        """Begin an order, or repeat what is known of it."""
        self._forget()
        if order.id in self._done:
            start_soon(self._tell_outcome, sender, order.id)
        elif order.id not in self._running:
            self._running[order.id] = anyio.CancelScope()
            start_soon(self._carry_out, sender, order)

    def _withdraw(self, sender: str, key: str, start_soon: Callable[..., Any]) -> None:
        if (scope := self._running.get(key)) is not None:
            scope.cancel()
            return
        if key not in self._done:
            error = InterfaceDown("withdrawn before it came", unsent=True)
            self._done[key] = self._clock.lease_now(), Attempt("no", error=error)
        start_soon(self._tell_outcome, sender, key)

    def _forget(self) -> None:
        oldest = self._clock.lease_now() - REMEMBERED
        for key in [key for key, (moment, _) in self._done.items() if moment < oldest]:
            del self._done[key]

    async def _carry_out(self, sender: str, order: Order) -> None:
        """Carry out an order, tell from time to time that it is under way, and send the outcome."""
        attempt = Attempt("perhaps", error=BusFault("withdrawn while it was being transmitted"))
        with self._running[order.id]:
            attempt = await self._with_signs(sender, order, lambda: self._desk.carry_out(order, None))
        self._done[order.id] = self._clock.lease_now(), attempt
        del self._running[order.id]
        await self._tell_outcome(sender, order.id)

    async def _with_signs(self, sender: str, order: Order, work: Callable[[], Awaitable[Attempt]]) -> Attempt:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._signs, sender, order.id)
            attempt = await work()
            tasks.cancel_scope.cancel()
        return attempt

    async def _signs(self, sender: str, key: str) -> None:
        while True:
            await self._say(TOPIC / "to" / sender, {"do": "sign", "id": key})
            await self._clock.sleep(AGAIN)

    async def _tell_outcome(self, sender: str, key: str) -> None:
        attempt = self._done[key][1]
        await self._say(TOPIC / "to" / sender, {"do": "outcome", "id": key, **attempt.to_map()})


def _unanswered(order: Order, *, certain: bool) -> Attempt:
    """What is known of an order without an answer; ``certain``: it was never sent."""
    error = f"bus {order.bus}: no answer of the node that was to send {order.command} to {order.device}"
    if certain:
        return Attempt("no", error=InterfaceDown(f"{error}: the store is out of reach", unsent=True))
    return Attempt("perhaps", error=BusFault(error))
