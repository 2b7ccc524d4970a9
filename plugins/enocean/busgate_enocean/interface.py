"""An open stick, as the host uses it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from busgate_enocean.esp3 import ReturnCode
from busgate_enocean.options import device_id
from busgate_enocean.stick import name_of
from gateway.abc import UNFENCED, Interface
from gateway.errors import BusFault, InterfaceDown, NoSuchAttribute, NoSuchDevice, WriteRefused
from gateway.values import Reading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from busgate_enocean.commands import Commands
    from busgate_enocean.hearing import Hearing
    from busgate_enocean.options import Options
    from busgate_enocean.senders import Sender, Senders
    from busgate_enocean.stick import Identity, Stick
    from gateway.abc import Permit
    from gateway.bus.ears import Ears
    from gateway.clock import Clock
    from gateway.values import Device, Telegram, Transmission

#: Return codes after which the same telegram may go out a moment later.
_PASSING = (ReturnCode.RET_ERROR, ReturnCode.RET_BUFFER_TO_SMALL, ReturnCode.RET_NO_FREE_BUFFER)
#: Acknowledgements of ``send``: see ``gateway.abc.Interface.send``.
_WRITTEN, _ACKNOWLEDGED = 1, 2


class EnoceanInterface(Interface):
    """One stick.

    Devices are named by their id in eight hexadecimal digits. A read gives what a device has said last, ``stale`` when
    that is long ago: the devices themselves can't be asked.
    """

    def __init__(
        self,
        stick: Stick,
        identity: Identity,
        options: Options,
        clock: Clock,
        *,
        senders: Senders,
        commands: Commands,
        hearing: Hearing,
        ears: Ears,
    ) -> None:
        self._stick = stick
        self._identity = identity
        self._options = options
        self._clock = clock
        self._senders = senders
        self._commands = commands
        self._hearing = hearing
        self._ears = ears

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        """The configured devices, and those heard since it was opened; ``details`` say how often and when last."""
        await self.probe()
        return [] if alarmed else [sender.device() for sender in self._senders]

    async def read(self, device: str, attribute: str) -> Reading:
        sender = self._senders.find(device_id(device) or "")
        if sender is not None and attribute in sender.said:
            (value, unit), time = sender.said[attribute]
            old = self._clock.now() - time > self._options.stale_after
            return Reading(value, unit, time, "stale" if old else "ok")
        if sender is not None and sender.profile is not None and attribute not in sender.profile.names:
            names = sender.profile.names
            near = get_close_matches(attribute, names, 3)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(names)}"
            raise NoSuchAttribute(f"{sender.id} ({sender.eep}) has no attribute {attribute!r} ({hint})")
        return Reading(None, None, self._clock.now(), "absent")

    async def send(self, device: str, command: str, values: Mapping[str, Any], *, permit: Permit = UNFENCED) -> int:
        """Send a command of :mod:`busgate_enocean.commands`; see :meth:`gateway.abc.Interface.send`."""
        order = self._commands.order(self._sender(device), command, values)
        code = await self._stick.transmit(order.telegram.packet(), permit)
        if code is None:
            return _WRITTEN
        if code == ReturnCode.RET_OK:
            return _ACKNOWLEDGED
        if code in _PASSING or code > max(ReturnCode):
            raise BusFault(f"the stick has not sent it: {name_of(code)}", unsent=True)
        raise WriteRefused(f"the stick refuses to send it: {name_of(code)}")

    def transmission(self, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
        return self._commands.order(self._sender(device), command, values).transmission

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Telegram]]:
        return self._ears.listen()

    async def probe(self) -> None:
        if await self._stick.base_id() != self._identity.base_id:
            raise InterfaceDown(f"there is another stick at {self._options.port} now")

    def health(self) -> dict[str, Any]:
        """Who the stick is; counters: of telegrams, of commands, and of bytes as the framer counts them."""
        return {
            "chip_id": f"{self._identity.chip_id:08X}",
            "base_id": f"{self._identity.base_id:08X}",
            "version": self._identity.version,
            "senders": len(self._senders),
            "forgotten": self._senders.forgotten,
            "missed": self._ears.missed,
            **self._hearing.counts,
            **self._stick.counts,
            **self._stick.framer.counters,
        }

    def _sender(self, device: str) -> Sender:
        id_ = device_id(device)
        if id_ is not None and (sender := self._senders.find(id_)) is not None:
            return sender
        known = get_close_matches(id_ or device.upper(), [sender.id for sender in self._senders], 1)
        hint = f" (did you mean {known[0]}?)" if known else ""
        raise NoSuchDevice(f"no device {device!r}{hint}; configure it: [[interface.device]] id, eep")
