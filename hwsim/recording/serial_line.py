"""A serial line opened raw, without a library: a device file as bytes on the event loop.

Source: termios(3). Modem lines are left as the driver sets them at an opening.
"""

from __future__ import annotations

import errno
import os
import termios
import tty
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from pathlib import Path

_PORTION: Final = 4096
_SPEEDS: Final = {
    int(name[1:]): getattr(termios, name) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()
}


class SerialLine:
    """An open device file; 8 data bits, no parity, one stop bit, no flow control."""

    def __init__(self, path: Path, baud: int | None) -> None:
        """Open it.

        Args:
            path: of the device.
            baud: bits per second; None: as the device file is set.

        Raises:
            OSError: it can't be opened, or is no terminal (ENOTTY).
            ValueError: terminals have no such speed.
        """
        if baud is not None and baud not in _SPEEDS:
            raise ValueError(f"{baud} is no speed of a serial line; these are: {', '.join(map(str, sorted(_SPEEDS)))}")
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            tty.setraw(self._file)
            settings = termios.tcgetattr(self._file)
            settings[2] = settings[2] & ~termios.CRTSCTS | termios.CLOCAL | termios.CREAD
            if baud is not None:
                settings[4] = settings[5] = _SPEEDS[baud]
            termios.tcsetattr(self._file, termios.TCSANOW, settings)
        except termios.error as error:
            os.close(self._file)
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY), str(path)) from error

    async def receive(self) -> bytes:
        """What has come; empty when the device has gone."""
        while True:
            await anyio.wait_readable(self._file)
            try:
                return os.read(self._file, _PORTION)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV):
                    return b""
                raise

    async def send(self, data: bytes) -> None:
        """Send all of it, or nothing more when the device has gone. Raises ClosedResourceError when it is closed."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._file)
            except OSError as error:
                if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV):
                    return
                raise

    def close(self) -> None:
        """Give it back."""
        anyio.notify_closing(self._file)
        os.close(self._file)
