"""Presence: the entry that says that a node is alive, which incarnation of it, and what it has.

Theory of operation
-------------------
1. A node has one lease and one presence entry, bound to it. The entry's absence means that the node is gone.
2. Each registration is a new *incarnation*, a random id. An incarnation whose entry has vanished is dead for ever.
3. The entry is made by compare-and-set on "absent", so of two processes with one name the second is refused.
4. What a node holds by its lease it holds by a :class:`Registration`; the next one knows nothing of it.
5. After a crash on the same machine the entry may outlive the process for a moment. It is removed when the process
   is provably dead: another boot of the same machine, no such pid, or a pid that began after the entry was written.
   Process ids mean something only within one pid namespace, so the namespace is part of the machine's name.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import Conflict, Denied, Detached, NameTaken, Uncertain
from gateway.values import NotGiven

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from anyio.abc import TaskStatus

    from gateway.abc import Lease, Store
    from gateway.path import Path
    from gateway.values import Entry

#: Seconds between tries to register anew while the store is out of reach.
RETRY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Registration:
    """One incarnation of a node: its id, the revision of its entry's creation, and the lease that it lives by."""

    incarnation: str
    revision: int
    lease: Lease


class Presence:
    """This node's presence entry; keeps it while :meth:`run` runs.

    Attributes:
        incarnation: the newest; it may have lost its lease.
        registration: what the node lives by now; None while it has no lease.
        changed: set, and made anew, when ``registration`` changes.

    Args:
        location: the path below which presence entries stand; the node's own is ``location / name``.
    """

    def __init__(self, store: Store, location: Path, name: str, log: logging.Logger) -> None:
        self.name = name
        self.incarnation = ""
        self._store = store
        self._path = location / name
        self._log = log
        self._ttl = store.lease_ttl
        self.registration: Registration | None = None
        self.changed = anyio.Event()
        self._revision = 0
        self._tried: set[str] = set()  # incarnations: a write without an answer may land long after it was given up
        self._machine, self._boot = machine_name(), boot_id()
        self._since = 0.0
        self._facts: dict[str, Any] = {}
        self._writing = anyio.Lock()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Register, report as started, and stay registered until cancelled; then the entry is deleted.

        Raises:
            NameTaken: another live process has the name; at the start, or when it took it after this node's lease
                had run out.
            Detached, Uncertain, Denied: the store is out of reach, or refuses, at the start; later it is waited for.
        """
        started: Callable[[], None] = task_status.started
        while True:
            try:
                async with self._store.lease(self._ttl) as lease:
                    await self._register(lease)
                    started()
                    started = _nothing
                    await lease.lost.wait()
                    self._set(None)
            except (Detached, Uncertain, Denied):  # Denied: the lease had gone before the entry was bound to it
                if started is not _nothing:
                    raise
                await self._store.clock.sleep(RETRY)  # cut off: its jobs go on, and so does it
                continue
            self._log.warning(
                "node %s lost its presence (its lease of %g s ran out): registers anew", self.name, self._ttl
            )

    def _set(self, registration: Registration | None) -> None:
        self.registration = registration
        self.changed.set()
        self.changed = anyio.Event()

    async def announce(self, **facts: Any) -> None:
        """Put facts into the entry (``runners``, ``interfaces``); kept for later registrations too.

        Waits while the store is out of reach and the lease goes on.
        """
        self._facts |= facts
        async with self._writing:
            while (now := self.registration) is not None and not now.lease.lost.is_set():
                try:
                    await self._rewrite(now.lease)
                    return
                except (Detached, Uncertain, Denied):
                    await self._store.clock.sleep(RETRY)

    async def _rewrite(self, lease: Lease) -> None:
        try:
            self._revision = await self._store.set(self._path, self._record(), revision=self._revision, lease=lease)
        except Conflict as conflict:
            current = conflict.current or await self._store.get(self._path)
            if self._is_mine(current.value):  # an uncertain write had landed
                self._revision = await self._store.set(
                    self._path, self._record(), revision=current.revision, lease=lease
                )
            # else the entry is gone; the lease says so in a moment

    async def _register(self, lease: Lease) -> None:
        await self._remove_dead()
        self.incarnation = f"{self._store.random.getrandbits(64):016x}"
        self._tried.add(self.incarnation)
        self._since = self._store.clock.now()
        async with self._writing:
            try:
                self._revision = await self._store.set(self._path, self._record(), revision=0, lease=lease)
            except Conflict as conflict:
                found = conflict.current or await self._store.get(self._path)
                if found.value is NotGiven or self._is_mine(found.value):
                    raise Uncertain("an earlier registration of this node has landed meanwhile") from None
                raise self._taken(found) from None
            self._set(Registration(self.incarnation, self._revision, lease))

    def _record(self) -> dict[str, Any]:
        return {
            "incarnation": self.incarnation,
            "runners": [],
            "interfaces": {},
            **self._facts,
            **self.process(),
        }

    def process(self) -> dict[str, Any]:
        """What tells this process from others: so that it can be proven dead."""
        return {"machine": self._machine, "boot": self._boot, "pid": os.getpid(), "since": self._since}

    async def _remove_dead(self) -> None:
        entry = await self._store.get(self._path)
        if entry.value is not NotGiven and (self._is_mine(entry.value) or provably_dead(entry.value)):
            with suppress(Conflict):
                await self._store.delete(self._path, revision=entry.revision)
                self._log.info("removed the presence of an earlier process of node %s, which is dead", self.name)

    def _is_mine(self, record: Any) -> bool:
        """Whether this object wrote it, under whichever lease: it may have landed although the store didn't say so."""
        return isinstance(record, dict) and record.get("incarnation") in self._tried

    def _taken(self, entry: Entry) -> NameTaken:
        found = entry.value if isinstance(entry.value, dict) else {}
        whose = f"process {found.get('pid', '?')} on {str(found.get('machine', '?')).split('/')[0]}"
        return NameTaken(f"node name {self.name!r} is taken by {whose}; stop it, or start this one with another --name")


def _nothing() -> None:
    """Started already."""


def machine_name() -> str:
    """Host name, machine id and pid namespace: equal where process ids can be compared."""
    machine = _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id")
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it is no path but a name such as pid:[4026531836]
    return f"{socket.gethostname()}/{machine}/{namespace}"


def boot_id() -> str:
    """The id of this boot of the machine (proc(5), /proc/sys/kernel/random/boot_id)."""
    return _first_line("/proc/sys/kernel/random/boot_id")


def provably_dead(record: Any) -> bool:
    """Whether the process that wrote a presence record certainly runs no more."""
    if not isinstance(record, dict) or record.get("machine") != machine_name():
        return False
    if record.get("boot") != boot_id():
        return True
    pid, since = record.get("pid"), record.get("since")
    if not isinstance(pid, int) or not isinstance(since, int | float):
        return False
    began = _process_start(pid)
    return began is None or began > since + 1.0  # the kernel's start times are good to a clock tick


def _process_start(pid: int) -> float | None:
    """When a process began, in Unix seconds, from field 22 of /proc/PID/stat (proc(5)); None when there is none."""
    try:
        fields = File(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in "ZX":  # a zombie runs no more
        return None
    up = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + up


def _first_line(file: str) -> str:
    try:
        return File(file).read_text().split("\n", 1)[0]
    except OSError:
        return ""
