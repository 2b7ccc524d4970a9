"""The stick at the other end of the line: handshake, one command at a time, and what it hears.

Theory of operation
-------------------
1. One task receives all the time. Answers go to whoever waits for one; what comes from the air is handed on at once.
2. One command is outstanding at a time. An answer to a command from the air carries its sequence number, one to a
   control command the command itself: an answer that comes too late is taken for no other, and counted.
3. A command goes out whole or not at all, because the half of a packet would spoil the next: while its bytes leave,
   cancellation waits. The next command waits for the answer to a cancelled one, or until that is overdue.
4. Between reset and status the stick may send the rest of what it was at; that is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

import anyio

from busgate_rfxtrx import packets
from gateway.abc import UNFENCED
from gateway.bus.frames import Frames
from gateway.bus.framing import NETWORK_GAP, USB_GAP, LengthFramer
from gateway.errors import InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from busgate_rfxtrx.options import Options
    from busgate_rfxtrx.packets import Status
    from gateway.abc import DriverContext, Permit

#: Seconds after a reset in which the stick is deaf; the user guide of RFXCOM asks for 50 ms at least, and 500 are safe.
RESET_TIME: Final = 0.5
#: Seconds within which an answer comes. A stick that waits for quiet air transmits after 3 s: that is then not known.
ANSWER: Final = 2.0
#: How often the stick is asked for its status until it is taken for dead.
ATTEMPTS: Final = 2
#: Seconds that an adapter may keep bytes until they go out, beyond what the line takes for them.
SLACK: Final = 0.02
#: Bits on the line for one byte: start, eight of data, stop.
BITS_PER_BYTE: Final = 10


@dataclass(eq=False)
class _Awaited:
    """The answer to the outstanding command; until ``deadline``, a time of the event loop."""

    matches: Callable[[bytes], bool]
    deadline: float
    answer: bytes | None = None
    come: anyio.Event = field(default_factory=anyio.Event)


class Transceiver:
    """One stick, as long as its line is open.

    Args:
        hear: is called with each packet from the air.
    """

    def __init__(
        self, line: ByteStream, options: Options, context: DriverContext, hear: Callable[[bytes], None]
    ) -> None:
        gap = NETWORK_GAP if options.port.startswith("socket:") else USB_GAP
        self.framer = LengthFramer(packets.LEAST_LENGTH, packets.MOST_LENGTH, gap=gap, accept=packets.plausible)
        self.status: Status | None = None
        self.received = 0
        self.late = 0  # answers for which nobody waits any more
        self._line = line
        self._options = options
        self._clock = context.clock
        self._log = context.log
        self._hear = hear
        self._deaf = False
        self._turn = anyio.Lock()
        self._awaited: _Awaited | None = None
        self._sequence = 0
        self._lost: Exception | None = None

    async def run(self) -> NoReturn:
        """Receive until the line is lost; raises InterfaceDown then."""
        try:
            async for packet in Frames(self._line, self.framer, self._clock):
                if not self._deaf:
                    self.received += 1
                    self._take(packet)
        except Exception as error:
            self._lost = error
            if self._awaited:
                self._awaited.come.set()
            raise
        raise InterfaceDown("the line has ended")

    def _take(self, packet: bytes) -> None:
        if packet[1] not in (packets.INTERFACE_MESSAGE, packets.TRANSMITTER_MESSAGE):
            self._hear(packet)
        elif (awaited := self._awaited) and awaited.answer is None and awaited.matches(packet):
            awaited.answer = packet
            awaited.come.set()
        else:
            self.late += 1

    async def greet(self) -> None:
        """Make it ready from whatever it was at.

        Raises:
            InterfaceDown: it gives no answer.
        """
        await self._reset()
        status = await self._ask_status()
        if (modes := self._options.protocols) is not None:
            status = packets.read_status(await self._control(packets.SET_MODE, packets.set_mode(status, modes)))
            if refused := sorted(set(modes) - set(status.modes)):
                self._log.warning("the stick does not receive %s: its firmware can't", ", ".join(refused))
        self.status = status
        await self._control(packets.START_RECEIVER)

    async def _reset(self) -> None:
        self._deaf = True
        async with self._turn:
            await self._send(packets.control(packets.RESET, 0))
        await self._clock.sleep(RESET_TIME)
        self.framer.reset()
        self._deaf = False

    async def _ask_status(self) -> Status:
        for attempt in range(ATTEMPTS):
            try:
                return packets.read_status(await self._control(packets.GET_STATUS))
            except InterfaceDown:
                if self._lost or attempt + 1 == ATTEMPTS:
                    raise
        raise AssertionError

    async def probe(self) -> None:
        """See that it lives: it answers, or has sent something while it was to be asked.

        One that has restarted by itself answers, but hears nothing before it is told to; so it is told again.

        Raises:
            InterfaceDown: it gives no answer, or has forgotten its receiving modes.
        """
        before = self.received
        for _ in range(ATTEMPTS):
            with anyio.move_on_after(ANSWER):
                async with self._turn:
                    if self.received == before:
                        await self._ask_again()
            if self.received != before:
                return
        raise InterfaceDown(f"{self._options.port}: no answer to {ATTEMPTS} requests for its status")

    async def _ask_again(self) -> None:
        """In one's turn."""
        ask = packets.control(packets.GET_STATUS, self._next())
        if answer := await self._exchange(ask, _answers(packets.GET_STATUS)):
            if self.status and packets.read_status(answer).modes != self.status.modes:
                raise InterfaceDown(f"{self._options.port}: the stick has restarted: it has other receiving modes")
            start = packets.control(packets.START_RECEIVER, self._next())
            await self._exchange(start, _answers(packets.START_RECEIVER))

    async def transmit(self, packet: bytes, permit: Permit) -> bytes | None:
        """Have a telegram sent; its sequence number is filled in. Return the stick's answer, None when none comes.

        Raises:
            ClaimLost: nothing was written.
            InterfaceDown: the line was lost.
        """
        async with self._turn:
            sequence = self._next()
            return await self._exchange(packet[:3] + bytes([sequence]) + packet[4:], _follows(sequence), permit)

    def write_time(self, packet: bytes) -> float:
        """Seconds until all of it has left."""
        return len(packet) * BITS_PER_BYTE / self._options.baudrate + SLACK

    async def _control(self, command: int, rest: bytes = b"") -> bytes:
        async with self._turn:
            answer = await self._exchange(packets.control(command, self._next(), rest), _answers(command))
        if answer is None:
            raise InterfaceDown(f"{self._options.port}: no answer within {ANSWER:g} s: is an RFXtrx there?")
        return answer

    async def _exchange(
        self, packet: bytes, matches: Callable[[bytes], bool], permit: Permit = UNFENCED
    ) -> bytes | None:
        """Send a packet and wait for its answer, in one's turn."""
        if (last := self._awaited) and not last.come.is_set():
            with anyio.move_on_after(max(0.0, last.deadline - anyio.current_time())):
                await last.come.wait()
        permit.check(self.write_time(packet))
        awaited = self._awaited = _Awaited(matches, anyio.current_time() + ANSWER)
        await self._send(packet)
        with anyio.move_on_after(ANSWER):
            await awaited.come.wait()
        if self._lost:
            raise self._lost
        return awaited.answer

    async def _send(self, packet: bytes) -> None:
        with anyio.CancelScope(shield=True):
            await self._line.send(packet)

    def _next(self) -> int:
        """The next sequence number; 0 is that of the reset."""
        self._sequence = self._sequence % 255 + 1
        return self._sequence


def _answers(command: int) -> Callable[[bytes], bool]:
    """Whether a packet answers a command to the stick; an old firmware says that it doesn't know it."""
    return lambda packet: packet[1] == packets.INTERFACE_MESSAGE and packet[4] == command


def _follows(sequence: int) -> Callable[[bytes], bool]:
    """Whether a packet says what has become of the telegram with that sequence number."""

    def matches(packet: bytes) -> bool:
        told = (packets.TRANSMITTER_MESSAGE, packets.TRANSMITTED), (packets.INTERFACE_MESSAGE, packets.WRONG_COMMAND)
        return (packet[1], packet[2]) in told and packet[3] == sequence

    return matches
