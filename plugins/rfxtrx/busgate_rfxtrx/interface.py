"""An open stick, as the host uses it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from busgate_rfxtrx.commands import DDXXXX, RFY, ROLLER, Commands, repeatable
from busgate_rfxtrx.decoding import decode, key
from busgate_rfxtrx.packets import TRANSMITTER_MESSAGE
from busgate_rfxtrx.transceiver import Transceiver
from gateway.abc import UNFENCED, Interface
from gateway.bus.ears import Ears
from gateway.bus.roster import Roster
from gateway.errors import BusFault, Unsupported, WriteRefused
from gateway.values import Transmission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import ByteStream

    from busgate_rfxtrx.options import Options
    from gateway.abc import DriverContext, Permit
    from gateway.values import Device, Reading, Telegram

#: What a stick answers when it has transmitted; with 1 it has waited 3 s for quiet air (RFXtrx.h).
ACKS: Final = (0x00, 0x01)
NO_LOCK: Final = 0x02
BAD_ADDRESS: Final = 0x03
#: What ``health`` always has.
COUNTED: Final = ("telegrams", "undecoded", "sent", "acknowledged", "unacknowledged", "refused")
#: Seconds on the air for a command with all its copies, estimated on the safe side: a copy of the longest common code
#: (AC: 32 bits of 2.2 ms, and 13 ms between copies) takes 83 ms, and a stick sends six at the most.
AIRTIME: Final = 0.5
#: Types that sticks send but don't hear, so that no other receiver can tell of them.
UNHEARD: Final = (ROLLER, RFY, DDXXXX)


class RfxtrxInterface(Interface):
    """One stick. Devices are named as Home Assistant names them: type, subtype and id, ``11_0_0ab12cd:3``."""

    def __init__(self, line: ByteStream, options: Options, context: DriverContext) -> None:
        self.transceiver = Transceiver(line, options, context, self._hear)
        self.ears = Ears()
        self._clock = context.clock
        self._log = context.log
        self._commands = Commands()
        self._roster = Roster(options.remember, options.stale_after)
        self._counts = Counter(dict.fromkeys(COUNTED, 0))

    async def run(self) -> None:
        """Receive until the line is lost, and tell those who listen; raises InterfaceDown then."""
        try:
            await self.transceiver.run()
        except Exception as error:
            self.ears.end(error)
            raise

    def _hear(self, packet: bytes) -> None:
        telegram = None
        try:
            telegram = decode(packet, self._clock.lease_now())
        except Exception as error:  # noqa: BLE001 - noise looks like a packet; it costs this telegram and no other
            self._log.debug("%s can't be decoded: %r", packet.hex(), error)
        if telegram is None:
            self._counts["undecoded"] += 1
            return
        self._counts["telegrams"] += 1
        self._roster.hear(telegram, self._clock.now())
        self.ears.tell(telegram)

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Telegram]]:
        return self.ears.listen()

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        """The devices heard since the stick was opened; ``details``: ``count``, ``last`` (Unix seconds), ``rssi``."""
        return [] if alarmed else self._roster.devices()

    async def read(self, device: str, attribute: str) -> Reading:
        """What a device has said last: the radio can't ask it."""
        return self._roster.read(device, attribute, self._clock.now())

    async def send(self, device: str, command: str, values: Mapping[str, Any], *, permit: Permit = UNFENCED) -> int:
        """Send a command: 2: the stick has sent it; 1: it got it, but has not said what came of it."""
        packet = self._commands.packet(device, command, values)
        self._commands.used(device)
        answer = await self.transceiver.transmit(packet, permit)
        self._counts["sent"] += 1
        if answer is None:
            self._counts["unacknowledged"] += 1
            return 1
        self._judge(answer, device, command)
        self._counts["acknowledged"] += 1
        return 2

    def _judge(self, answer: bytes, device: str, command: str) -> None:
        """Raise what a stick says that has not sent a telegram."""
        if answer[1] == TRANSMITTER_MESSAGE and answer[4] in ACKS:
            return
        self._counts["refused"] += 1
        what = f"{command} to {device}"
        if answer[1] != TRANSMITTER_MESSAGE:
            raise Unsupported(f"{what} was not sent: the firmware of the stick doesn't know such devices")
        if answer[4] == BAD_ADDRESS:
            raise WriteRefused(f"{what} was not sent: the stick refuses that id")
        why = "its transmitter found no lock on the frequency" if answer[4] == NO_LOCK else f"code {answer[4]}"
        raise BusFault(f"{what} was not sent: {why}", unsent=True)

    def transmission(self, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
        packet = self._commands.packet(device, command, values)
        status = self.transceiver.status
        return Transmission(
            airtime=AIRTIME,
            band=status.band if status else "433",
            repeatable=repeatable(packet, command),
            bound=packet[1] == RFY,
            key=None if packet[1] in UNHEARD else key(packet),
            answers=packet[1] == DDXXXX,
        )

    async def probe(self) -> None:
        await self.transceiver.probe()

    def health(self) -> dict[str, Any]:
        """Counters; ``late`` are answers that nobody waited for any more, ``missed`` telegrams that listeners lost."""
        status = self.transceiver.status
        known: dict[str, Any] = {}
        if status:
            known = {"firmware": status.firmware, "frequency": status.frequency, "modes": list(status.modes)}
        own = {"devices": len(self._roster), "missed": self.ears.missed, "late": self.transceiver.late}
        return known | self.transceiver.framer.counters | dict(self._counts) | own
