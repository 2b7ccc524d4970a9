"""Several nodes with radio receivers on one memory store, in virtual time; telegrams come out of thin air."""

from random import Random

import anyio
import pytest

from gateway.bus.supervised import InterfaceSpec
from gateway.radio import Radio
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock
from gateway.values import Quantity, Telegram

STICK = InterfaceSpec("stick", "rfx", "none")


class ShiftedClock(VirtualClock):
    """A node's clock with another beginning."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift
        self.halted = 0.0

    def halt(self, seconds):
        """The node stands still for so long: who sleeps there wakes up afterwards."""
        self.halted = anyio.current_time() + seconds

    async def sleep(self, seconds):
        await super().sleep(max(seconds, self.halted - anyio.current_time()))
        await super().sleep(self.halted - anyio.current_time())

    def lease_now(self):
        return super().lease_now() + self.shift


class Receiver:
    """A node whose stick hears what a test says."""

    def __init__(self, name, store):
        self.name = name
        self.store = store
        self.radio = Radio(store, name)
        self.scopes = []

    def hear(self, content, *, rssi=None, late=0.0):
        now = self.store.clock.lease_now()
        key = content.encode()
        self.radio.hear(
            STICK, Telegram("remote", "ac", {"on": Quantity(content)}, now - late, key, 0.25, rssi, None, key)
        )

    def kill(self):
        """It dies without a word."""
        self.store.cut()
        for scope in self.scopes:
            scope.cancel()

    def scope(self):
        """What is done in it ends with the node."""
        self.scopes.append(anyio.CancelScope())
        return self.scopes[-1]


class Consumer:
    """What a job would do: gets telegrams, and deals with each for a while."""

    def __init__(self, receiver, name="job", takes=0.0):
        self.receiver = receiver
        self.name = name
        self.takes = takes
        self.got = []

    async def run(self, *, task_status=anyio.TASK_STATUS_IGNORED):
        with self.receiver.scope() as self.scope:
            async with self.receiver.radio.listen("rfx", self.name) as telegrams:
                task_status.started()
                async for entry, heard in telegrams:
                    self.got.append((heard.reception.telegram.raw.decode(), heard.replayed))
                    await anyio.sleep(self.takes)
                    await telegrams.took(entry)


@pytest.fixture
def server():
    return MemoryServer(Random(1))


class Air:
    """Makes receivers and consumers; they go on until the test ends."""

    def __init__(self, server, tasks):
        self.server = server
        self.tasks = tasks

    async def receiver(self, name, shift=0.0):
        """A node whose lease clock is ahead by ``shift``."""
        return await self.tasks.start(self._live, name, shift)

    async def consumer(self, receiver, **options):
        consumer = Consumer(receiver, **options)
        await self.tasks.start(consumer.run)
        return consumer

    async def _live(self, name, shift, *, task_status):
        store = MemoryStore(self.server, clock=ShiftedClock(shift), random=Random(name), node=name)
        async with store, anyio.create_task_group() as group:
            receiver = Receiver(name, store)
            with receiver.scope():
                await group.start(receiver.radio.run)
                task_status.started(receiver)
                await anyio.sleep_forever()
            group.cancel_scope.cancel()


@pytest.fixture
async def air(server):
    async with anyio.create_task_group() as tasks:
        yield Air(server, tasks)
        tasks.cancel_scope.cancel()
