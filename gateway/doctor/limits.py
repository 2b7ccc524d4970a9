"""Whether a node may open as many files as it needs."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.doctor.finding import Level
    from gateway.doctor.machine import Machine

#: Files of a node with a few interfaces and watches, several times over; what Linux gives by default is 1024.
ENOUGH: Final = 512
#: Part of the limit from which on it is a warning.
NEARLY: Final = 0.8


def check_limits(machine: Machine, nodes: Iterable[tuple[str, int]]) -> Iterator[Finding]:
    """Look at the limit on open files, and at how far the running nodes are from it.

    Args:
        nodes: those that run on this machine: name and process id.
    """
    limit = machine.open_files()
    raise_it = "raise it: LimitNOFILE=4096 in the systemd unit, or: ulimit -n 4096"
    if limit < ENOUGH:
        yield Finding("limits", "warning", "open files", f"a process may open {limit} files only", raise_it)
    else:
        yield Finding("limits", "ok", "open files", f"a process may open {limit}")
    for node, pid in nodes:
        with suppress(OSError):  # it has ended, or is another user's
            used = sum(1 for _ in (machine.proc / str(pid) / "fd").iterdir())
            most = _most(machine, pid)
            level: Level = "warning" if used > NEARLY * most else "ok"
            message = f"node {node} (pid {pid}) has {used} of {most} files open"
            yield Finding("limits", level, node, message, raise_it if level == "warning" else "")


def _most(machine: Machine, pid: int) -> float:
    """The soft limit of a process (proc(5), /proc/pid/limits)."""
    found = re.search(r"^Max open files +(\d+)", (machine.proc / str(pid) / "limits").read_text(), re.MULTILINE)
    return int(found[1]) if found else float("inf")
