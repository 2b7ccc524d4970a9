"""A radio stick: its program, its antenna, its line, and a port that a host opens.

Theory of operation
 1. A stick lives from one boot to the next; `plug` and `restart` begin a life, `unplug` ends the last one. What was
    under way on the line or on the air ends with a life; the port stays over a restart.
 2. The program decides what to do and does nothing itself. Orders to send are carried out one after the other: wait
    for a quiet moment if this kind does, send, acknowledge.
 3. Trouble is asked at the few places where it can happen: before bytes are taken from the host, before an order is
    carried out, when a copy comes from the air, when a frame goes to the host.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from hwsim.radio.air import TOGETHER
from hwsim.radio.firmware import Answer, Effect, Firmware, Outcome, Reboot, Transmit
from hwsim.radio.gate import Gate, Queue
from hwsim.radio.line import BITS_PER_BYTE, Line
from hwsim.radio.port import MemoryPort, Port

if TYPE_CHECKING:
    from random import Random

    from anyio.abc import TaskGroup, TaskStatus

    from hwsim.clock import HouseTime
    from hwsim.radio.air import Air
    from hwsim.radio.signal import Band, Heard

_LISTEN_AGAIN = 0.005
_PAUSE = 0.02
"""Seconds without a signal after which the air counts as quiet, so that pauses between copies don't."""
_NOTHING = -200.0


@dataclass
class StickTraffic:
    """Counters of one stick since the house began to run."""

    boots: int = 0
    orders: int = 0
    """Telegrams that the host wanted to be sent."""
    sent: int = 0
    """Those that went out."""
    acknowledged: int = 0
    reports: int = 0
    """Telegrams that were reported to the host."""


@dataclass
class Reply:
    """How the next `count` orders are treated, or all while it is there."""

    refuse: bool = False
    """Not sent, and the host is told so."""
    silent: bool = False
    """Sent, and never acknowledged."""
    late: float = 0.0
    """Sent, and acknowledged so many seconds later."""
    count: int | None = None


@dataclass
class StickTrouble:
    """What is wrong with a stick."""

    awake: Gate = field(default_factory=Gate)
    """Closed: its program hangs."""
    reading: Gate = field(default_factory=Gate)
    """Closed: it takes no bytes from the host."""
    deaf: int = 0
    """How many faults keep it from hearing anything."""
    replies: list[Reply] = field(default_factory=list)


@dataclass
class Reach:
    """How well a stick hears."""

    loss: float = 0.0
    copy_loss: float = 0.0
    sensitivity: float = -115.0
    every_copy: bool = False
    """Report each copy of a telegram, not the first alone."""


class Stick:
    """One stick of a house; also a `Receiver` on its air."""

    def __init__(
        self, name: str, firmware: Firmware, air: Air, time: HouseTime, random: Random, reach: Reach, latency: float
    ) -> None:
        self.name = name
        self.firmware = firmware
        self.band: Band = firmware.band
        self.loss, self.copy_loss, self.sensitivity = reach.loss, reach.copy_loss, reach.sensitivity
        self.noise = _NOTHING
        self.random = random
        self.traffic = StickTraffic()
        self.trouble = StickTrouble()
        self.port: Port = MemoryPort(name)
        self._air = air
        self._time = time
        self._every_copy = reach.every_copy
        self._latency = latency
        self._orders: Queue[Transmit] = Queue()
        self._reported: deque[int] = deque(maxlen=TOGETHER)
        self._scope: anyio.CancelScope | None = None
        self._life: TaskGroup | None = None
        self._dead = anyio.Event()
        self._cause = 0
        self.use(self.port)

    def use(self, port: Port) -> None:
        """Take another port, while it is not plugged in."""
        self.port = port
        self.line = Line(port, self._time, self.random, baud=self.firmware.baud, latency=self._latency)

    @property
    def plugged(self) -> bool:
        return self._scope is not None

    @property
    def listening(self) -> bool:
        awake = self._life is not None and self.trouble.awake.is_open and not self.trouble.deaf
        return awake and self.firmware.listening(self._time.now())

    def strength_at(self, receiver: str) -> float | None:
        """Sticks reach each other as usual in this air."""
        return None

    async def plug(self, tasks: TaskGroup) -> None:
        """Be there and boot; its tasks live in `tasks`. Does nothing if it is.

        Raises:
            OSError: the port can't be made.
        """
        if not self.plugged:
            self.port.plug()
            self._air.add(self)
            await tasks.start(self._live)

    async def unplug(self) -> None:
        """Be gone; returns when it is. Does nothing if it is not there."""
        if self._scope is not None:
            self._scope.cancel()
            await self._dead.wait()

    def restart(self, cause: int = 0) -> None:
        """Boot anew, with the port as it is."""
        self._cause = cause
        if self._life is not None:
            self._life.cancel_scope.cancel()

    def hear(self, heard: Heard) -> None:
        if self._every_copy or heard.transmission not in self._reported:
            effects = self.firmware.heard(heard, self._time.now())
            if effects:
                self._reported.append(heard.transmission)
                self.traffic.reports += 1
            self._do(effects)

    async def _live(self, *, task_status: TaskStatus[None]) -> None:
        self._dead = anyio.Event()
        try:
            with anyio.CancelScope() as self._scope:
                task_status.started()
                while True:
                    await self._live_once()
        finally:
            self._scope = None
            self._air.remove(self.name)
            self.port.unplug()
            self._dead.set()

    async def _live_once(self) -> None:
        self.line.clear()
        self._orders.clear()
        self.traffic.boots += 1
        cause, self._cause = self._cause, 0
        try:
            async with anyio.create_task_group() as self._life:
                self._do(self.firmware.power_up(cause, self._time.now()))
                self._life.start_soon(self.line.run, self.trouble.awake)
                self._life.start_soon(self._carry_out)
                self._life.start_soon(self.port.serve, self._take, self._opened)
        finally:
            self._life = None

    def _opened(self) -> None:
        self._do(self.firmware.opened(self._time.now()))

    async def _take(self, data: bytes) -> None:
        """Bytes from the host, at the speed of the line."""
        await self._time.sleep(len(data) * BITS_PER_BYTE / self.firmware.baud)
        await self.trouble.reading.passing()
        await self.trouble.awake.passing()
        self._do(self.firmware.from_host(data, self._time.now()))

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Answer():
                    self._answer(effect)
                case Transmit():
                    self.traffic.orders += 1
                    self._orders.put(effect)
                case Reboot(after=0):
                    self.restart(effect.cause)
                    return
                case Reboot() if self._life is not None:
                    self._life.start_soon(self._restart_later, effect)

    def _answer(self, answer: Answer, late: float = 0.0) -> None:
        if answer.after + late > 0 and self._life is not None:
            self._life.start_soon(self._answer_later, answer.data, answer.after + late)
        else:
            self.line.put(answer.data)

    async def _answer_later(self, data: bytes, seconds: float) -> None:
        await self._time.sleep(seconds)
        self.line.put(data)

    async def _restart_later(self, reboot: Reboot) -> None:
        await self._time.sleep(reboot.after)
        self.restart(reboot.cause)

    async def _carry_out(self) -> None:
        while True:
            order = await self._orders.take()
            await self.trouble.awake.passing()
            reply = self._reply()
            outcome = Outcome.REFUSED if reply.refuse else await self._quiet_moment()
            if self.firmware.acknowledges_early:
                self._acknowledge(order, outcome, reply)
            if not reply.refuse:
                await self._air.transmit(self, order.content, pace=order.pace, copies=order.copies)
                self.traffic.sent += 1
            if not self.firmware.acknowledges_early:
                self._acknowledge(order, outcome, reply)

    def _reply(self) -> Reply:
        replies = self.trouble.replies
        if not replies:
            return Reply()
        reply = replies[0]
        if reply.count is not None:
            reply.count -= 1
            if reply.count == 0:
                replies.remove(reply)
        return reply

    async def _quiet_moment(self) -> Outcome:
        end = self._time.now() + self.firmware.patience
        while self._time.now() < end:
            if not self._air.busy(self, _PAUSE):
                return Outcome.SENT
            await self._time.sleep(_LISTEN_AGAIN)
        return Outcome.DELAYED if self.firmware.patience else Outcome.SENT

    def _acknowledge(self, order: Transmit, outcome: Outcome, reply: Reply) -> None:
        if not reply.silent:
            self.traffic.acknowledged += 1
            for answer in self.firmware.sent(order.order, outcome):
                self._answer(answer, reply.late)
