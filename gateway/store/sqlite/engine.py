"""What runs behind an open file: puts the parts together, starts and ends them."""

from __future__ import annotations

import errno
import os
import weakref
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread

from gateway.errors import StoreError
from gateway.path import Path
from gateway.store.sqlite import notice, run_directory, snapshot
from gateway.store.sqlite.commit import Writer
from gateway.store.sqlite.doorbell import Doorbell
from gateway.store.sqlite.feed import Feed
from gateway.store.sqlite.lease import Holder
from gateway.store.sqlite.member import Member
from gateway.store.sqlite.notice import Announcer, Peers
from gateway.store.sqlite.observer import Observer
from gateway.store.sqlite.operations import Forget
from gateway.store.sqlite.oversight import Oversight
from gateway.store.sqlite.reader import Reader
from gateway.store.sqlite.topics import Publisher, Switchboard

if TYPE_CHECKING:
    from random import Random

    from anyio.abc import TaskStatus

    from gateway.clock import Clock
    from gateway.store.link import LinkState
    from gateway.store.sqlite.opening import Opened

#: Time between two rounds of forgetting old deletions and looking at the age of the snapshot, in s.
ROUND = 600.0
#: Age of a snapshot, in s, at which a new one is taken.
SNAPSHOT_AGE = 24 * 3600.0
#: How many paths are kept from being read from their keys again and again.
PATHS = 4096


class Engine:
    """The parts of one open store.

    Args:
        horizon: how long a deletion is remembered, in s.
    """

    def __init__(
        self, opened: Opened, clock: Clock, random: Random, link: LinkState, node: str, horizon: float
    ) -> None:
        self.opened = opened
        self.forked = False
        self._clock = clock
        self._link = link
        self._horizon = horizon
        self.path_of = lru_cache(maxsize=PATHS)(Path.from_key)
        self._scope = anyio.CancelScope(shield=True)
        self._doorbell = Doorbell()
        self.member = _join(opened, random)
        self.name = f"{node or 'client'}-{self.member.name}"
        self.reader = Reader(opened.file, opened.reader)
        self._announcer = Announcer(Peers(self.member, notice.CHANGES))
        self.writer = Writer(
            opened.file,
            opened.writer,
            opened.room,
            self._doorbell,
            clock,
            self.member.name,
            self._announcer.announce,
            lambda outcome: self._oversight.committed(outcome),
        )
        self.feed = Feed(self.reader.fresh, opened.state.revision, opened.state.leases, lambda: self._observer.reload())
        self.switchboard = Switchboard()
        self.publisher = Publisher(self.name, Peers(self.member, notice.MESSAGES))
        self.holder = Holder(self.member, self.writer, self.reader)
        self._observer = Observer(clock, self.member, self.writer, self.reader)
        self._oversight = Oversight(opened, clock, link, self.writer, self.reader, self.feed, self.member, self.holder)
        os.register_at_fork(after_in_child=partial(_drop_in_child, weakref.ref(self)))

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Run until :meth:`close`, whatever is cancelled around it: what is in flight then still has to end.

        Counts as started when what provably dead processes held has been ended.
        """
        self.writer.start()
        with self._scope:
            try:
                async with anyio.create_task_group() as self._tasks:
                    self.publisher.tasks = self._observer.tasks = self._tasks
                    for part in (self._doorbell.answer, self.feed.run, self._hear_changes, self._oversight.run):
                        self._tasks.start_soon(part)
                    await self._observer.look()
                    self._link.set("connected")
                    task_status.started()
                    self._tasks.start_soon(self._observer.run)
                    self._tasks.start_soon(self._keep_house)
            finally:
                self.writer.give_up("the store has been closed")

    async def close(self) -> None:
        """Wait for what is in flight, and end everything."""
        await self.writer.close()
        self._scope.cancel()

    async def release(self) -> None:
        """Give everything back; to be called when :meth:`run` has ended."""
        self.publisher.close()
        self.member.remove()
        with suppress(OSError):  # others are still there
            self.member.run.rmdir()
        self._announcer.close()
        await self.reader.close()
        self._doorbell.close()
        os.close(self.opened.lock)

    def drop(self) -> None:
        """In a forked child: let go of all locks and sockets, and leave the parent's alone."""
        self.forked = True
        self._link.reason = "this process was forked from the one that has opened the store: open it again here"
        os.close(self.opened.lock)
        self.opened.room.close()
        self.member.drop()

    def listen(self) -> None:
        """Receive messages of other processes from now on."""
        if self.member.messages is None:
            self.member.listen()
            self._tasks.start_soon(self._hear_messages)

    async def _hear_changes(self) -> None:
        while True:
            try:
                await notice.receive(self.member.changes, 16, lambda _: self.feed.poke())
            except anyio.ClosedResourceError:  # the files are made anew elsewhere
                await anyio.lowlevel.checkpoint()

    async def _hear_messages(self) -> None:
        while True:
            try:
                await notice.receive(self.member.listen(), notice.DATAGRAM, self.switchboard.arrived)
            except anyio.ClosedResourceError:
                await anyio.lowlevel.checkpoint()

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(ROUND)
            try:
                await self.forget()
                if snapshot.age(self.opened.folder, self._clock.now()) > SNAPSHOT_AGE:
                    await self.snapshot()
            except StoreError:
                continue  # the next time, then

    async def forget(self) -> int:
        """Forget old deletions; return how many."""
        return await self.writer.submit(Forget(self._clock.now(), self._horizon))

    async def snapshot(self) -> bool:
        return await anyio.to_thread.run_sync(snapshot.take, self.opened.file, self.opened.folder)


def _join(opened: Opened, random: Random) -> Member:
    """Become a member under a name that no other has."""
    while True:
        try:
            return Member(opened.run, f"{os.getpid()}-{random.getrandbits(48):012x}")
        except FileNotFoundError:  # the last one who left has just removed it
            if not run_directory.make(opened.run):
                raise
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def _drop_in_child(reference: weakref.ref[Engine]) -> None:
    engine = reference()
    if engine is not None and not engine.forked:
        engine.drop()
