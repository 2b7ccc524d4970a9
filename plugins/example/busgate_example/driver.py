"""Chip thermometers as the Linux kernel shows them (its Documentation/hwmon/sysfs-interface.rst)."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from pydantic import BaseModel

from gateway.abc import UNFENCED, Driver, DriverContext, Interface, Permit
from gateway.errors import InterfaceDown, NoSuchAttribute, NoSuchDevice, WriteRefused
from gateway.values import Device, Reading

#: How the file of an attribute ends; it holds thousandths of a degree Celsius.
FILES = {"temperature": "input", "maximum": "max"}
#: Seconds; a transfer on the bus of such a chip may take 35 ms (SMBus Specification, T_TIMEOUT).
WRITE_TIME = 0.1


class Options(BaseModel, extra="forbid"):
    path: Path = Path("/sys/class/hwmon")


class Thermometers(Interface):
    def __init__(self, options: Options, context: DriverContext) -> None:
        self._folder = anyio.Path(options.path)
        self._clock = context.clock

    async def probe(self) -> None:
        if not await self._folder.is_dir():
            raise InterfaceDown(f"there is no folder {self._folder}")

    async def scan(self, *, alarmed: bool = False) -> list[Device]:
        await self.probe()
        names = sorted([f"{file.parent.name}/{file.stem}" async for file in self._folder.glob("hwmon*/temp*_input")])
        found = [name.removesuffix("_input") for name in names]
        return [Device(name, "thermometer", tuple(FILES), ("maximum",)) for name in found]

    async def read(self, device: str, attribute: str) -> Reading:
        now = self._clock.now()
        try:
            return Reading(int(await (await self._file(device, attribute)).read_text()) / 1000, "°C", now)
        except (FileNotFoundError, NoSuchDevice):
            await self.probe()
            return Reading(None, None, now, "absent")
        except (OSError, ValueError):  # the chip gives no answer, or the file no number
            return Reading(None, None, now, "bus_error")

    async def write(self, device: str, attribute: str, value: Any, *, permit: Permit = UNFENCED) -> None:
        file = await self._file(device, attribute)
        if attribute != "maximum" or not isinstance(value, int | float):
            raise WriteRefused(f"{device} {attribute} can't be set to {value!r}")

        def store() -> None:
            permit.check(WRITE_TIME)
            Path(file).write_text(str(round(value * 1000)))

        try:
            await anyio.to_thread.run_sync(store)
        except OSError as error:
            raise WriteRefused(f"{file} can't be written: {error.strerror}") from error

    async def _file(self, device: str, attribute: str) -> anyio.Path:
        if attribute not in FILES:
            raise NoSuchAttribute(f"no attribute {attribute!r} (there are: {', '.join(FILES)})")
        file = self._folder / f"{device}_{FILES[attribute]}"
        if not re.fullmatch(r"hwmon\d+/temp\d+", device) or not await file.exists():
            raise NoSuchDevice(f"no {device} {attribute} below {self._folder}")
        return file


class ExampleDriver(Driver):
    name = "example"
    options = Options

    @asynccontextmanager
    async def open(self, options: Options, context: DriverContext) -> AsyncIterator[Interface]:
        interface = Thermometers(options, context)
        await interface.probe()
        yield interface
