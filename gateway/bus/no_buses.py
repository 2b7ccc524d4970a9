"""NoBuses: for runners in programs that have no hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import anyio

from gateway.abc import Buses
from gateway.errors import NotFound

if TYPE_CHECKING:
    from gateway.abc import Permit


class NoBuses(Buses):
    """No bus is up here, nor ever will be."""

    def is_up(self, bus: str) -> bool:
        return False

    def explain(self, bus: str) -> str:
        return "there are no buses here"

    def handle(self, bus: str, permit: Permit | None = None) -> NoReturn:
        raise NotFound(f"no bus {bus!r}: there are no buses here")

    async def changed(self) -> None:
        await anyio.sleep_forever()
