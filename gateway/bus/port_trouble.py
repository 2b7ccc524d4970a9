"""Why a serial port can't be opened, in words that say what to do."""

from __future__ import annotations

import errno
import getpass
import grp
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where udev puts names that stay the same over replugging and restarts (its rules, 60-serial.rules).
BY_ID: Final = Path("/dev/serial/by-id")


def explain(url: str, error: OSError, *, by_id: Path = BY_ID, processes: Path = Path("/proc")) -> str:
    """Say why ``url`` can't be opened. Looks through ``/proc``, so it should run in a thread.

    Args:
        by_id, processes: where to look.
    """
    reason = _first(error)
    if not url.startswith("/"):
        return f"can't open {url}: {_remote(reason)}"
    match reason.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return f"there is no {url}: {_plugged_in(by_id)}"
        case errno.EACCES | errno.EPERM:
            return ": ".join(filter(None, permission(Path(url))))
        case errno.EBUSY | errno.EAGAIN:
            return f"{url} is in use by {_holders(Path(url), processes)}"
    if not _is_terminal(Path(url)):
        return f"{url} is no serial port"
    return f"can't open {url}: {reason.strerror or reason}"


def _first(error: OSError) -> OSError:
    """The cause that says most: libraries wrap what the system said."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno is not None:
            return found
        found = found.__cause__ or found.__context__
    return error


def _remote(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "it is not plugged in"
        case errno.EBUSY:
            return "it is in use"
        case errno.ECONNREFUSED:
            return "nothing listens there; is ser2net running?"
    return error.strerror or str(error)


def _plugged_in(by_id: Path) -> str:
    found: list[Path] = []
    with suppress(OSError):
        found = sorted(by_id.iterdir())
    return f"plugged in are {', '.join(map(str, found))}" if found else "no serial adapter is plugged in"


def permission(port: Path) -> tuple[str, str]:
    """Why this user may not open a device file, and what to do; the latter is empty where it can't be told."""
    refused = f"no permission to open {port}"
    try:
        file = port.stat()
        group = grp.getgrgid(file.st_gid)
    except (OSError, KeyError):
        return refused, ""
    name, user = group.gr_name, _user()
    if not file.st_mode & stat.S_IRGRP or not file.st_mode & stat.S_IWGRP or name == "root":
        return refused, "it is for its owner alone; a udev rule should give it to group dialout"
    if user in group.gr_mem:
        return refused, f"it is for the group {name}, which this user has joined since this login: log in anew"
    return (
        refused,
        f"it is for the group {name}; let this user join it (sudo usermod -aG {name} {user}), and start anew",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return str(os.getuid())


def _holders(port: Path, processes: Path) -> str:
    found = holders(port, processes)
    if not found:
        return "a process that can't be told (another user's): `sudo fuser -v` names it"
    return ", ".join("this process" if pid == os.getpid() else f"{name} (pid {pid})" for pid, name in found)


def holders(port: Path, processes: Path) -> list[tuple[int, str]]:
    """Who has a device file open, as pid and name; without rights, those of this user, and who has locked it."""
    target = port.resolve()
    return sorted({*_opened(target, processes), *_locked(target, processes)})


def _opened(port: Path, processes: Path) -> Iterator[tuple[int, str]]:
    for folder in processes.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(_leads_to(link, port) for link in (folder / "fd").iterdir()):
                yield int(folder.name), _name(folder)


def _locked(port: Path, processes: Path) -> Iterator[tuple[int, str]]:
    """Everybody may read ``/proc/locks`` (proc(5)); most programs lock a port that they use."""
    with suppress(OSError, IndexError, ValueError):
        inode = str(port.stat().st_ino)
        device = port.stat().st_dev
        for line in (processes / "locks").read_text().splitlines():
            fields = line.split()
            if fields[1] != "FLOCK":
                continue
            major, minor, number = fields[5].split(":")
            if number == inode and (int(major, 16), int(minor, 16)) == (os.major(device), os.minor(device)):
                yield int(fields[4]), _name(processes / fields[4])


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"


def _leads_to(link: Path, port: Path) -> bool:
    with suppress(OSError):  # closed meanwhile
        return os.readlink(link) == str(port)  # noqa: PTH115 - may be no path
    return False


def _is_terminal(port: Path) -> bool:
    try:
        return stat.S_ISCHR(port.stat().st_mode)
    except OSError:
        return True
