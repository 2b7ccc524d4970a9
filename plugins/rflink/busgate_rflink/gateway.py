"""The gateway at the other end of the line: handshake, one command at a time, and what it hears.

Theory of operation
-------------------
1. One task receives all the time. Answers go to whoever waits for one; what comes from the air is handed on at once.
2. An Arduino restarts when the port is opened, and says so with a banner after 1.5 to 2 s. Until then it hears nothing,
   so the banner is waited for; a board that doesn't restart is asked with PING.
3. One command is outstanding at a time. OK and CMD UNKNOWN don't say which command they are for: when one has not come
   in time, PING is sent before the next command. The gateway does one thing after the other, so what comes before PONG
   belongs to what was before.
4. A command goes out whole or not at all: while its bytes leave, cancellation waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

import anyio

from busgate_rflink import lines
from gateway.bus.frames import Frames
from gateway.bus.framing import LineFramer
from gateway.errors import InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import ByteStream

    from busgate_rflink.options import Module, Options
    from gateway.abc import DriverContext, Permit

#: Seconds until the banner has come, if there is one.
BOOT: Final = 3.0
#: Seconds within which an answer comes; a transmission takes 0.3.
ANSWER: Final = 2.0
#: How often the gateway is asked for a sign of life until it is taken for dead.
ATTEMPTS: Final = 2
#: Seconds that an adapter may keep bytes until they go out, beyond what the line takes for them.
SLACK: Final = 0.02
#: Bits on the line for one byte: start, eight of data, stop.
BITS_PER_BYTE: Final = 10


@dataclass(eq=False)
class _Awaited:
    """The answer to the outstanding command."""

    matches: Callable[[str], bool]
    answer: str | None = None
    come: anyio.Event = field(default_factory=anyio.Event)


class Gateway:
    """One RFLink gateway, as long as its line is open.

    Args:
        hear: is called with each line that is no answer.
    """

    def __init__(
        self, line: ByteStream, options: Options, context: DriverContext, hear: Callable[[bytes], None]
    ) -> None:
        self.framer = LineFramer(lines.MOST)
        self.version = ""
        self.modules: dict[str, bool] = {}
        self.received = 0
        self.restarts = 0  # since it was opened
        self.late = 0  # answers for which nobody waits any more
        self._line = line
        self._options = options
        self._clock = context.clock
        self._log = context.log
        self._hear = hear
        self._started = anyio.Event()
        self._ready = False
        self._turn = anyio.Lock()
        self._awaited: _Awaited | None = None
        self._unsure = False
        self._lost: Exception | None = None

    async def run(self) -> NoReturn:
        """Receive until the line is lost; raises InterfaceDown then."""
        try:
            async for line in Frames(self._line, self.framer, self._clock):
                self._take(lines.whole(line))
        except Exception as error:
            self._lost = error
            self._started.set()
            if self._awaited:
                self._awaited.come.set()
            raise
        raise InterfaceDown("the line has ended")

    def _take(self, line: bytes) -> None:
        said = lines.body(line.decode("ascii", errors="replace"))
        if said is not None:
            self.received += 1
        if said is not None and lines.is_banner(said):
            self._has_started(said)
        if said is not None and (awaited := self._awaited) and awaited.answer is None and awaited.matches(said):
            awaited.answer = said
            awaited.come.set()
        elif said in (lines.OK, lines.UNKNOWN, lines.PONG):
            self.late += 1
        elif said is None or not lines.is_version(said):
            self._hear(line)

    def _has_started(self, banner: str) -> None:
        self.version = lines.version(banner)
        self._started.set()
        if not self._ready:
            return
        self.restarts += 1
        self._log.warning("the RFLink gateway has restarted")
        if self._awaited:  # it has forgotten what it was told
            self._awaited.come.set()

    async def greet(self) -> None:
        """Make it ready, wherever it is.

        Raises:
            InterfaceDown: it gives no answer.
        """
        with anyio.move_on_after(BOOT):
            await self._started.wait()
        for _ in range(ATTEMPTS):
            if await self._ask(lines.PING, lambda said: said == lines.PONG):
                break
        else:
            raise InterfaceDown(f"{self._options.port}: no answer to {ATTEMPTS} PINGs: is an RFLink gateway there?")
        if said := await self._ask(lines.VERSION, lines.is_version):
            self.version = lines.version(said)
        self._ready = True
        if self._options.protocols:
            await self._set_modules(self._options.protocols)

    async def _set_modules(self, wanted: Mapping[Module, bool]) -> None:
        """Switch what is not as it should be; the gateway keeps that in its EEPROM, which wears out."""
        said = await self._ask(lines.STATUS, lambda said: said.startswith("STATUS;"))
        self.modules = lines.settings(said or "")
        for name, on in wanted.items():
            if self.modules.get(name) is on:
                continue
            command = f"{lines.SWITCHES[name]}={'ON' if on else 'OFF'}"
            said = await self._ask(command, lambda said: bool(lines.settings(said)) or said == lines.UNKNOWN)
            if said is None or said == lines.UNKNOWN:
                self._log.warning("the RFLink gateway can't switch %s: it has not answered %s", name, command)
            else:
                self.modules[name] = on

    async def probe(self) -> None:
        """See that it lives: it answers, or has sent something while it was to be asked.

        Raises:
            InterfaceDown: it doesn't.
        """
        before = self.received
        for _ in range(ATTEMPTS):
            with anyio.move_on_after(ANSWER):
                async with self._turn:
                    if self.received == before:
                        await self._ping()
            if self.received != before:
                return
        raise InterfaceDown(f"{self._options.port}: no answer to {ATTEMPTS} PINGs")

    async def transmit(self, order: str, permit: Permit) -> str | None:
        """Have a telegram sent. Return the gateway's answer, ``OK`` or ``CMD UNKNOWN``; None when none comes.

        Raises:
            ClaimLost: nothing was written.
            InterfaceDown: the line was lost, or the gateway doesn't answer any more.
        """
        async with self._turn:
            if self._unsure and not await self._ping():
                raise InterfaceDown(f"{self._options.port}: no answer any more", unsent=True)
            data = order.encode("ascii") + b"\r\n"
            permit.check(self.write_time(data))
            self._unsure = True
            answer = await self._exchange(data, lambda said: said in (lines.OK, lines.UNKNOWN))
            self._unsure = answer is None
            return answer

    def write_time(self, data: bytes) -> float:
        """Seconds until all of it has left."""
        return len(data) * BITS_PER_BYTE / self._options.baudrate + SLACK

    async def _ask(self, command: str, matches: Callable[[str], bool]) -> str | None:
        async with self._turn:
            return await self._exchange(f"10;{command};\r\n".encode("ascii"), matches)

    async def _ping(self) -> bool:
        """In one's turn."""
        answer = await self._exchange(b"10;PING;\r\n", lambda said: said == lines.PONG)
        self._unsure = self._unsure and answer is None
        return answer is not None

    async def _exchange(self, data: bytes, matches: Callable[[str], bool]) -> str | None:
        """Send a line and wait for its answer, in one's turn."""
        awaited = self._awaited = _Awaited(matches)
        try:
            with anyio.CancelScope(shield=True):
                await self._line.send(data)
            with anyio.move_on_after(ANSWER):
                await awaited.come.wait()
        finally:
            self._awaited = None
        if self._lost:
            raise self._lost
        return awaited.answer
