"""The driver ``rfxtrx``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from busgate_rfxtrx.interface import RfxtrxInterface
from busgate_rfxtrx.options import Options
from gateway.abc import Driver
from gateway.errors import InterfaceDown, sole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from gateway.abc import DriverContext, Interface


class RfxtrxDriver(Driver):
    """An RFXtrx433 or another transceiver of RFXCOM at a serial line."""

    name: ClassVar[str] = "rfxtrx"
    options: ClassVar[type[BaseModel]] = Options

    @asynccontextmanager
    async def open(self, options: Any, context: DriverContext) -> AsyncIterator[Interface]:
        try:
            async with self._opened(options, context) as interface:
                yield interface
        except ExceptionGroup as group:
            raise sole(group) from None

    @asynccontextmanager
    async def _opened(self, options: Options, context: DriverContext) -> AsyncIterator[Interface]:
        line = context.open_line(options.port, baudrate=options.baudrate, library=options.serial)
        async with line as stream, anyio.create_task_group() as tasks:
            interface = RfxtrxInterface(stream, options, context)
            tasks.start_soon(interface.run, name="busgate_rfxtrx.receive")
            await interface.transceiver.greet()
            try:
                yield interface
            finally:
                interface.ears.end(InterfaceDown("the interface has been closed"))
                tasks.cancel_scope.cancel()
