"""A master that shares no code with the simulator, and chips with slaves to drive."""

from __future__ import annotations

from random import Random

import anyio.to_thread
import pytest

from hwsim.onewire.bus import OneWireBus, Place
from hwsim.onewire.families import FAMILIES, PARTS
from hwsim.onewire.rom import RomId
from hwsim.onewire.slave import Power
from hwsim.onewire.wire.ds2480b import Ds2480b
from hwsim.onewire.wire.line import Line
from hwsim.quantity import Constant


class Bench:
    """A chip, its line, slaves on it, and a time that passes when it is told to."""

    def __init__(self):
        self.time = 0.0
        self.bus = OneWireBus("bench")
        self.line = Line(self.bus, Random(1))
        self.chip = Ds2480b(self.line, self.now)

    def now(self):
        return self.time

    def add(self, id_, place=Place(), **options):  # noqa: B008
        """Hang a slave on the line; its quantities are given by name."""
        rom = RomId.parse(id_)
        part = PARTS[options.pop("part")] if "part" in options else FAMILIES[rom.family]
        quantities = {name: Constant(options.pop(name)) for name in list(options) if name in part.ranges}
        power = Power(options.pop("power", "external"))
        slave = part(rom, self.now, power=power, quantities=quantities, **options)
        self.bus.attach(slave, place)
        return slave

    def host(self, text):
        """Bytes to the chip and from it, both in hexadecimal digits."""
        return self.chip.receive(bytes.fromhex(text)).hex(" ").upper()

    def talk(self, text, read=0):
        """Reset, send in data mode, read so many bytes; back to command mode. Returns what was read."""
        sent = bytes.fromhex(text)
        self.host("C5")
        answer = self.chip.receive(b"\xe1" + (sent + b"\xff" * read).replace(b"\xe3", b"\xe3\xe3") + b"\xe3")
        assert answer[: len(sent)] == sent, "somebody talks when the master does"
        return answer[len(sent) :].hex(" ").upper()

    def ask(self, slave, text, read=0):
        """The same with one slave, found by its id."""
        return self.talk("55" + slave.rom.wire.hex() + text, read)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def drive(start_owserver, connect):
    """Lets a real owserver drive the adapter of a house; gives a client of it."""

    async def drive(house, bus="attic"):
        port = await anyio.to_thread.run_sync(start_owserver, "-d", house.url(bus))
        return await connect(f"owserver://127.0.0.1:{port}")

    return drive
