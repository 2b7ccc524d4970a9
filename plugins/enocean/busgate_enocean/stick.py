"""An open stick: one task that receives, and commands that wait for their response.

Theory of operation
-------------------
1. A stick answers each packet with a RESPONSE within 500 ms (ESP3, chapter 1), without saying to which: so one command
   is outstanding at a time, and the others wait for their turn.
2. A response that comes too late would be taken for that of the next command. So a command that was left without one,
   or was cancelled, makes the next one ask for the base id first: that response has a size that no command of a
   telegram gets, and it comes after the one that is late.
3. A packet goes out whole or the line is given up: the stick would wait for the rest of a part.
4. Permits are asked after all waiting, right before the bytes go out.
5. A radio that hears nothing is not known to be well; :meth:`identify` asks the stick itself, twice when need be.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio

from busgate_enocean.esp3 import CO_READY, Command, Packet, PacketType, ReturnCode, framer
from gateway.bus.frames import Frames
from gateway.bus.framing import NETWORK_GAP, USB_GAP
from gateway.errors import InterfaceDown

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from gateway.abc import Permit
    from gateway.clock import Clock

#: Seconds within which a stick responds (ESP3, chapter 1).
RESPONSE_TIME: Final = 0.5
#: Seconds for the kernel to take a packet; 30 bytes are on the line for 5 ms.
HANDOVER: Final = 0.1
#: Seconds from the permit until a telegram has been on the air: handing it over, 5 ms on the line, 16 ms in a USB
#: adapter (FTDI AN232B-04), and three subtelegrams within 40 ms (ISO/IEC 14543-3-10).
WRITE_TIME: Final = 0.2
#: How often the stick is asked until it is given up: at first what is left of another program may be in its way.
_GREETINGS: Final = 5
_SIGNS_OF_LIFE: Final = 2
_IDBASE_SIZE, _VERSION_SIZE = 5, 33


class Identity(NamedTuple):
    """What a stick says of itself: its own id, the first of the 128 ids it may send with, its program."""

    chip_id: int
    base_id: int
    version: str
    description: str


class Stick:
    """A stick on an open line; :meth:`run` must be running.

    Args:
        hear: called for each radio telegram.
    """

    def __init__(
        self, line: ByteStream, port: str, clock: Clock, log: logging.Logger, hear: Callable[[Packet], None]
    ) -> None:
        self.framer = framer(NETWORK_GAP if port.startswith("socket:") else USB_GAP)
        self.counts: Counter[str] = Counter(commands=0, unanswered=0, stray_responses=0, restarts=0, other_packets=0)
        self._line = line
        self._port = port
        self._clock = clock
        self._log = log
        self._hear = hear
        self._turn = anyio.Lock()
        self._wanted: Callable[[Packet], bool] | None = None
        self._response: Packet | None = None
        self._responded = anyio.Event()
        self._settled = True
        self._greeted = False

    async def run(self) -> None:
        """Receive for ever; raises InterfaceDown when the line is lost."""
        async for frame in Frames(self._line, self.framer, self._clock):
            packet = Packet.of(frame)
            match packet.type:
                case PacketType.RADIO_ERP1:
                    self._hear(packet)
                case PacketType.RESPONSE:
                    self._take(packet)
                case PacketType.EVENT if packet.data[0] == CO_READY:
                    self._restarted()
                case _:
                    self.counts["other_packets"] += 1

    def _restarted(self) -> None:
        if self._greeted:  # otherwise it has just been plugged in
            self.counts["restarts"] += 1
            self._log.warning("the stick has restarted")

    async def identify(self) -> Identity:
        """Ask the stick who it is.

        Raises:
            InterfaceDown: it doesn't answer, or not as an EnOcean stick does.
        """
        version = await self._read(Command.CO_RD_VERSION, _VERSION_SIZE, _GREETINGS)
        base = await self.base_id(_GREETINGS)
        self._greeted = True
        app, text = version.data[1:5], version.data[17:33]
        described = text.split(b"\0")[0].decode("ascii", "replace")
        return Identity(int.from_bytes(version.data[9:13]), base, ".".join(map(str, app)), described)

    async def base_id(self, attempts: int = _SIGNS_OF_LIFE) -> int:
        """Ask for the base id; raises as :meth:`identify`."""
        return int.from_bytes((await self._read(Command.CO_RD_IDBASE, _IDBASE_SIZE, attempts)).data[1:5])

    async def transmit(self, packet: Packet, permit: Permit) -> int | None:
        """Send a radio telegram; the return code of the stick, or None when it hasn't given one.

        Raises:
            ClaimLost: as the permit raised it; nothing was sent.
            InterfaceDown: the line is lost, or the stick doesn't answer any more; ``unsent`` as it is.
        """
        async with self._turn:
            await self._settle()
            response = await self._ask(packet, lambda response: len(response.data) < _IDBASE_SIZE, permit)
        return None if response is None else response.data[0]

    async def _read(self, command: Command, size: int, attempts: int) -> Packet:
        """The response to a command that reads, of which so many bytes are expected."""
        response = None
        for _ in range(attempts):
            async with self._turn:
                response = await self._ask(
                    Packet(PacketType.COMMON_COMMAND, bytes([command])),
                    lambda response: len(response.data) == size or response.data[0] != ReturnCode.RET_OK,
                )
            if response is not None and len(response.data) == size and response.data[0] == ReturnCode.RET_OK:
                return response
        if response is None:
            raise InterfaceDown(f"no EnOcean stick answers at {self._port}", unsent=True)
        raise InterfaceDown(
            f"the stick at {self._port} refuses {command.name}: {name_of(response.data[0])}", unsent=True
        )

    async def _settle(self) -> None:
        """See to it that no late response is still to come; a turn is held."""
        if self._settled:
            return
        question = Packet(PacketType.COMMON_COMMAND, bytes([Command.CO_RD_IDBASE]))
        for _ in range(_SIGNS_OF_LIFE):
            if await self._ask(question, lambda response: len(response.data) == _IDBASE_SIZE) is not None:
                self._settled = True
                return
        raise InterfaceDown(f"the stick at {self._port} doesn't answer any more", unsent=True)

    async def _ask(
        self, packet: Packet, wanted: Callable[[Packet], bool], permit: Permit | None = None
    ) -> Packet | None:
        """Send a packet and wait for its response; None when there is none in time. A turn is held."""
        self._wanted, self._response, self._responded = wanted, None, anyio.Event()
        try:
            if permit is not None:
                permit.check(WRITE_TIME)
            self._settled = False
            await self._hand_over(packet.encode())
            self.counts["commands"] += 1
            with anyio.move_on_after(RESPONSE_TIME):
                await self._responded.wait()
            if self._response is None:
                self.counts["unanswered"] += 1
            else:
                self._settled = True
            return self._response
        finally:
            self._wanted = None

    async def _hand_over(self, data: bytes) -> None:
        with anyio.move_on_after(HANDOVER, shield=True) as scope:
            await self._line.send(data)
        if scope.cancelled_caught:
            raise InterfaceDown(f"{self._port} takes no bytes")

    def _take(self, packet: Packet) -> None:
        """A response has come."""
        if self._wanted is None or self._response is not None or not self._wanted(packet):
            self.counts["stray_responses"] += 1
            return
        self._response = packet
        self._responded.set()


def name_of(code: int) -> str:
    """What ESP3 calls a return code."""
    try:
        return ReturnCode(code).name
    except ValueError:
        return f"return code {code}"
