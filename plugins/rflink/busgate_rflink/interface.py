"""An open gateway, as the host uses it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from busgate_rflink import lines
from busgate_rflink.commands import Commands
from busgate_rflink.decoding import decode
from busgate_rflink.gateway import Gateway
from gateway.abc import UNFENCED, Interface
from gateway.bus.ears import Ears
from gateway.bus.roster import Roster
from gateway.errors import WriteRefused
from gateway.values import Transmission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import ByteStream

    from busgate_rflink.options import Options
    from gateway.abc import DriverContext, Permit
    from gateway.values import Device, Reading, Telegram

#: What ``health`` always has.
COUNTED: Final = ("telegrams", "undecoded", "sent", "acknowledged", "unacknowledged", "refused")
#: Seconds on the air for a command with all its copies, estimated on the safe side: OK comes 0.3 s after the command.
AIRTIME: Final = 0.5


class RflinkInterface(Interface):
    """One gateway. Devices are named as rflink and Home Assistant name them: ``newkaku_0000c6c2_1``."""

    def __init__(self, line: ByteStream, options: Options, context: DriverContext) -> None:
        self.gateway = Gateway(line, options, context, self._hear)
        self.ears = Ears()
        self._band = options.band
        self._clock = context.clock
        self._log = context.log
        self._commands = Commands()
        self._roster = Roster(options.remember, options.stale_after)
        self._counts = Counter(dict.fromkeys(COUNTED, 0))

    async def run(self) -> None:
        """Receive until the line is lost, and tell those who listen; raises InterfaceDown then."""
        try:
            await self.gateway.run()
        except Exception as error:
            self.ears.end(error)
            raise

    def _hear(self, line: bytes) -> None:
        telegram = None
        try:
            telegram = decode(line, self._clock.lease_now())
        except Exception as error:  # noqa: BLE001 - noise looks like a line; it costs this telegram and no other
            self._log.debug("%r can't be decoded: %r", line, error)
        if telegram is None:
            self._counts["undecoded"] += 1
            return
        self._counts["telegrams"] += 1
        self._commands.learn(telegram.kind)
        self._roster.hear(telegram, self._clock.now())
        self.ears.tell(telegram)

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Telegram]]:
        return self.ears.listen()

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        """The devices heard since the port was opened; ``details``: ``count``, ``last`` (Unix seconds), ``rssi``."""
        return [] if alarmed else self._roster.devices()

    async def read(self, device: str, attribute: str) -> Reading:
        """What a device has said last: the radio can't ask it."""
        return self._roster.read(device, attribute, self._clock.now())

    async def send(self, device: str, command: str, values: Mapping[str, Any], *, permit: Permit = UNFENCED) -> int:
        """Send a command: 2: the gateway has sent it; 1: it got it, but has not said what came of it."""
        order = self._commands.order(device, command, values)
        answer = await self.gateway.transmit(order.line, permit)
        self._counts["sent"] += 1
        if answer is None:
            self._counts["unacknowledged"] += 1
            return 1
        if answer == lines.UNKNOWN:
            self._counts["refused"] += 1
            raise WriteRefused(f"{command} to {device} was not sent: the RFLink gateway doesn't know {order.line!r}")
        self._counts["acknowledged"] += 1
        return 2

    def transmission(self, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
        order = self._commands.order(device, command, values)
        return Transmission(AIRTIME, self._band, order.repeatable, order.bound, order.key)

    async def probe(self) -> None:
        await self.gateway.probe()

    def health(self) -> dict[str, Any]:
        """Counters; ``late`` are answers that nobody waited for any more, ``missed`` telegrams that listeners lost."""
        known = {"version": self.gateway.version, "modules": dict(self.gateway.modules)}
        own = {"devices": len(self._roster), "missed": self.ears.missed}
        counted = {"late": self.gateway.late, "restarts": self.gateway.restarts}
        return known | self.gateway.framer.counters | dict(self._counts) | own | counted
