"""Opens serial ports with serialx."""

from __future__ import annotations

import asyncio

import serialx


async def connect(protocol: asyncio.Protocol, path: str, baudrate: int, dtr: bool) -> asyncio.Transport:
    """Open a port; cancelled, it is closed again in the background.

    Raises:
        OSError: with the number that the system gave.
    """
    transport, _ = await serialx.create_serial_connection(
        asyncio.get_running_loop(),
        lambda: protocol,
        path,
        baudrate=baudrate,
        exclusive=True,
        dtr_on_open=serialx.PinState.HIGH if dtr else serialx.PinState.LOW,
    )
    return transport
