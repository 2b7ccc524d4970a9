"""Radio: what this node hears, what others tell of what they hear, and who takes it.

Theory of operation
-------------------
1. Every node tells all others of each reception, at once; and, so that clocks can be compared, of its time each
   ``BEAT`` seconds. All keep the same memory of it (:mod:`gateway.radio.memory`), each with times of its own clock.
   While a node has not heard of any other, it tells its time alone.
2. A consumer gets each telegram once, at its first reception: nobody waits for a second one. It *takes* the telegram
   when it asks for the next one; that is told to all before it gets the next one. So when its node dies, at most the
   telegram in its hand comes again, on the node where the consumer listens next.
3. Messages may get lost. A receiver sends again what isn't taken; a taker that hears of something taken tells so again.
   A node that has just started greets the others, and those who listen tell so: what it hears is kept for them.
4. Of what a node transmits it tells all before, so that nobody takes the echo for a telegram.
5. While the store is out of reach, what this node's own receivers hear goes to its own consumers all the same.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import BusgateError, Detached
from gateway.radio.clocks import Clocks
from gateway.radio.lateness import Lateness
from gateway.radio.listening import Heard, Listening
from gateway.radio.memory import REMEMBERED, Memory
from gateway.radio.quality import Quality
from gateway.radio.receptions import TOPIC, Reception

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.bus.interfaces import Interfaces, InterfaceSpec
    from gateway.radio.memory import Entry
    from gateway.values import Message, Telegram

#: Seconds between a node's tellings of its time, and of its consumers.
BEAT: Final = 10.0
#: Seconds between looks at what is to be sent again.
LOOK: Final = 0.25
#: Seconds until a lost subscription is tried again.
RETRY: Final = 1.0
#: Seconds that telling of one's leaving may take.
LEAVING: Final = 1.0
#: Seconds that telling of a transmission may delay it.
TELLING: Final = 0.2
#: Receptions that wait to be sent; with one more the oldest is sent when it is missed.
WAITING: Final = 4096


@dataclass(slots=True)
class Bus:
    """What is known of one bus."""

    memory: Memory
    quality: Quality
    listening: list[Listening]
    answers: list[Answer]


class Answer:
    """The next telegram of one device; see :meth:`Radio.answer`."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.since = float("-inf")
        self._come = anyio.Event()

    def hear(self, device: str, time: float) -> None:
        """A telegram of a device was heard at that time of the lease clock."""
        if device == self.device and time >= self.since:
            self._come.set()

    async def within(self, seconds: float) -> bool:
        """Wait for it; whether it has come."""
        with anyio.move_on_after(seconds):
            await self._come.wait()
        return self._come.is_set()


class Radio:
    """The radio of one node; follows while :meth:`run` runs.

    Args:
        interfaces: those of this node.
    """

    def __init__(self, store: Store, node: str, interfaces: Interfaces | None = None) -> None:
        self.sender = f"{node}-{store.random.getrandbits(48):012x}"
        self._store = store
        self._clock = store.clock
        self._node = node
        self._interfaces = interfaces
        self._clocks = Clocks()
        self._lateness = Lateness(store.clock)
        self._buses: dict[str, Bus] = {}
        self._number = 0
        self._outbox: deque[tuple[str | None, dict[str, Any]]] = deque(maxlen=WAITING)
        self._filled = anyio.Event()
        self._stirred = anyio.Event()
        self._log = logging.getLogger("busgate.radio")

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow until cancelled; started once others are heard."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._receive)
            tasks.start_soon(self._send)
            tasks.start_soon(self._beat)
            tasks.start_soon(self._send_again)
            if self._has_hardware:
                tasks.start_soon(self._lateness.run)
            if self._interfaces is not None:
                tasks.start_soon(self._interfaces.hear, self.hear)
            task_status.started()

    @property
    def _has_hardware(self) -> bool:
        """Whether this node may hear something; unknown without ``interfaces``."""
        return self._interfaces is None or bool(self._interfaces.buses)

    def bus(self, name: str) -> Bus:
        """What is known of a bus."""
        if (bus := self._buses.get(name)) is None:
            bus = self._buses[name] = Bus(Memory(), Quality(), [], [])
        return bus

    def hear(self, spec: InterfaceSpec, telegram: Telegram) -> None:
        """An interface of this node has heard a telegram."""
        self._number += 1
        late, source = self._lateness.of(telegram.heard), f"{self._node}/{spec.name}"
        reception = Reception(self.sender, self._number, spec.bus, source, telegram, late)
        self._take_in(reception, telegram.heard, own=True)
        if self._clocks:
            self._post(reception, again=False)

    @asynccontextmanager
    async def listen(self, bus: str, consumer: str, *, leaves: bool = False) -> AsyncIterator[Listening]:
        """Get the telegrams of a bus for a consumer: those that it hasn't taken elsewhere, and from now on all.

        Args:
            leaves: whether the consumer is gone for good afterwards, and will not go on on another node.
        """
        found = self.bus(bus)
        listening = Listening(bus, consumer, self._took)
        found.memory.know(consumer, self._clock.lease_now())
        for entry in found.memory.untaken(consumer, self._clock.lease_now()):
            self._give(listening, entry, replayed=True)
        found.listening.append(listening)
        await self._tell(bus, {"do": "listen", "consumer": consumer})
        try:
            yield listening
        finally:
            found.listening.remove(listening)
            if leaves:
                found.memory.forget(consumer)
                with anyio.move_on_after(LEAVING, shield=True):
                    await self._tell(bus, {"do": "leave", "consumer": consumer})

    async def expect_echo(self, bus: str, key: bytes, seconds: float) -> None:
        """This node transmits what has this key, within so many seconds from now."""
        since = self._clock.lease_now()
        self.bus(bus).memory.expect(key, since, since + seconds)
        with anyio.move_on_after(TELLING):
            await self._tell(bus, {"do": "expect", "key": key, "since": since, "until": since + seconds})

    @contextmanager
    def answer(self, bus: str, device: str) -> Iterator[Answer]:
        """While this is entered, it is noted whether a device says something after ``since``."""
        answer = Answer(device)
        self.bus(bus).answers.append(answer)
        try:
            yield answer
        finally:
            self.bus(bus).answers.remove(answer)

    async def _took(self, bus: str, consumer: str, entry: Entry) -> None:
        """A consumer here has dealt with a telegram; cancelled, it is told to all nevertheless."""
        self.bus(bus).memory.know(consumer, self._clock.lease_now())
        entry.taken.add(consumer)
        if not self._clocks:
            return
        try:
            await self._publish(bus, _taken(consumer, entry))
        except anyio.get_cancelled_exc_class():
            self._enqueue(bus, _taken(consumer, entry))
            raise

    def _take_in(self, reception: Reception, time: float, *, own: bool, again: bool = False) -> None:
        bus, now = self.bus(reception.bus), self._clock.lease_now()
        entry = bus.memory.receive(reception, time, now, own=own)
        if own:
            self._stirred.set()
        if not again and not entry.echo:  # an echo tells how well our own transmitter is heard
            bus.quality.note(reception, time)
        for answer in bus.answers:
            if not entry.echo:
                answer.hear(reception.telegram.device, time)
        for listening in bus.listening:
            if not entry.settled(listening.consumer):
                self._give(listening, entry, replayed=again)
            elif again and not entry.echo:
                self._enqueue(reception.bus, _taken(listening.consumer, entry))

    def _give(self, listening: Listening, entry: Entry, *, replayed: bool) -> None:
        assert entry.first is not None
        age = max(0.0, self._clock.lease_now() - entry.time)
        listening.give(entry, Heard(entry.first, entry.heard, self._clock.now() - age, age, replayed))

    def _post(self, reception: Reception, *, again: bool) -> None:
        self._enqueue(reception.bus, {"do": "hear", "again": again, **reception.to_map()})

    def _enqueue(self, bus: str | None, fields: dict[str, Any]) -> None:
        self._outbox.append((bus, fields))
        self._filled.set()

    async def _send(self) -> None:
        while True:
            while self._outbox:
                await self._tell(*self._outbox.popleft())
            self._filled = anyio.Event()
            await self._filled.wait()

    async def _tell(self, bus: str | None, fields: dict[str, Any]) -> None:
        """Tell all nodes, if there are others."""
        if self._clocks:
            await self._publish(bus, fields)

    async def _publish(self, bus: str | None, fields: dict[str, Any]) -> None:
        """Tell all nodes something of a bus, or of none; what gets lost is told again when it is missed."""
        sent = {"sender": self.sender, "sent": self._clock.lease_now(), **fields}
        try:
            await self._store.publish(TOPIC if bus is None else TOPIC / bus, sent)
        except Detached:
            return
        except BusgateError as error:
            self._log.error("a telegram of bus %s can't be told to other nodes: %s", bus, error)

    async def _beat(self) -> None:
        while True:
            if self._buses or self._has_hardware:
                await self._publish(None, {"do": "beat"})
            for name, bus in list(self._buses.items()):  # there may be more when this has been told
                for listening in list(bus.listening):
                    bus.memory.know(listening.consumer, self._clock.lease_now())
                    await self._tell(name, {"do": "listen", "consumer": listening.consumer})
            self._clocks.forget(self._clock.lease_now() - REMEMBERED)
            await self._clock.sleep(BEAT)

    async def _send_again(self) -> None:
        while True:
            self._stirred = anyio.Event()
            if not any(bus.memory.unsettled for bus in self._buses.values()):
                await self._stirred.wait()
            await self._clock.sleep(LOOK)
            for bus in self._buses.values():
                for reception in bus.memory.again(self._clock.lease_now()):
                    if self._clocks:
                        self._post(reception, again=True)

    async def _receive(self, *, task_status: TaskStatus[None]) -> None:
        while True:
            try:
                async with self._store.subscribe(TOPIC, queue=WAITING) as messages:
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED
                    await self._publish(None, {"do": "greet"})
                    async for message in messages:
                        self._arrived(message)
            except Detached:
                await self._clock.sleep(RETRY)

    def _arrived(self, message: Message) -> None:
        try:
            self._read(str(message.topic[-1]), message.value)
        except (KeyError, TypeError, ValueError) as error:
            self._log.warning("a message about radio can't be read: %s: %s", type(error).__name__, error)

    def _read(self, bus: str, fields: dict[str, Any]) -> None:
        sender, now = str(fields["sender"]), self._clock.lease_now()
        if sender == self.sender:
            return
        self._clocks.note(sender, float(fields["sent"]), now)
        if fields["do"] == "beat":
            return
        if fields["do"] == "greet":
            self._answer_greeting()
            return
        memory = self.bus(bus).memory
        match fields["do"]:
            case "hear":
                reception = Reception.from_map(sender, bus, fields)
                time = self._clocks.ours(sender, reception.telegram.heard)
                self._take_in(reception, time, own=False, again=bool(fields["again"]))
            case "take":
                ids = [(str(one), int(number)) for one, number in fields["ids"]]
                time = self._clocks.ours(sender, float(fields["time"]))
                key, window, late = bytes(fields["key"]), float(fields["window"]), float(fields["late"])
                memory.take(str(fields["consumer"]), ids, key, window, time, now, late)
            case "expect":
                since, until = (self._clocks.ours(sender, float(fields[name])) for name in ("since", "until"))
                memory.expect(bytes(fields["key"]), since, until)
            case "listen":
                memory.know(str(fields["consumer"]), now)
            case "leave":
                memory.forget(str(fields["consumer"]))

    def _answer_greeting(self) -> None:
        self._enqueue(None, {"do": "beat"})
        for name, bus in self._buses.items():
            for listening in bus.listening:
                self._enqueue(name, {"do": "listen", "consumer": listening.consumer})


def _taken(consumer: str, entry: Entry) -> dict[str, Any]:
    ids = [list(one) for one in sorted(entry.ids)]
    return {
        "do": "take", "consumer": consumer, "ids": ids,
        "key": entry.key, "window": entry.window, "time": entry.time, "late": entry.late,
    }  # fmt: skip
