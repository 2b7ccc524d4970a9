"""Whether a place can hold a database file: refuses, with words, what would fail later or lose data."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gateway.errors import StoreUnusable

#: File systems whose locks or shared memory can't be trusted between machines (sqlite.org/wal.html, "same host").
NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.glusterfs",
        "fuse.sshfs",
        "gfs2",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    ]
)

#: What is mounted where, for this process (proc(5)).
MOUNTS = Path("/proc/self/mountinfo")


def prepare(name: str | os.PathLike[str]) -> Path:
    """Resolve a path to a database file, make its parent directories, and check that it can be used.

    Raises:
        StoreUnusable: names the path, and says what to do.
    """
    file = Path(os.path.realpath(name))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _check_kind(file)
    except OSError as error:
        raise StoreUnusable(f"{file}: the directory can't be used: {error.strerror} ({error.filename})") from error
    _check_access(file)
    kind = file_system(file, MOUNTS.read_text())
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnusable(
            f"{file} is on a network file system ({kind}), where several machines would damage it: use a local disk"
        )
    return file


def _check_kind(file: Path) -> None:
    if file.is_dir():
        raise StoreUnusable(f"{file} is a directory: name a file in it, for example {file / 'store.db'}")
    if file.exists() and not file.is_file():
        raise StoreUnusable(f"{file} is no regular file: name another one")


def _check_access(file: Path) -> None:
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise StoreUnusable(f"{file} is read-only for {_user()}: change its permissions (chmod, chown) or name another")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"{file.parent} is read-only for {_user()}, but the store makes files beside {file.name}: "
            "change its permissions (chmod, chown), or name a file elsewhere"
        )


def _user() -> str:
    return f"user id {os.geteuid()}"


def file_system(file: Path, mountinfo: str) -> str:
    """The type of the file system that holds a file, from the text of ``/proc/self/mountinfo`` (man 5 proc)."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split()[4])
        if len(point) >= best and file.is_relative_to(point):
            best, kind = len(point), right.split()[0]
    return kind
