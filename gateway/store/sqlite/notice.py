"""Tells the other processes that something was committed: an empty datagram to each one's socket in the run directory.

A notice may get lost, and nothing depends on it: every store looks for changes now and then by itself.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.store.sqlite.member import Member

#: Ends of the names of sockets: for change notices, and for messages.
CHANGES: Final = ".changes"
MESSAGES: Final = ".messages"
#: Largest datagram of a message, in bytes: a value, the keys of topic and sender, numbers.
DATAGRAM: Final = 64 * 1024 + 4096
#: How long, in ns, a directory's time of change can't be told from a second change: more than a tick of the kernel.
GRAIN: Final = 20_000_000


def bind(file: Path) -> socket.socket:
    """A datagram socket at a path, for this user only."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.bind(os.fspath(file))
    except BaseException:
        bound.close()
        raise
    return bound


async def receive(bound: socket.socket, size: int, handle: Callable[[bytes], None]) -> None:
    """Pass on each datagram, for ever."""
    while True:
        await anyio.wait_readable(bound)
        with suppress(BlockingIOError):
            while True:
                handle(bound.recv(size))


class Peers:
    """The sockets of one kind of the other members, found by listing the run directory when it has changed."""

    def __init__(self, member: Member, suffix: str) -> None:
        self._member = member
        self._suffix = suffix
        self._listed = (-1, 0)  # the directory's time of change, and when it was listed
        self._names: list[str] = []

    def names(self) -> list[str]:
        """The names of the members that have such a socket."""
        try:
            changed = self._member.run.stat().st_mtime_ns
            seen, listed = self._listed
            if changed != seen or listed - changed < GRAIN:
                began = time.time_ns()
                self._names = self._list()
                self._listed = changed, began
        except FileNotFoundError:  # the directory has vanished, perhaps between the two
            return []
        return self._names

    def _list(self) -> list[str]:
        found = [file for file in self._member.run.iterdir() if file.suffix == self._suffix]
        return sorted(file.stem for file in found if file.stem != self._member.name)

    def file(self, name: str) -> Path:
        return self._member.run / (name + self._suffix)

    def forget(self, name: str) -> None:
        """Remove the socket of a member that has died: nobody listens there, and its name never comes again."""
        with suppress(OSError):
            self.file(name).unlink()


class Announcer:
    """Sends change notices; for the writer's thread."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def announce(self) -> None:
        for name in self._peers.names():
            try:
                self._socket.sendto(b"", os.fspath(self._peers.file(name)))
            except OSError as error:
                # a full queue holds a notice already, and what else goes wrong is made good by looking now and then
                if error.errno == errno.ECONNREFUSED:
                    self._peers.forget(name)

    def close(self) -> None:
        self._socket.close()
