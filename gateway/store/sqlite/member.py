"""This store among the processes that have the same file open: its name, sockets and lock file in the run directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from gateway.errors import Detached
from gateway.store.sqlite import notice, run_directory
from gateway.store.sqlite.heartbeat import LockFile, Process

if TYPE_CHECKING:
    import socket
    from pathlib import Path

LOCK = ".lock"


def _close(*sockets: socket.socket | None) -> None:
    for bound in filter(None, sockets):
        anyio.notify_closing(bound)
        bound.close()


class Member:
    """Makes its files when they are needed, and anew when they have vanished.

    Args:
        name: never used before, by any store.
    """

    def __init__(self, run: Path, name: str) -> None:
        self.run = run
        self.name = name
        self.process = Process.this()
        self.changes = notice.bind(run / (name + notice.CHANGES))
        self.messages: socket.socket | None = None
        self._lock = LockFile(self.process.boot)

    def listen(self) -> socket.socket:
        """The socket for messages; from the first call on others send to it."""
        if self.messages is None:
            self.messages = notice.bind(self.run / (self.name + notice.MESSAGES))
        return self.messages

    def show(self) -> None:
        """Make the lock file: others watch it from here on. The run directory is made anew where it has vanished.

        Raises:
            Detached: there is no making it.
        """
        try:
            run_directory.make(self.run)
            self._lock.make(self._file(LOCK))
        except OSError as error:
            raise Detached(f"the lock file {self._file(LOCK)} can't be made: {error.strerror}") from error

    def beat(self) -> bool:
        """Give a sign of life; return whether somebody has condemned this member meanwhile. Raises as :meth:`show`."""
        self.show()
        return self._lock.beat()

    def absolve(self) -> None:
        self._lock.absolve()

    def is_whole(self) -> bool:
        """Whether the files are where the others look for them."""
        return self._file(notice.CHANGES).exists() and (self.messages is None or self._file(notice.MESSAGES).exists())

    def _file(self, suffix: str) -> Path:
        return self.run / (self.name + suffix)

    def move(self, run: Path) -> None:
        """Make all files anew, in a run directory that is there; the sockets made before are dead.

        Raises: OSError, when it has vanished again; the old sockets stay open then.
        """
        old = self.changes, self.messages
        self.run = run
        self.changes = self._bound(notice.CHANGES)
        if self.messages is not None:
            self.messages = self._bound(notice.MESSAGES)
        _close(*old)
        if self._lock.made:
            self.show()

    def _bound(self, suffix: str) -> socket.socket:
        """A new socket; what is left of the one before is in its way."""
        self._file(suffix).unlink(missing_ok=True)
        return notice.bind(self._file(suffix))

    def remove(self) -> None:
        """Take all files away."""
        for suffix in (notice.CHANGES, notice.MESSAGES):
            self._file(suffix).unlink(missing_ok=True)
        self._lock.remove()
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        _close(self.changes, self.messages)

    def drop(self) -> None:
        """Forget everything in a forked child, without touching what is the parent's."""
        for bound in filter(None, (self.changes, self.messages)):
            bound.close()
        self._lock.close()
