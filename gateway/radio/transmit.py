"""Transmit: gets a command onto the air, by the radio that reaches its device, on this node or another.

Theory of operation
-------------------
1. A command is tried by one radio at a time: the one that hears its device best (:mod:`gateway.radio.route`). The next
   attempt begins only when the last one is off the air for certain, or can't be begun any more.
2. What certainly wasn't transmitted is tried by the next radio. What may have been is repeated only if that does no
   harm (``repeatable``): once by the same radio, after a random while, then once by the next one. Otherwise its level
   is "unknown".
3. A device that obeys one transmitter only (``bound``) is reached by the radio of this node that knows it, and by no
   other: a command fails at once when that doesn't work. Another node's radio may be it only when all radios of this
   node are up and none of them knows the device.
4. The command of a run with a claim bears its token, and is void before the lease of its node ends. All nodes are told
   of a token before its first command. What is refused for a lost claim isn't tried elsewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.cluster.fence import Fence
from gateway.errors import InterfaceDown
from gateway.radio.airtime import Airtime
from gateway.radio.desk import Desk
from gateway.radio.gate import Gate
from gateway.radio.orders import Attempt, Order, Sent
from gateway.radio.post import TIME_TO_LIVE, Post
from gateway.radio.route import Router, Transmitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskStatus

    from gateway.abc import Permit, Store
    from gateway.bus.interfaces import Interfaces
    from gateway.cluster.claim_view import ClaimView
    from gateway.cluster.presence import Presence
    from gateway.errors import BusgateError
    from gateway.path import Path
    from gateway.radio.radio import Answer, Radio
    from gateway.values import Transmission

#: Seconds, least and most, until a command is repeated by the same radio.
PAUSE: Final = (0.1, 0.3)
#: Seconds within which a device answers.
ANSWER: Final = 2.0
#: Radios that may have transmitted a command, at most.
RADIOS: Final = 2
#: Seconds before the end of the lease of a run's node when its commands are void; clocks drift by less.
MARGIN: Final = 0.05

_log = logging.getLogger("busgate.radio")


class Transmit:
    """The transmitting side of one node; entitled to other nodes' radios while :meth:`run` runs.

    Args:
        presence: of this node.
        place: where the airtime of this node's radios is kept.
        duty_cycle: share of the time that a radio may be on the air, by band; an interface's own option of that name
            goes before it, and it before ERC Recommendation 70-03.
    """

    def __init__(
        self,
        store: Store,
        node: str,
        interfaces: Interfaces,
        radio: Radio,
        presence: Presence,
        place: Path,
        duty_cycle: Mapping[str, float] | None = None,
    ) -> None:
        self._store = store
        self._clock = store.clock
        self._node = node
        self._interfaces = interfaces
        self._radio = radio
        self._gate = Gate(store.clock, presence)
        self._desk = Desk(interfaces, radio, Airtime(store, place / node, duty_cycle), self._gate)
        self._post = Post(store, radio.sender, node, self._desk, self._gate)
        self._router = Router()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Transmit for other nodes, and by them, until cancelled."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._post.run)
            tasks.start_soon(self._watch_radios)
            task_status.started()

    async def _watch_radios(self) -> None:
        told = self._desk.all_radios()
        while True:
            await self._interfaces.changed()
            if (found := self._desk.all_radios()) != told:
                told = found
                self._post.changed()

    def add_view(self, base: Path, view: ClaimView) -> None:
        """A runner of this node watches the claims below that path."""
        self._gate.add_view(base, view)

    def carries(self, bus: str) -> bool:
        """Whether a bus is one of radios that are told from each other, as far as is known."""
        return bool(self._desk.radios(bus) or self._post.radios(bus))

    async def send(self, bus: str, device: str, command: str, values: Mapping[str, Any], permit: Permit) -> Sent:
        """Send a command.

        Args:
            values: of the command; ``urgent=True`` among them lets it use the reserve of the airtime.
            permit: of the run.

        Raises:
            InterfaceDown: no radio could transmit it; none did.
            NoAirtime: it has to wait; nothing was transmitted.
            BusFault: no radio says that it was transmitted; unless it is ``unsent``, it may have been, several times.
            ClaimLost: the run may transmit no more; what may be repeated may have been transmitted before.
            WriteRefused, NoSuchDevice, Unsupported: it wasn't transmitted.
        """
        if not self.carries(bus):
            await self._post.wait_for_radio(bus)
        plain = {name: value for name, value in values.items() if name != "urgent"}
        order = Order(self._new_id(), bus, "", device, command, plain, bool(values.get("urgent", False)))
        if isinstance(permit, Fence):
            order = replace(order, claim=permit.claim, token=permit.token)
            await self._post.tell_token(permit.claim, permit.token)
        with self._radio.answer(bus, device) as answer:
            return await _Errand(self, order, permit, answer).run()

    def _new_id(self) -> str:
        return f"{self._store.random.getrandbits(64):016x}"

    def plan(self, order: Order, meaning: tuple[str, Transmission] | None) -> list[Transmitter]:
        """The radios to be tried."""
        own = [Transmitter("", self._node, name) for name in self._desk.radios(order.bus)]
        if meaning is not None and meaning[1].bound:
            return [radio for radio in own if radio.name == meaning[0]]
        known = self._radio.bus(order.bus).quality.of(order.device)
        links = {} if known is None else known.links
        return self._router.order(order.bus, order.device, own + self._post.radios(order.bus), links)

    def meaning(self, order: Order) -> tuple[str, Transmission] | None:
        """Which radio of this node can transmit a command, and what it is on the air; None: none of them."""
        return self._desk.meaning(order.bus, order.device, order.command, order.values)

    async def attempt(
        self, order: Order, radio: Transmitter, permit: Permit, meaning: tuple[str, Transmission] | None
    ) -> Attempt:
        """Have a command transmitted by one radio, once."""
        order = replace(order, id=self._new_id(), interface=radio.name)
        if not radio.process:
            return await self._desk.carry_out(order, permit)
        permit.check(0.0)
        now = self._clock.lease_now()
        left = permit.left - MARGIN if isinstance(permit, Fence) else TIME_TO_LIVE
        order = replace(order, may_be_bound=meaning is None and self._desk.complete(order.bus))
        airtime = None if meaning is None else meaning[1].airtime
        return await self._post.ask(radio.process, order, now + min(TIME_TO_LIVE, left), airtime)

    def nothing_up(self, bus: str) -> InterfaceDown:
        """What is raised when there is no radio."""
        why = self._interfaces.explain(bus)
        return InterfaceDown(f"bus {bus!r} is not up here, nor known of another node: {why}", unsent=True)

    async def pause(self) -> None:
        """Wait before a command is repeated."""
        await self._clock.sleep(self._store.random.uniform(*PAUSE))

    async def level(self, attempt: Attempt, answer: Answer) -> Any:
        """How far a command has come that was transmitted."""
        return 3 if attempt.answers and await answer.within(ANSWER) else attempt.level

    def begin(self, answer: Answer) -> None:
        """An attempt begins: what the device said before is no answer to it."""
        answer.since = self._clock.lease_now()


@dataclass(slots=True)
class _Errand:
    """One command on its way."""

    transmit: Transmit
    order: Order
    permit: Permit
    answer: Answer

    async def run(self) -> Sent:
        meaning = self.transmit.meaning(self.order)
        last: BusgateError | None = None
        doubtful = 0
        for radio in self.transmit.plan(self.order, meaning):
            attempt = await self._by(radio, meaning)
            if attempt.sent == "yes":
                return self._sent(radio, await self.transmit.level(attempt, self.answer))
            if attempt.refused or not doubtful:
                last = attempt.error
            if attempt.sent == "perhaps":
                last = attempt.error
                if not attempt.repeatable or attempt.bound:
                    _log.warning("%s to %s by %s: %s", self.order.command, self.order.device, radio.source, last)
                    return self._sent(radio, "unknown")
                doubtful += 1
            if attempt.refused or attempt.bound or doubtful == RADIOS:
                break
        raise last or self.transmit.nothing_up(self.order.bus)

    async def _by(self, radio: Transmitter, meaning: tuple[str, Transmission] | None) -> Attempt:
        """Try one radio, and once more if that may help and does no harm."""
        known = meaning is not None and meaning[1].repeatable and not meaning[1].bound
        self.transmit.begin(self.answer)
        attempt = await self.transmit.attempt(self.order, radio, self.permit, meaning)
        attempt = replace(attempt, repeatable=attempt.repeatable or known)
        if not attempt.again or not attempt.repeatable or attempt.bound:
            return attempt
        await self.transmit.pause()
        second = await self.transmit.attempt(self.order, radio, self.permit, meaning)
        unsure = second.sent == "no" and attempt.sent == "perhaps" and not second.refused
        return attempt if unsure else replace(second, repeatable=True)

    def _sent(self, radio: Transmitter, level: Any) -> Sent:
        return {"id": self.order.id, "level": level, "interface": radio.source}
