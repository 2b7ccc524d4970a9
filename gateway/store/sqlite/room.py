"""Who writes next: the door and the room.

Theory of operation
-------------------
1. SQLite's own lock lets whoever comes at the right moment in, so with several busy writers one may wait for seconds.
2. So a writer takes the *door*, then the *room*, and gives the door back: one writes, one is next, the rest queue at
   the door. Who leaves the room has to queue again.
3. Both are locks by ``flock`` on files beside the database; the kernel drops them when their holder dies. SQLite still
   takes its lock: the room is for fairness, not for safety.
4. ``flock`` can't wait for a limited time, so a waiting writer holds nothing that matters to its callers: they take
   their requests back when the holder turns out to be stopped.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def open_lock(file: Path, like: Path) -> int:
    """Open a lock file, made for the owner and with the permissions of the file ``like``, if that exists."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if like.exists():
        own_as(descriptor, like)
    return descriptor


def own_as(descriptor: int, like: Path) -> None:
    """Give a file the owner and permissions of another, as far as this user may."""
    wanted, found = like.stat(), os.fstat(descriptor)
    if (wanted.st_uid, wanted.st_gid) != (found.st_uid, found.st_gid) and os.geteuid() == 0:
        os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
    if wanted.st_mode & 0o777 != found.st_mode & 0o777 and os.geteuid() in (0, found.st_uid):
        os.fchmod(descriptor, wanted.st_mode & 0o777)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take a lock (``fcntl.LOCK_SH`` or ``LOCK_EX``) if that is possible at once."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Room:
    """The two locks of one store. To be entered by one thread."""

    def __init__(self, folder: Path, like: Path) -> None:
        self._door = open_lock(folder / "door", like)
        self._room = open_lock(folder / "room", like)

    def enter(self) -> None:
        """Wait for the turn; blocks the thread."""
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._room, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)

    def leave(self) -> None:
        fcntl.flock(self._room, fcntl.LOCK_UN)

    def holders(self) -> list[int]:
        """The pids of those in the room and next at the door, others than this process."""
        return [pid for lock in (self._room, self._door) for pid in holders(lock) if pid != os.getpid()]

    def close(self) -> None:
        """Give the locks' files back; in a forked child this leaves the parent's locks alone."""
        os.close(self._door)
        os.close(self._room)


def holders(lock: int) -> list[int]:
    """The pids that hold a lock file, from ``/proc/locks`` (man 5 proc); those of other pid namespaces are missing."""
    inode = os.fstat(lock).st_ino
    found = []
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            found.append(int(fields[4]))
    return found


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal or a debugger; False when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")
