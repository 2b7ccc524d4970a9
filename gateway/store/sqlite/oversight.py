"""Looks now and then whether writing works, and says so in the link; keeps this store's files in the run directory.

Theory of operation
-------------------
1. The link is *detached* when a write has failed for want of space, of permission or of the file, or when the writer
   waits for its turn and whoever is in the room is stopped or stays there too long. Then the writer refuses everything
   with that reason. It is *uncertain* while a write takes unusually long.
2. While it is detached because a write failed, a write that changes nothing is tried again and again; the first that
   succeeds, ours or a caller's, connects the link.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import StoreError
from gateway.store.sqlite import run_directory
from gateway.store.sqlite.commit import identity
from gateway.store.sqlite.operations import Move, Probe, Transaction
from gateway.store.sqlite.room import is_stopped
from gateway.store.sqlite.rows import read_run

if TYPE_CHECKING:
    from gateway.clock import Clock
    from gateway.store.link import LinkState
    from gateway.store.sqlite.commit import Writer
    from gateway.store.sqlite.feed import Feed
    from gateway.store.sqlite.lease import Holder
    from gateway.store.sqlite.member import Member
    from gateway.store.sqlite.opening import Opened
    from gateway.store.sqlite.reader import Reader

#: Time between two looks, in s: within it a change is seen whose notice was lost.
PULSE = 0.25
#: How many looks pass between two tries to write, and between two looks after the own files.
RARE = 4
#: Waiting for the turn, in s, after which the link counts as uncertain, and who is in the room is looked at ...
LONG = 0.5
#: ... and after which it counts as detached, whoever that is.
TOO_LONG = 10.0


class Oversight:
    """Runs in the event loop of one store."""

    def __init__(
        self,
        opened: Opened,
        clock: Clock,
        link: LinkState,
        writer: Writer,
        reader: Reader,
        feed: Feed,
        member: Member,
        holder: Holder,
    ) -> None:
        self._opened = opened
        self._identity = identity(opened.file)
        self._clock = clock
        self._link = link
        self._writer = writer
        self._reader = reader
        self._feed = feed
        self._member = member
        self._holder = holder

    def committed(self, outcome: Transaction | StoreError) -> None:
        """Take note of how a batch ended."""
        if isinstance(outcome, Transaction):
            self._link.set("connected")
            self._feed.own(outcome)
        else:
            self._link.set("detached", str(outcome))

    async def run(self) -> None:
        """Look for ever."""
        while True:
            for _ in range(RARE):
                await self._clock.sleep(PULSE)
                self._feed.poke()
                self._look()
            try:
                await self._look_after()
            except (StoreError, OSError):
                continue  # the next time, then

    def _look(self) -> None:
        if identity(self._opened.file) != self._identity:
            self._link.set("detached", f"{self._opened.file} is gone or was replaced")
        elif self._writer.waiting is not None:
            self._look_at_room(self._clock.lease_now() - self._writer.waiting)
        elif self._writer.busy is not None and self._clock.lease_now() - self._writer.busy > LONG:
            self._link.set("uncertain", "a write takes unusually long")

    def _look_at_room(self, waited: float) -> None:
        if waited < LONG:
            return
        holders = self._opened.room.holders()
        for pid in filter(is_stopped, holders):
            self._block(f"pid {pid} holds the store and is stopped: continue it (kill -CONT {pid}) or end it")
            return
        if waited < TOO_LONG:
            self._link.set("uncertain", "waiting for another process to finish writing")
        else:
            names = ", ".join(f"pid {pid}" for pid in holders) or "another process"
            self._block(f"{names} has held the store for {waited:.0f} s")

    def _block(self, reason: str) -> None:
        self._link.set("detached", reason)
        self._writer.block(reason)

    async def _look_after(self) -> None:
        if not self._member.is_whole():
            await self._restore_files()
        if self._link.link.state != "connected" and not self._writer.blocked:
            await self._writer.submit(Probe())
        await self._holder.end_left()

    async def _restore_files(self) -> None:
        """Make the files in the run directory anew; if there is no making that, agree on another."""
        recorded = await self._recorded()
        if not run_directory.usable(recorded):
            await self._writer.submit(Move(str(recorded), str(run_directory.choose(self._opened.id))))
            recorded = await self._recorded()
            run_directory.usable(recorded)
        self._member.move(recorded)

    async def _recorded(self) -> Path:
        return Path(await self._reader.read(read_run))
