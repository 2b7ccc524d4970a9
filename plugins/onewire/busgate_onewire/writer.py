"""Writes values, reads them back where that tells something, and says what went wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from busgate_onewire.owserver import Request
from busgate_onewire.readings import BAD_FORMAT, NO_SUCH, READ_ONLY, describe
from busgate_onewire.values import encode, same
from gateway.errors import BusFault, InterfaceDown, NoSuchDevice, WriteRefused

if TYPE_CHECKING:
    from busgate_onewire.channel import Channel
    from busgate_onewire.families import Attribute
    from busgate_onewire.inventory import Found
    from busgate_onewire.server import Server
    from gateway.abc import Permit

_INVALID = 22  # "invalid transaction": a value that the server can't take, or a device that doesn't answer


class Writer:
    """The writing side of an open interface."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def write(self, found: Found, attribute: Attribute, value: Any, permit: Permit) -> None:
        """Write one value; the write and the reading back are one visit to the bus.

        Raises:
            NoSuchDevice, WriteRefused, ClaimLost, BusFault, InterfaceDown.
        """
        if not attribute.writable:
            raise WriteRefused(f"{attribute.name} of {found.id} is read-only")
        data = encode(value, attribute)
        channel = self._channel(found)
        path = f"{found.path}/{attribute.name}"
        requests = [Request("write", path, self._server.options.timeout, data, permit)]
        if attribute.verify and attribute.readable:
            requests.append(self._server.request(f"/uncached{path}"))
        answers = await channel.line.ask(requests)
        if answers[0].code:
            await self._failed(found, attribute, value, answers[0].code)
        if len(answers) > 1:
            self._verify(found, attribute, data, answers[1].code, answers[1].data)
        self._note(found, attribute, data)

    def _channel(self, found: Found) -> Channel:
        channel = self._server.channels.get(found.place.channel)
        if channel is None:
            raise InterfaceDown(f"{found.place.channel} of the owserver is gone", unsent=True)
        return channel

    async def _failed(self, found: Found, attribute: Attribute, value: Any, code: int) -> NoReturn:
        what = f"{attribute.name} of {found.id}"
        if code in READ_ONLY:
            raise WriteRefused(f"{what} is read-only")
        if code in BAD_FORMAT:
            raise WriteRefused(f"{what} can't be {value!r}: {describe(code)}")
        present = await self._present(found)
        if code in NO_SUCH and not present:
            raise NoSuchDevice(f"{found.id} is not on the bus any more")
        if code in NO_SUCH or (code == _INVALID and present):
            raise WriteRefused(f"{what} can't be {value!r}: the device or the owserver refuses it")
        raise BusFault(f"{what} could not be written: {describe(code)}", "crc" if code == _INVALID else "bus_error")

    async def _present(self, found: Found) -> bool:
        """Whether the device answers: a value of its own, past the cache."""
        names = [a.name for a in found.family.attributes if a.readable and a.volatile and "temp" not in a.name]
        if not names:
            await self._server.look_again()
            return found.id in self._server.inventory.devices
        (answer,) = await self._channel(found).line.ask([self._server.request(f"/uncached{found.path}/{names[0]}")])
        return not answer.code

    def _verify(self, found: Found, attribute: Attribute, written: bytes, code: int, read: bytes) -> None:
        what = f"{attribute.name} of {found.id}"
        if code:
            raise BusFault(f"{what} was written, but can't be read back: {describe(code)}")
        if not same(written, read, attribute):
            text = read.decode(errors="replace").strip()
            raise WriteRefused(f"{what} is {text} after writing {written.decode(errors='replace')}")

    def _note(self, found: Found, attribute: Attribute, data: bytes) -> None:
        """Remember what changes how the device is read."""
        devices = self._server.inventory.devices
        if attribute.name == "tempres" and found.id in devices:
            devices[found.id] = replace(devices[found.id], bits=int(data))
