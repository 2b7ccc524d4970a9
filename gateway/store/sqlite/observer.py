"""Ends the leases of members that have died or stopped renewing.

Theory of operation
-------------------
1. Proof of death: the machine has been booted since, the process is gone (told by a pidfd within milliseconds, or by a
   pid that is free or used anew), or its lock file is not locked any more. Then the lease ends at once.
2. Without proof the heartbeat decides: when it has stood still for a lease, counted in this observer's own regular
   ticks, the lease ends. A gap in the ticks (this process was stopped, the machine slept) restarts all counts: in it
   the other may have been held up just as well.
3. Every open store observes all others; whoever is first ends the lease, in one transaction, and for the rest it is
   gone. See :mod:`gateway.store.sqlite.heartbeat` for how that agrees with a holder that wakes up at this moment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio

from gateway.errors import StoreError
from gateway.store.sqlite import heartbeat
from gateway.store.sqlite.heartbeat import Process
from gateway.store.sqlite.member import LOCK
from gateway.store.sqlite.operations import End

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from anyio.abc import TaskGroup

    from gateway.clock import Clock
    from gateway.store.sqlite.commit import Writer
    from gateway.store.sqlite.member import Member
    from gateway.store.sqlite.reader import Reader

#: Time between two looks at the heartbeats, in s.
TICK = 0.1
#: A longer time between two looks is a gap, in s; so is a third of a lease, if that is longer.
GAP = 3 * TICK


@dataclass(slots=True)
class Subject:
    """Another member that holds leases: ``leases`` has their ttl by id."""

    name: str
    process: Process
    leases: dict[str, float]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    dead: bool = False
    count: int | None = None
    since: float = 0.0


class Observer:
    """Watches the other members of a store. Runs in its event loop."""

    def __init__(self, clock: Clock, member: Member, writer: Writer, reader: Reader) -> None:
        self._clock = clock
        self._member = member
        self._writer = writer
        self._reader = reader
        self.tasks: TaskGroup
        self._subjects: dict[str, Subject] = {}
        self._stale = True
        self._woken = anyio.Event()
        self._ticked = clock.lease_now()

    def reload(self) -> None:
        """Read the table of leases anew."""
        self._stale = True
        self._woken.set()

    async def run(self) -> None:
        """Observe for ever; what can't be done now is tried again at the next tick."""
        while True:
            try:
                await self.look()
            except StoreError:
                self._stale = True
            await self._rest()

    async def _rest(self) -> None:
        """Wait for the next tick, or while there is nobody to observe until somebody comes."""
        if not self._subjects and not self._stale:
            await self._woken.wait()
            self._ticked = self._clock.lease_now()
        elif not self._woken.is_set():
            async with anyio.create_task_group() as group:
                group.start_soon(self._cancel_when_woken, group)
                await self._clock.sleep(TICK)
                group.cancel_scope.cancel()
        self._woken = anyio.Event()

    async def _cancel_when_woken(self, group: TaskGroup) -> None:
        await self._woken.wait()
        group.cancel_scope.cancel()

    async def look(self) -> None:
        """Look at every other member once, and end what has run out."""
        if self._stale:
            self._stale = False
            self._update(await self._reader.read(_read_leases))
        now = self._clock.lease_now()
        pause = now - self._ticked
        self._ticked = now
        for subject in list(self._subjects.values()):
            gap = max(GAP, min(subject.leases.values()) / 3)
            self._look_at(subject, now, gap=pause > gap)
            await self._judge(subject, now)

    def _update(self, leases: list[tuple[str, float, str, Process]]) -> None:
        held: dict[str, dict[str, float]] = {}
        processes: dict[str, Process] = {}
        for lease, ttl, member, process in leases:
            if member != self._member.name:
                held.setdefault(member, {})[lease] = ttl
                processes[member] = process
        for name in self._subjects.keys() - held.keys():
            self._subjects.pop(name).scope.cancel()
        for name, own in held.items():
            if name in self._subjects:
                self._subjects[name].leases = own
            else:
                self._begin(Subject(name, processes[name], own))

    def _begin(self, subject: Subject) -> None:
        self._subjects[subject.name] = subject
        subject.since = self._clock.lease_now()
        mine = self._member.process
        process = subject.process
        subject.dead = process.boot != mine.boot
        if subject.dead or process.namespace != mine.namespace or process.pid == mine.pid:
            return
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            subject.dead = True
            return
        except OSError:
            return  # an old kernel or no permission: the lock and the heartbeat remain
        if heartbeat.start_of(process.pid) != process.started:
            os.close(pidfd)
            subject.dead = True
        else:
            self.tasks.start_soon(self._await_death, subject, pidfd, name=f"death of {process.pid}")

    async def _await_death(self, subject: Subject, pidfd: int) -> None:
        try:
            with subject.scope:
                await anyio.wait_readable(pidfd)
                subject.dead = True
                self._woken.set()
        finally:
            os.close(pidfd)

    def _look_at(self, subject: Subject, now: float, *, gap: bool) -> None:
        sign = heartbeat.look(self._lock_of(subject))
        subject.dead = subject.dead or sign.released
        if gap or sign.count != subject.count:
            subject.count, subject.since = sign.count, now

    def _lock_of(self, subject: Subject) -> Path:
        return self._member.run / (subject.name + LOCK)

    async def _judge(self, subject: Subject, now: float) -> None:
        for lease, ttl in list(subject.leases.items()):
            if subject.dead:
                await self._writer.submit(End(lease), urgent=True)
            elif now - subject.since >= ttl:
                await self._expire(subject, lease)
        if subject.dead:
            self._lock_of(subject).unlink(missing_ok=True)

    async def _expire(self, subject: Subject, lease: str) -> None:
        """End the lease of a member that may be alive, unless it beats before that is done."""
        file = self._lock_of(subject)
        if not await self._writer.submit(End(lease, partial(_stands_still, file, subject.count)), urgent=True):
            heartbeat.absolve(file)


def _stands_still(file: Path, count: int | None) -> bool:
    """Condemn a member, and look whether it has not beaten since."""
    heartbeat.condemn(file)
    return heartbeat.look(file).count == count


def _read_leases(connection: sqlite3.Connection) -> list[tuple[str, float, str, Process]]:
    rows = connection.execute("SELECT id, ttl, member, boot, namespace, pid, started FROM lease").fetchall()
    return [(row[0], row[1], row[2], Process(*row[3:])) for row in rows]
