"""The driver ``onewire``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from busgate_onewire.interface import OneWireInterface
from busgate_onewire.options import Options
from busgate_onewire.server import Server
from gateway.abc import Driver
from gateway.errors import BusFault, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from gateway.abc import DriverContext, Interface


class OneWireDriver(Driver):
    """1-Wire buses behind an owserver."""

    name: ClassVar[str] = "onewire"
    options: ClassVar[type[BaseModel]] = Options

    @asynccontextmanager
    async def open(self, options: Any, context: DriverContext) -> AsyncIterator[Interface]:
        server = Server(options, context)
        try:
            await server.greet()
            try:
                await server.find_channels()
            except BusFault as fault:
                raise InterfaceDown(str(fault)) from None
            yield OneWireInterface(server)
        finally:
            await server.aclose()
