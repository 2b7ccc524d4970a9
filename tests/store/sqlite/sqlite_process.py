"""What the tests of the embedded store let other processes do: ``python sqlite_process.py FILE WHAT [ARGUMENT ...]``.

Each writes one JSON line for each thing that has happened, and goes on when it has been read in full.
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path
from random import Random

import anyio

from gateway.clock import SystemClock
from gateway.errors import StoreError, StoreUnusable
from gateway.path import P
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite.migration import migrate
from gateway.store.sqlite.room import Room, open_lock, try_lock
from gateway.values import Ready

TOP = P("suite")


def tell(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def open_store(file):
    return SqliteStore(file, clock=SystemClock(), random=Random(), node=str(os.getpid()))


async def write(file, name, count="1000000000"):
    """Set a new entry again and again, and tell the revision of each before the next."""
    async with open_store(file) as store:
        tell(started=True)
        sys.stdin.readline()
        for number in range(int(count)):
            tell(number=number, revision=await store.set(TOP / name / number, f"{name} {number}"))


async def write_at_once(file, name):
    """The same by ten callers at once."""

    async def caller(one):
        number = 0
        while True:
            revision = await store.set(TOP / name / one / number, f"{name} {one} {number}")
            tell(caller=one, number=number, revision=revision)
            number += 1

    async with open_store(file) as store, anyio.create_task_group() as group:
        tell(started=True)
        sys.stdin.readline()
        for one in range(10):
            group.start_soon(caller, one)


async def stay_in_the_room(file):
    """Stop like a process that is stopped in the middle of a write."""
    room = Room(Path(file + ".d"), Path(file))
    room.enter()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    tell(inside=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    connection.execute("ROLLBACK")
    room.leave()
    tell(left=True)


async def fork(file):
    """Hold a lease, and leave a child behind that has inherited everything."""
    async with open_store(file) as store, store.lease(60.0) as lease:
        await store.set(TOP / "held", 1, lease=lease)
        if os.fork():
            await anyio.sleep_forever()
        try:
            await store.get(TOP)
        except StoreError as error:
            tell(child=os.getpid(), error=str(error))
        os.close(1)
        signal.pause()


async def fork_unseen(file):
    """Hold a lease, and leave a child that Python knows nothing of: it keeps the lock of the lock file."""
    async with open_store(file) as store, store.lease(60.0) as lease:
        await store.set(TOP / "held", 1, lease=lease)
        child = ctypes.CDLL(None).fork()
        if child == 0:
            os.close(1)
            signal.pause()
            os._exit(0)
        tell(child=child)
        await anyio.sleep_forever()


async def hold(file, ttl):
    """Hold a lease until the end."""
    async with open_store(file) as store, store.lease(float(ttl)) as lease:
        await store.set(TOP / "held", 1, lease=lease)
        tell(held=True)
        await lease.lost.wait()
        tell(lost=True)


async def observe(file):
    """Tell when the entry of somebody else's lease vanishes."""
    async with open_store(file) as store, store.watch(TOP / "held") as events:
        async for event in events:
            if isinstance(event, Ready):
                tell(observing=True)
            elif event.deleted:
                tell(gone=store.clock.lease_now())


async def listen(file, topic):
    """Tell every message."""
    async with open_store(file) as store, store.subscribe(P(topic)) as messages:
        tell(listening=True)
        async for message in messages:
            tell(topic=str(message.topic), value=message.value, number=message.number, missed=message.missed)


async def outgrow(file):
    """Write to a file that may not grow; then let it."""
    async with open_store(file) as store:
        await store.set(TOP, "before")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(file + "-wal").stat().st_size, hard))
        try:
            await store.set(TOP, "x" * 100_000)
        except StoreError as error:
            tell(error=str(error), kind=type(error).__name__, link=store.link.state, value=(await store.get(TOP)).value)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        tell(link=(await store.wait_link(store.link)).state, revision=await store.set(TOP, "after"))


async def open_only(file, user):
    """Tell what opening gives, to a user who is not the superuser."""
    if os.geteuid() == 0:
        os.setgid(int(user))
        os.setuid(int(user))
    try:
        async with open_store(file):
            tell(opened=True)
    except StoreUnusable as error:
        tell(error=str(error))


async def stop_while_opening(file):
    """Stop like a process that is stopped while it checks the file."""
    lock = open_lock(Path(file + ".d") / "open", Path(file))
    assert try_lock(lock, fcntl.LOCK_EX)
    tell(locked=True)
    os.kill(os.getpid(), signal.SIGSTOP)


async def die_within_a_migration(file, schema):
    """A schema file that calls ``die()`` ends this process there."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    migrate(connection, Path(file), Path(schema))


if __name__ == "__main__":
    file, what, *arguments = sys.argv[1:]
    anyio.run(globals()[what], file, *arguments)
