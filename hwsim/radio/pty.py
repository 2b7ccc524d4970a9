"""A port as a device file, for programs that open serial lines: a pseudo-terminal behind a symbolic link.

Theory of operation
 1. The link keeps its path for as long as the house runs; what it points to is new after each plugging. So it is
    what `/dev/serial/by-id` is to real sticks.
 2. The terminal is set to raw once and then closed on this side. So the kernel tells (POLLHUP) when no host has it
    open, bytes sent to nobody are dropped, and a host may lock it for itself.
 3. Nothing tells when a host opens it, so that is looked for each 20 ms; a host that is quicker is not missed, only
    noticed late.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import select
import termios
import tty
from typing import TYPE_CHECKING, NoReturn

import anyio

from hwsim.junction import Ending
from hwsim.radio.port import Port, Take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOK = 0.02
_PORTION = 4096


class PtyPort(Port):
    """A port at the path of a symbolic link."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._master: int | None = None
        self._open = False

    @property
    def url(self) -> str:
        return str(self._path)

    @property
    def speed(self) -> int | None:
        """Bits per second that the host has set; None: not plugged in, or a speed that has no name."""
        if self._master is None:
            return None
        code = termios.tcgetattr(self._master)[4]  # Linux gives a master the settings of its terminal
        return next((int(name[1:]) for name in vars(termios) if name[1:].isdigit() and _is_speed(name, code)), None)

    def plug(self) -> None:
        """Raises OSError when the link can't be made, or something else is there."""
        if self._path.exists() and not self._path.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._path))
        master, slave = pty.openpty()
        try:
            tty.setraw(slave)
            self._prepare(master)
            os.set_blocking(master, False)
            fresh = self._path.with_name(f".{self._path.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(os.ttyname(slave))
            fresh.replace(self._path)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._master = master
        self._open = False

    def _prepare(self, master: int) -> None:
        """Set what has to be set on this side."""

    def unplug(self) -> None:
        if self._master is not None:
            master, self._master = self._master, None
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
            os.close(master)
            if self._open:
                self.junction.closed(self, Ending.BY_DEVICE)

    def deliver(self, data: bytes) -> None:
        taken = 0
        if self._master is not None and not self._hung_up(self._master):
            with contextlib.suppress(BlockingIOError):
                taken = os.write(self._master, data)
        self.lost += len(data) - taken
        self.junction.to_host(self, data[:taken])

    async def put(self, data: bytes) -> None:
        rest = data
        while rest and (master := self._master) is not None and not self._hung_up(master):
            try:
                taken = os.write(master, rest)
            except BlockingIOError:
                await anyio.wait_writable(master)
            else:
                self.junction.to_host(self, rest[:taken])
                rest = rest[taken:]
        self.lost += len(rest)

    async def serve(self, take: Take, opened: Callable[[], None]) -> NoReturn:
        master = self._master
        if master is None:
            raise RuntimeError("serve comes after plug")
        while True:
            while not self._open:
                await self._look(master, opened)
            await anyio.wait_readable(master)
            try:
                data = self._received(os.read(master, _PORTION))
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self._open = False
                self.junction.closed(self, Ending.BY_HOST)
            else:
                self.junction.to_device(self, data)
                if data:
                    await take(data)

    def _received(self, data: bytes) -> bytes:
        """What the host has sent, out of what the kernel gives."""
        return data

    async def _look(self, master: int, opened: Callable[[], None]) -> None:
        if self._readable(master):
            self._open = True
            self.opens += 1
            self.junction.opened(self)
            opened()
        else:
            await anyio.sleep(_LOOK)

    @staticmethod
    def _hung_up(master: int) -> bool:
        return bool(_events(master) & select.POLLHUP)

    @staticmethod
    def _readable(master: int) -> bool:
        """Whether a host has it open, or had and left something."""
        events = _events(master)
        return not events & select.POLLHUP or bool(events & select.POLLIN)


def _is_speed(name: str, code: int) -> bool:
    return name[0] == "B" and getattr(termios, name) == code


def _events(master: int) -> int:
    poll = select.poll()
    poll.register(master, select.POLLIN)
    return next((events for _, events in poll.poll(0)), 0)
