"""A member's lock file with its heartbeat: how the processes of one machine know each other to be alive.

Theory of operation
-------------------
1. A member holds an exclusive ``flock`` on its lock file as long as its store is open; the kernel drops it when the
   process dies. A lock that can be had proves that the member is gone. One that is held proves nothing: a forked
   child may hold it, or the process may be stopped.
2. So the holder also counts up a number in the file: the heartbeat. No transaction, and on a tmpfs no disk.
3. Who wants to expire a lease *condemns* the file first, then looks at the heartbeat again, then ends the lease in a
   transaction. The holder beats first, then looks whether it is condemned. So either the one sees the beat, or the
   other sees that it must ask the store, behind the transaction, whether its lease is still there.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.store.sqlite.room import try_lock

#: Boot id, heartbeat, condemned.
LAYOUT: Final = struct.Struct("<36sQB")
_BEAT: Final = struct.Struct("<36sQ")


@dataclass(frozen=True, slots=True)
class Process:
    """Names a process beyond its pid."""

    boot: str
    namespace: int  # of pids
    pid: int
    started: int  # clock ticks after boot

    @classmethod
    def this(cls) -> Process:
        return cls(boot_id(), pid_namespace(), os.getpid(), start_of(os.getpid()) or 0)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def start_of(pid: int) -> int | None:
    """When a process started (field 22 of ``/proc/PID/stat``, man 5 proc); None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.rpartition(")")[2].split()[19])


class LockFile:
    """The holder's own lock file; exists from :meth:`make` on."""

    def __init__(self, boot: str) -> None:
        self._boot = boot.encode()
        self._count = 0
        self._file: Path | None = None
        self._descriptor = -1

    def make(self, file: Path) -> None:
        """Make the file, or make it anew where it has vanished. It is locked before others can see it."""
        if self._file == file and file.exists():
            return
        draft = file.with_suffix(".new")
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.close()
        self._file, self._descriptor = file, descriptor
        os.pwrite(descriptor, LAYOUT.pack(self._boot, self._count, 0), 0)
        draft.rename(file)

    @property
    def made(self) -> bool:
        return self._descriptor >= 0

    def beat(self) -> bool:
        """Count up; return whether somebody has condemned this member meanwhile."""
        self._count += 1
        os.pwrite(self._descriptor, _BEAT.pack(self._boot, self._count), 0)
        return os.pread(self._descriptor, 1, _BEAT.size) == b"\1"

    def absolve(self) -> None:
        """Take back that this member is condemned."""
        os.pwrite(self._descriptor, b"\0", _BEAT.size)

    def remove(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class Sign:
    """What another member's lock file shows at one moment; ``count`` is None when the file is not there."""

    count: int | None
    released: bool = False


def look(file: Path) -> Sign:
    """Look at another member's lock file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Sign(None)
    try:
        content = os.pread(descriptor, LAYOUT.size, 0)
        count = LAYOUT.unpack(content)[1] if len(content) == LAYOUT.size else None
        return Sign(count, try_lock(descriptor, fcntl.LOCK_SH))
    finally:
        os.close(descriptor)


def condemn(file: Path) -> None:
    """Say in another member's lock file that its lease is about to be ended."""
    _write_mark(file, b"\1")


def absolve(file: Path) -> None:
    """Take that back."""
    _write_mark(file, b"\0")


def _write_mark(file: Path, mark: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.pwrite(descriptor, mark, _BEAT.size)
    finally:
        os.close(descriptor)
