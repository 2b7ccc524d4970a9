"""The run directory: sockets and lock files of the processes that have one store open, on a tmpfs where there is one.

Theory of operation
-------------------
1. All processes must find the same one, whatever their environment; so whoever comes first chooses it and records it
   in the store, and everybody uses what is recorded.
2. It belongs to one user and is closed to others. Its path is short: a unix socket's has 107 bytes (man 7 unix).
3. It may vanish under a running store (``/run/user/UID`` at the user's last logout). Each member looks after its own
   files and makes them anew, with the directory; a heartbeat doesn't wait for that.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from gateway.errors import StoreUnusable
from gateway.store.sqlite.place import file_system

#: Longest path of a run directory, in bytes: leaves room for the names in it.
LONGEST = 70


def choose(name: str) -> Path:
    """Make a run directory in the best place.

    Args:
        name: tells the stores of one machine apart.

    Raises:
        StoreUnusable: there is no place for it.
    """
    for parent in _places():
        directory = Path(parent) / f"busgate-{name[-12:]}"
        if len(os.fsencode(directory)) <= LONGEST and os.access(parent, os.W_OK | os.X_OK) and make(directory):
            return directory
    raise StoreUnusable(f"no place for sockets and lock files among {', '.join(_places())}: set XDG_RUNTIME_DIR")


def _places() -> list[str]:
    """Directories that may hold it, those in memory first."""
    places = [os.environ.get("XDG_RUNTIME_DIR"), "/run", "/dev/shm", tempfile.gettempdir()]
    mounts = Path("/proc/self/mountinfo").read_text()
    existing = [place for place in places if place and Path(place).is_dir()]
    return sorted(existing, key=lambda place: file_system(Path(place).resolve(), mounts) not in ("tmpfs", "ramfs"))


def make(directory: Path) -> bool:
    """Make a run directory if it isn't there; whether it is there now and this user's."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def usable(directory: Path) -> bool:
    """Whether a recorded run directory can be used; made if it has vanished.

    Raises:
        StoreUnusable: it is another user's.
    """
    if make(directory):
        return True
    if not directory.is_dir():
        return False
    if os.geteuid() != 0:
        owner = directory.stat().st_uid
        raise StoreUnusable(f"the run directory {directory} belongs to user id {owner}: run busgate as that user")
    return True
