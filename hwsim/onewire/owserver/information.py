"""The folders of owserver that are about itself: settings, system, statistics, interface, simultaneous.

Names and formats are those of owserver 3.2p4. What the simulator does not count stays 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property, PropertyTable, Read
from hwsim.onewire.owserver.return_codes import COUNT, return_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwsim.onewire.bus import Place
    from hwsim.onewire.owserver.access import Master
    from hwsim.onewire.owserver.cache import Cache

VERSION = "3.2p4"
"""The owserver that is imitated."""

_ERRORS = [
    "BUS_bit_errors",
    "BUS_byte_errors",
    "BUS_detect_errors",
    "BUS_echo_errors",
    "BUS_level_errors",
    "BUS_next_alarm_errors",
    "BUS_next_errors",
    "BUS_readin_data_errors",
    "BUS_status_errors",
    "BUS_tcsetattr_errors",
    "CRC16_errors",
    "CRC16_tries",
    "CRC8_errors",
    "CRC8_tries",
    "DS2480_level_docheck_errors",
    "DS2480_read_fd_isset",
    "DS2480_read_null",
    "DS2480_read_read",
    "NET_accept_errors",
    "NET_connection_errors",
    "NET_read_errors",
    "max_delay",
]
_CACHE_KINDS = ["device", "directory", "external", "internal"]
_CACHE_COUNTS = ["added", "deleted", "expired", "hits", "tries"]
_AVERAGES = ["max", "now", "num", "sum"]
_INTERFACE_COUNTS = [
    "bus_time",
    "close_errors",
    "detect_errors",
    "elapsed_time",
    "errors",
    "locks",
    "open_errors",
    "overdrive/attempts",
    "overdrive/failures",
    "program_errors",
    "pullup_errors",
    "read_errors",
    "reconnect_errors",
    "reconnects",
    "reset_errors",
    "resets",
    "search_errors/error_pass_1",
    "search_errors/error_pass_2",
    "search_errors/error_pass_3",
    "select_errors",
    "shorts",
    "status_errors",
    "timeouts",
    "unlocks",
    "write_errors",
]
_OTHER_TIMEOUTS = {"ftp": 900, "ha7": 60, "network": 1, "serial": 5, "server": 10, "usb": 5, "w1": 30}


@dataclass
class Desk:
    """What these folders can tell about: the server as a whole, and the wire that the path names."""

    master: Master
    place: Place | None = None
    """The wire, or the hub branch on it; None: all wires."""

    @property
    def cache(self) -> Cache:
        return self.master.cache

    def channels(self) -> Iterable[int]:
        """The wires that are meant."""
        return range(len(self.master.bus.channels)) if self.place is None else (self.place.channel,)


def _fixed(value: Value) -> Read:
    async def read(_desk: Desk, _element: int) -> Value:
        return value

    return read


def _timeout(name: str) -> Property:
    async def read(desk: Desk, _element: int) -> Value:
        return int(getattr(desk.master.timeouts, name))

    async def write(desk: Desk, _element: int, seconds: int) -> None:
        setattr(desk.master.timeouts, name, float(max(0, seconds)))

    return Property(f"timeout/{name}", Format.UNSIGNED, "s", read, write)


async def _alias_list(desk: Desk, _element: int) -> Value:
    lines = (f"{s.rom.wire.hex().upper()}={s.alias}\r\n" for s in desk.master.bus if s.alias)
    return "".join(lines).encode(errors="surrogateescape")


async def _return_text(_desk: Desk, element: int) -> Value:
    return return_text(element)


async def _accept(_desk: Desk, _element: int, _value: object) -> None:
    """Settings that have no effect on a simulated bus."""


SETTINGS = PropertyTable(
    (
        Property("alias/list", Format.BINARY, "s", _alias_list, width=65536),
        Property("alias/unaliased", Format.YES_NO, "s", _fixed(False), _accept),
        Property("return_codes/text", Format.ASCII, "f", _return_text, width=128, count=COUNT),
        *(_timeout(name) for name in ("volatile", "stable", "directory", "presence")),
        *(
            Property(f"timeout/{name}", Format.UNSIGNED, "s", _fixed(seconds), _accept)
            for name, seconds in _OTHER_TIMEOUTS.items()
        ),
        Property("timeout/uncached", Format.YES_NO, "s", _fixed(False), _accept),
        Property("units/pressure_scale", Format.ASCII, "s", _fixed("mbar"), _accept, width=12),
        Property("units/temperature_scale", Format.ASCII, "s", _fixed("C"), _accept, width=12),
    )
)


async def _bus_count(desk: Desk, _element: int) -> Value:
    return len(desk.master.bus.channels)


SYSTEM = PropertyTable(
    (
        *(
            Property(f"configuration/{name}", Format.INTEGER, "f", _fixed(1))
            for name in ("DebugInfo", "USB", "i2c", "parport", "zeroconf")
        ),
        Property("configuration/trim", Format.YES_NO, "f", _fixed(False)),
        Property("configuration/version", Format.ASCII, "f", _fixed(VERSION), width=12),
        Property("connections/count_current_buses", Format.UNSIGNED, "f", _bus_count),
        Property("connections/count_outbound_connections", Format.UNSIGNED, "f", _fixed(0)),
        Property("process/pid", Format.UNSIGNED, "f", _fixed(1)),
        Property("process/pidfile", Format.ASCII, "f", _fixed(""), width=128),
    )
)


def _count(name: str) -> Property:
    async def read(desk: Desk, _element: int) -> Value:
        return desk.master.statistics[name]

    return Property(name, Format.UNSIGNED, "v", read)


def _counts(name: str, elements: int) -> Property:
    async def read(desk: Desk, element: int) -> Value:
        return desk.master.statistics[f"{name}.{element}"]

    return Property(name, Format.UNSIGNED, "v", read, count=elements)


async def _cache_hits(desk: Desk, _element: int) -> Value:
    return desk.cache.hits


async def _cache_tries(desk: Desk, _element: int) -> Value:
    return desk.cache.tries


def _statistics() -> Iterable[Property]:
    computed = {"cache/device/hits": _cache_hits, "cache/device/tries": _cache_tries}
    names = [
        *(f"errors/{name}" for name in _ERRORS),
        *(f"cache/{kind}/{count}" for kind in _CACHE_KINDS for count in _CACHE_COUNTS),
        *(f"cache/{kind}/{count}" for kind in ("persistent", "primary", "secondary") for count in _AVERAGES),
        *(f"threads/{kind}/{count}" for kind in ("directory", "overall", "read", "write") for count in _AVERAGES),
        *(f"read/{count}" for count in ("bytes", "cachebytes", "cachesuccess", "calls", "success")),
        *(f"write/{count}" for count in ("bytes", "calls", "success")),
        *(f"directory/{kind}/{count}" for kind in ("bus", "device") for count in ("calls", "entries")),
        *("cache/additions", "cache/flips", "directory/maxdepth"),
    ]
    for name in names:
        yield Property(name, Format.UNSIGNED, "v", computed[name]) if name in computed else _count(name)
    yield _counts("read/tries", 3)
    yield _counts("write/tries", 3)
    yield _counts("return_codes/responses", COUNT)


STATISTICS = PropertyTable(_statistics())


async def _interface_address(desk: Desk, _element: int) -> Value:
    return f"hwsim.{desk.master.bus.name}.{desk.place.channel if desk.place else 0}"


INTERFACE = PropertyTable(
    (
        Property("settings/address", Format.ASCII, "s", _interface_address, width=512),
        Property("settings/ds2404_found", Format.YES_NO, "s", _fixed(False), _accept),
        Property("settings/name", Format.ASCII, "s", _fixed("hwsim"), width=128),
        Property("settings/overdrive", Format.YES_NO, "s", _fixed(False), _accept),
        Property("settings/reconnect", Format.YES_NO, "s", _fixed(False), _accept),
        Property("settings/version", Format.UNSIGNED, "s", _fixed(0)),
        *(Property(f"statistics/{name}", Format.UNSIGNED, "v", _fixed(0)) for name in _INTERFACE_COUNTS),
    )
)
