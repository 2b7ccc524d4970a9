"""Conversions on all devices of a wire at once: owserver's folder /simultaneous.

Source: the owserver 3.2p4 manual page owfs, and its behaviour with a DS9097U adapter.

Theory of operation
 1. A write goes to the wire the path names, or to each. The master asks with SKIP ROM who has a supply of
    its own, then sends SKIP ROM, CONVERT T.
 2. All powered: it returns at once and the wire is free. A parasite among them: it waits a second with the
    wire held, but gives no strong pull-up, so that parasites brown out and read 85 degC.
 3. The time is noted, so that the next cached read of `temperature` only waits for what is left.
 4. For voltages it sends SKIP ROM and CONVERT to each DS2450, but checks an answer that covers more than the
    command; that never fits, so nothing is noted, and only `latestvolt` has the results.
 5. Behind a hub the command goes one level too high (owfs issue 61): the devices at the level of the hub
    convert, those on the branch do not, and yet the branch is noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hwsim.onewire.bus import Place
from hwsim.onewire.families import DS2438, DS2450
from hwsim.onewire.owserver.access import simultaneous_key
from hwsim.onewire.owserver.formats import Format, Value, rom_text
from hwsim.onewire.owserver.property import Property, PropertyTable

if TYPE_CHECKING:
    from hwsim.onewire.families.thermometer import Thermometer
    from hwsim.onewire.owserver.information import Desk

_PARASITE_SECONDS = 1.0
_ALL_CHANNELS = 0x0F
_WITH_CRC = 0x02000000


def _places(desk: Desk) -> list[Place]:
    if desk.place is not None:
        return [desk.place]
    return [Place(channel) for channel in desk.channels()]


async def _convert(desk: Desk, _element: int, meant: bool) -> None:
    if meant:
        for place in _places(desk):
            await _convert_at(desk, place)


async def _convert_at(desk: Desk, place: Place) -> None:
    master = desk.master
    level = Place(place.channel, place.branches[:-1])
    async with master.hold(place.channel):
        slaves = [s for s in master.bus.all_at(level) if s.measures_temperature]
        master.cache.put(simultaneous_key(place), True, master.timeouts.volatile)
        master.traffic.conversions += len(slaves)
        for slave in slaves:
            if isinstance(slave, DS2438):
                slave.convert_temperature()
            else:
                cast("Thermometer", slave).start_conversion(strong_pullup=False)
        if not all(slave.externally_powered() for slave in slaves):
            await master.pause(_PARASITE_SECONDS)


async def _converted(desk: Desk, _element: int) -> Value:
    return all(desk.cache.get(simultaneous_key(place)) for place in _places(desk))


async def _convert_voltage(desk: Desk, _element: int, meant: bool) -> None:
    for place in _places(desk) if meant else ():
        async with desk.master.hold(place.channel):
            level = Place(place.channel, place.branches[:-1])
            converters = [s for s in desk.master.bus.all_at(level) if isinstance(s, DS2450)]
            for slave in converters:
                slave.convert(_ALL_CHANNELS, 0, strong_pullup=False)
            desk.master.traffic.conversions += len(converters)
            desk.master.statistics["errors/CRC16_tries"] += 1
            desk.master.statistics["errors/CRC16_errors"] += 1


async def _nothing_converted(_desk: Desk, _element: int) -> Value:
    return False


async def _ignore(_desk: Desk, _element: int, _meant: bool) -> None:
    """No simulated family takes part in these conversions."""


async def _present(desk: Desk, _element: int) -> Value:
    return any(desk.master.bus.search(place) for place in _places(desk))


async def _single(desk: Desk, _element: int) -> Value:
    """The id of the only device; with several READ ROM gives a mixture whose CRC is wrong, so nothing."""
    found = [slave for place in _places(desk) for slave in desk.master.bus.search(place)]
    return rom_text(found[0].rom, _WITH_CRC) if len(found) == 1 else ""


SIMULTANEOUS = PropertyTable(
    (
        Property("temperature", Format.YES_NO, "v", _converted, _convert),
        Property("voltage", Format.YES_NO, "v", _nothing_converted, _convert_voltage),
        Property("iblss", Format.YES_NO, "v", _nothing_converted, _ignore),
        Property("present", Format.YES_NO, "v", _present),
        Property("present_ds2400", Format.YES_NO, "v", _present),
        Property("single", Format.ASCII, "v", _single, width=18),
        Property("single_ds2400", Format.ASCII, "v", _single, width=18),
    )
)
