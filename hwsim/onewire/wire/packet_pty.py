"""A terminal that tells when the host throws away what it has sent (Linux `ioctl_tty(2)`, TIOCPKT).

Programs for serial adapters call `tcflush` when they believe that everything has arrived. On a real line it has. On a
terminal it may not have been read here yet, and is lost. In packet mode the kernel tells of that: each read begins with
a byte that is 0 before data, and otherwise a row of flags.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import TYPE_CHECKING

from hwsim.radio.pty import PtyPort

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class PacketPtyPort(PtyPort):
    """A port at the path of a symbolic link that calls `flushed` when bytes of the host may have been lost."""

    def __init__(self, path: Path, flushed: Callable[[], None]) -> None:
        super().__init__(path)
        self._flushed = flushed

    def _prepare(self, master: int) -> None:
        fcntl.ioctl(master, termios.TIOCPKT, struct.pack("i", 1))

    def _received(self, data: bytes) -> bytes:
        if data and data[0] & termios.TIOCPKT_FLUSHWRITE:
            self._flushed()
        return data[1:] if data and data[0] == termios.TIOCPKT_DATA else b""
