"""Opens serial ports with pyserial-asyncio 0.6."""

from __future__ import annotations

import asyncio
import errno
from typing import Any, Final

import anyio
import serial
import serial_asyncio

#: What ``select()`` can't take any more (glibc, ``FD_SETSIZE``).
SELECT_LIMIT: Final = 1024


class _Transport(serial_asyncio.SerialTransport):  # type: ignore[misc]
    """A port that is unplugged while bytes wait for it is no fault of the program: no traceback for the event loop."""

    def _fatal_error(self, exc: Exception, message: str = "") -> None:
        self._abort(exc)


async def connect(protocol: asyncio.Protocol, path: str, baudrate: int, dtr: bool) -> asyncio.Transport:
    """Open a port; it is done in a thread, and done even if it is cancelled meanwhile.

    Raises:
        OSError: with the number that the system gave, where it gave one.
    """
    port = await anyio.to_thread.run_sync(_open, path, baudrate, dtr)
    return _Transport(asyncio.get_running_loop(), protocol, port)


def _open(path: str, baudrate: int, dtr: bool) -> Any:
    port = serial.Serial(baudrate=baudrate, exclusive=True)
    port.dtr = dtr
    port.port = path
    port.open()
    if (number := max(port.fileno(), port.pipe_abort_read_r, port.pipe_abort_write_r)) >= SELECT_LIMIT:
        port.close()
        raise OSError(
            errno.EMFILE,
            f'pyserial can\'t use file descriptor {number}, the limit is {SELECT_LIMIT - 1}: say serial = "serialx"',
        )
    return port
