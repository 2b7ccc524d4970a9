"""What the checks look at of the machine they run on, so that a test can give them another one."""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: adjtimex(2): the return value of a clock that is not synchronised to a reliable server (``TIME_ERROR``).
TIME_ERROR: Final = 5
#: Bytes with room for a ``struct timex`` of any architecture (208 on 64-bit Linux, see adjtimex(2)).
TIMEX: Final = 512


def kernel_says_synchronised() -> bool | None:
    """Whether the kernel's clock is synchronised; None when it can't be asked. Needs no rights."""
    try:
        status = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX))
    except (OSError, AttributeError):
        return None
    return None if status < 0 else status != TIME_ERROR


def may_use(file: Path) -> bool:
    """Whether this user may read and write a file; access control lists count."""
    return os.access(file, os.R_OK | os.W_OK)


@dataclass(frozen=True)
class Machine:
    """A Linux machine.

    Attributes:
        dev, proc, run: where ``/dev``, ``/proc`` and ``/run`` are.
        may_use: whether this user may read and write a file.
        synchronised: whether the kernel's clock is synchronised; None: not known.
        open_files: how many files a process of this user may have open.
    """

    dev: Path = Path("/dev")
    proc: Path = Path("/proc")
    run: Path = Path("/run")
    may_use: Callable[[Path], bool] = may_use
    synchronised: Callable[[], bool | None] = kernel_says_synchronised
    open_files: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    @property
    def by_id(self) -> Path:
        """Names that stay the same over replugging (udev's 60-serial.rules)."""
        return self.dev / "serial/by-id"

    @property
    def by_path(self) -> Path:
        """Names by the socket that an adapter is plugged into (same rules)."""
        return self.dev / "serial/by-path"
