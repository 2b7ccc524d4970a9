"""The driver ``rflink``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from busgate_rflink.interface import RflinkInterface
from busgate_rflink.options import Options
from gateway.abc import Driver
from gateway.errors import InterfaceDown, sole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from gateway.abc import DriverContext, Interface


class RflinkDriver(Driver):
    """An RFLink gateway at a serial line: an Arduino Mega, or a board with RFLink32."""

    name: ClassVar[str] = "rflink"
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
            interface = RflinkInterface(stream, options, context)
            tasks.start_soon(interface.run, name="busgate_rflink.receive")
            await interface.gateway.greet()
            try:
                yield interface
            finally:
                interface.ears.end(InterfaceDown("the interface has been closed"))
                tasks.cancel_scope.cancel()
