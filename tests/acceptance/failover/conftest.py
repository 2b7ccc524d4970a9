"""A group of ``busgate`` processes on one store, each with simulated 1-Wire buses of its own, and their judge.

What the nodes do is judged from outside: a job tells of itself by datagrams, it writes entries that are counted at the
end, and it writes to a device whose bus remembers every write.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
import pytest

from gateway.locations import Locations, Place
from gateway.path import P
from gateway.store import open_store
from gateway.store.sqlite.room import Room
from gateway.values import Change
from hwsim import House

#: Seconds until what should happen at once fails the test if it doesn't.
PATIENCE = 30
SWITCH = "29.0A0B0C0D0E0F"
HOUSE = f'[[bus]]\nname = "attic"\nkind = "onewire"\n[[device]]\nbus = "attic"\nid = "{SWITCH}"\n'
WHERE = Locations()
STATES = WHERE.states_of(Place("any", "default"))
#: Tells of each thing that it does, then does it: a write to the device, and one to the store, with its token. If
#: ``guarded``, it also writes the token to a register, where there must be none or a smaller one at first, and then the
#: one that it has written last itself.
BEAT = (Path(__file__).parent / "beat.txt").read_text()


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Told(NamedTuple):
    """What a job says of itself, by datagram; ``number`` counts what it does, ``at`` is in seconds after boot."""

    what: str
    node: str
    run: str
    token: int
    number: int
    at: float


class NodeProcess:
    """``busgate up``; ``lines`` is its log."""

    def __init__(self, name, process, told):
        self.name = name
        self.pid = process.pid
        self.lines = []
        self.ended = False
        self._process = process
        self._told = told

    @property
    def ready(self):
        return not self.ended and any("runs the jobs of" in line for line in self.lines)

    async def follow(self):
        """Read its log until it ends."""
        rest = ""
        async for chunk in self._process.stderr:
            *lines, rest = (rest + chunk.decode()).split("\n")
            self.lines += lines
            self._told()
        self.status = await self._process.wait()
        await self._process.aclose()
        self.ended = True
        self._told()

    def send(self, number):
        self._process.send_signal(number)
        return now()

    async def stopped(self):
        """Wait until it has been stopped by a signal."""
        await anyio.to_thread.run_sync(os.waitid, os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self):
        if not self.ended:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()


class Cluster:
    """Starts and ends nodes; knows what their jobs tell."""

    def __init__(self, folder, houses, tasks, port, url):
        self.folder = folder
        self.url = url
        self.houses = houses
        self.port = port
        self.nodes = {}
        self.told = []
        self.changes = []
        self.tasks = tasks
        self.state_path = STATES / "beat"
        self._news = anyio.Event()

    now = staticmethod(now)

    def notice(self):
        self._news.set()
        self._news = anyio.Event()

    async def until(self, look, what, seconds=PATIENCE):
        """Wait until ``look()`` gives something; return that."""
        with anyio.move_on_after(seconds):
            while not (found := look()):
                await self._news.wait()
            return found
        logs = "\n".join(f"{name}: {line}" for name, node in self.nodes.items() for line in node.lines[-15:])
        pytest.fail(f"{what}: not within {seconds:g} s; last told: {self.told[-3:]}\n{logs}")

    async def pass_time(self, seconds):
        """Let some time pass while everything goes on."""
        with anyio.move_on_after(seconds):
            await anyio.sleep_forever()

    def store(self):
        """The store, from outside."""
        return open_store(self.url, locations=WHERE)

    async def command(self, *words):
        """Run ``busgate`` as an operator does; return what it prints."""
        command = [sys.executable, "-m", "gateway", "-c", "operator.toml", *map(str, words)]
        done = await anyio.run_process(command, cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def configure(self, name, *buses):
        """Write the configuration of a node that has these buses of the house, all as the one bus ``attic``."""
        text = f'[node]\nname = "{name}"\n[store]\nurl = "{self.url}"\n'
        for bus in buses:
            url = self.houses[bus].url("attic")
            text += f'[[interface]]\nbus = "attic"\nname = "{bus}"\ndriver = "onewire"\nurl = "{url}"\n'
        (self.folder / f"{name}.toml").write_text(text)

    async def start(self, name):
        """Start a node."""
        process = await anyio.open_process(
            [sys.executable, "-m", "gateway", "-c", f"{name}.toml", "up"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=None,
        )
        node = self.nodes[name] = NodeProcess(name, process, self.notice)
        self.tasks.start_soon(node.follow)
        return node

    async def start_all(self, names="abc"):
        """Start all nodes; ``beat`` waits until they are ready."""
        for name in names:
            await self.start(name)

    async def all_ready(self):
        await self.until(lambda: all(node.ready for node in self.nodes.values()), "all nodes ready")

    async def job(self, name, text, *options, kind="--async"):
        """Store a procedure and an any-node job of the same name that is due now."""
        (self.folder / f"{name}.py").write_text(text)
        await self.command("code", "set", name, "-S", f"{name}.py", kind)
        await self.command("run", "set", name, "-c", name, "-t", 0, *options)

    async def beat(self, pause=0.1, *, steady=False, guarded=False):
        """The job that is watched; ``steady``: it outlasts the loss of an interface; ``guarded``: with a register."""
        texts = "-v", "device", SWITCH, "-v", "state", STATES / "beat"
        numbers = "-e", "port", self.port, "-e", "pause", pause, "-e", "steady", steady, "-e", "guarded", guarded
        await self.job("beat", BEAT, "--bus", "attic", *texts, *numbers)
        await self.all_ready()

    async def listen(self, udp):
        async for data, _ in udp:
            self.told.append(Told(*json.loads(data)))
            self.notice()

    async def watch(self, *paths, task_status):
        """Collect the changes of entries."""
        async with self.store() as store, store.watch(*paths) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self.changes.append((now(), event))
                    self.notice()

    @property
    def runs(self):
        return [told for told in self.told if told.what == "began"]

    async def next_run(self, after, what="the next run", seconds=PATIENCE, node=None):
        """Wait for the first run after so many others; return what it told at its begin."""
        runs = await self.until(lambda: [one for one in self.runs[after:] if node in (None, one.node)], what, seconds)
        return runs[0]

    async def acts(self, run, times=1):
        """Wait until a run has done something that often."""
        await self.until(lambda: self.last(run).number >= times, f"run {run} acts")

    def last(self, run):
        return next(told for told in reversed(self.told) if told.run == run)

    def holder(self):
        return self.nodes[self.runs[-1].node]

    async def kill_holders(self, times, random, names="abc", *, release=False, **options):
        """Kill whoever has the job, at random times; the killed start again. Returns the seconds to the next run.

        Args:
            release: whether the death of a node is told at once, as a service manager does it.
        """
        took = []
        await self.start_all(names)
        await self.beat(**options)
        for kills in range(times):
            began = await self.next_run(kills)
            await self.pass_time(random.uniform(0.0, 2.0))
            others = [node for node in self.nodes.values() if node.name != began.node]
            await self.until(lambda others=others: any(node.ready for node in others), "another node is ready")
            holder = self.holder()
            killed = holder.send(signal.SIGKILL)
            if release:
                await self.until(lambda holder=holder: holder.ended, f"{holder.name} has ended")
                await self.command("release", "--dead")
            following = await self.next_run(kills + 1, f"a run after kill {kills} of {began.node}")
            took.append(following.at - killed)
            assert following.node != began.node
            await self.start(began.node)
        await self.acts(following.run)
        await self.all_ready()
        return took

    def registered(self, node, after):
        """When a node that went on was registered anew with its runners; None: not yet."""
        for at, change in self.changes:
            there = change.path == WHERE.presence / node.name and not change.deleted
            if at > after and there and change.value["runners"]:
                return at
        return None

    def holds_store(self, node):
        """Whether a node is writing to the store, or next at its door: if it is stopped there, nobody can write."""
        room = Room(self.folder / "store.db.d", self.folder / "store.db")
        try:
            return node.pid in room.holders()
        finally:
            room.close()

    async def entries(self, *path):
        async with self.store() as store:
            return [entry async for entry in store.tree(P(":") + path)]

    async def state(self, job="beat"):
        async with self.store() as store:
            return (await store.get(STATES / job)).value

    async def store_writes(self):
        """What was accepted of the jobs, as (run, number) in the order of the commits."""
        found = sorted(await self.entries("acts"), key=lambda entry: entry.revision)
        return [tuple(entry.path[1:]) for entry in found]

    def device_writes(self):
        """What has reached the devices, as (seconds after boot, run), in order."""
        written = []
        for bus, house in self.houses.items():
            zero = now() - house.time.now()
            written += [(zero + write.at, bus[0], write) for write in house.traffic["attic"].writes]
        tokens = {told.run: told.token for told in self.told if told.token}
        return [(at, self._run_of(node, int(write.data), tokens, at)) for at, node, write in sorted(written)]

    def _run_of(self, node, byte, tokens, at):
        runs = [
            one.run for one in self.runs if (one.node, tokens.get(one.run, -1) % 256) == (node, byte) and one.at < at
        ]
        assert runs, f"nobody has told of the token of a write on {node}"
        return runs[-1]

    def overlaps(self):
        """Runs that did something after the next one had begun."""
        last = {told.run: told.at for told in self.told}
        runs = self.runs
        return [one for one, following in pairwise(runs) if last[one.run] >= following.at]

    async def double_runs(self):
        """Runs that wrote after another had begun to write: to the devices, and to the store."""
        found = set()
        for written in ([run for _, run in self.device_writes()], [run for run, _ in await self.store_writes()]):
            blocks = [one for one, _ in groupby(written)]
            found |= {one for one in blocks if blocks.count(one) > 1}
        return found

    @staticmethod
    def distribution(seconds):
        """A line that says how long things took."""
        ordered = sorted(seconds)
        shares = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("most", 1))
        told = (
            f"{name} {ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000:.0f}" for name, share in shares
        )
        return f"{len(ordered)} times, in ms: {', '.join(told)}"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def houses():
    """Each node has houses ``NODE`` and ``NODE2`` with the same switch."""
    return {bus: House.parse(HOUSE) for bus in ("a", "b", "c", "a2", "b2", "c2")}


@pytest.fixture
def store_url(tmp_path):
    """What they share."""
    return f"sqlite:{tmp_path}/store.db"


@pytest.fixture
async def cluster(tmp_path, houses, store_url):
    """No node runs yet. Each is to use the first of its houses, where it has some."""
    async with AsyncExitStack() as stack:
        for house in houses.values():
            await stack.enter_async_context(house.running())
        udp = await stack.enter_async_context(await anyio.create_udp_socket(local_host="127.0.0.1"))
        tasks = await stack.enter_async_context(anyio.create_task_group())
        cluster = Cluster(tmp_path, houses, tasks, udp.extra(anyio.abc.SocketAttribute.local_port), store_url)
        cluster.configure("operator")
        for name in {*"abc"} & houses.keys():
            cluster.configure(name, name)
        tasks.start_soon(cluster.listen, udp)
        yield cluster
        for node in cluster.nodes.values():
            node.end()
        await cluster.until(lambda: all(node.ended for node in cluster.nodes.values()), "all nodes gone")
        tasks.cancel_scope.cancel()
