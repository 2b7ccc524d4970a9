"""Node processes with a simulated RFXtrx each, on one air; one any-node job gets the telegrams; the air is the judge.

Each telegram is of another remote control, so that it is known by its device. Each receiver misses some.
"""

import math
from collections import Counter
from typing import NamedTuple

import anyio
import pytest

from gateway.locations import Locations, Place
from hwsim import House

STATES = Locations().states_of(Place("any", "default"))
HOUSE = """
[air]
loss = 0.1
[[bus]]
name = "a"
kind = "rfxtrx"
[[bus]]
name = "b"
kind = "rfxtrx"
[[bus]]
name = "c"
kind = "rfxtrx"
"""
#: Seconds from one telegram to the next.
PACE = 0.1
#: Seconds that a receiver must live to have heard what its stick has heard: a busy machine is slow to read it.
LONG_ENOUGH = 1.0
#: Seconds for which the air may stand still; receptions within 0.25 s are one telegram.
HALT = 0.15
#: Deals with each telegram in two steps; it is dealt with when the second is done. ``pause``: it has it in hand longer.
EARS = """
import json, socket, time
import anyio
said = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def tell(what, token=0, number=0):
    facts = what, _cfg.node.name, str(token), token, number, time.clock_gettime(time.CLOCK_BOOTTIME)
    said.sendto(json.dumps(facts).encode(), ("127.0.0.1", port))

await _self.listen()
await _self.setup_done()
token = (await _self.get(state))["token"]
tell("began", token)
async for msg in _info:
    if isinstance(msg, _cls.TelegramMsg):
        number = int(msg.device[5:12], 16)
        await _self.set(["telegrams", number], token)
        tell("replayed" if msg.replayed else "heard", token, number)
        if pause:
            await anyio.sleep(pause)
"""


class Life(NamedTuple):
    """When a receiver could hear, in seconds after boot."""

    node: str
    since: float
    until: float = math.inf

    def spans(self, time):
        return self.since <= time and time + LONG_ENOUGH <= self.until


class Radios:
    """The sticks, who presses the buttons, and the judge."""

    def __init__(self, cluster, house):
        self.cluster = cluster
        self.house = house
        self.lives = {}
        self.past = []
        self.gone = []  # moments at which a receiver went
        self.halts = []  # from when to when this process stood still, and the air with it

    def now(self):
        return self.cluster.now()

    def configure(self, name):
        (self.cluster.folder / f"{name}.toml").write_text(
            f'[node]\nname = "{name}"\n[store]\nurl = "sqlite:store.db"\n'
            f'[[interface]]\nbus = "rfx"\ndriver = "rfxtrx"\nport = "{self.house.url(name)}"\n'
        )

    async def start(self, *names):
        """Start nodes; their receivers hear when this returns."""
        for name in names:
            self.configure(name)
            await self.cluster.start(name)
        for name in names:
            await self.hears(name)

    async def hears(self, name, lines=0):
        """Wait until a receiver is up, as the log of its node says after so many lines."""
        node = self.cluster.nodes[name]
        said = "a receiver is up"
        await self.cluster.until(lambda: any(line.endswith(": up") for line in node.lines[lines:]) and node.ready, said)
        self.lives[name] = Life(name, self.now())

    def ends(self, name):
        """A receiver hears no more."""
        self.gone.append(self.now())
        self.past.append(self.lives.pop(name)._replace(until=self.gone[-1]))

    async def job(self, pause):
        """The job that gets the telegrams; returns what its first run told at its begin."""
        data = "-v", "state", STATES / "ears", "-e", "port", self.cluster.port, "-e", "pause", pause
        again = "-d", 0.5  # a busy machine may have it fail, and nobody keeps telegrams for longer than 30 s
        await self.cluster.job("ears", EARS, "--bus", "rfx", *again, *data)
        return await self.cluster.next_run(0)

    async def press_on(self, *, task_status):
        """Send telegrams until cancelled."""
        task_status.started()
        number, due = 0, anyio.current_time()
        while True:
            number += 1
            name = f"remote {number}"
            self.house.add_radio(kind="remote", name=name, code="ac", id=f"{number:08X}", copies=1)
            await self.house.press(name, "on")
            due += PACE
            await anyio.sleep(max(0.0, due - anyio.current_time()))

    async def mind_halts(self):
        """Note when this process stands still: sticks may tell of one telegram at different moments then."""
        while True:
            began = self.now()
            await anyio.sleep(HALT / 3)
            if (ended := self.now()) > began + HALT:
                self.halts.append((began - HALT, ended + HALT))

    def sent(self):
        """All telegrams that are over, by number, with the moment at which they ended."""
        zero = self.now() - self.house.time.now()
        return {one.content.house: (one, zero + one.ended) for one in self.house.air.log if one.ended < math.inf}

    def heard(self):
        """The numbers of those that a living receiver has heard."""
        lives = [*self.past, *self.lives.values()]
        return {
            number
            for number, (one, time) in self.sent().items()
            if any(life.node in one.heard_by and life.spans(time) for life in lives)
        }

    def dealt_with(self):
        """How often each telegram was."""
        return Counter(told.number for told in self.cluster.told if told.what in ("heard", "replayed"))

    def lost(self):
        return sorted(self.heard() - self.dealt_with().keys())

    def twice(self):
        """How many were dealt with again after each moment at which a receiver went, except for those of halts."""
        ended = {number: time for number, (_, time) in self.sent().items()}
        seen: set[int] = set()
        found: Counter[float] = Counter()
        for told in self.cluster.told:
            if told.what in ("heard", "replayed") and not any(a < ended[told.number] < b for a, b in self.halts):
                if told.number in seen:
                    found[max((gone for gone in self.gone if gone < told.at), default=0.0)] += 1
                seen.add(told.number)
        return found

    async def settled(self):
        """Wait until everything that was heard has been dealt with; for a while at the most."""
        with anyio.move_on_after(20):
            while self.lost():
                told = len(self.cluster.told)
                await self.cluster.until(lambda told=told: len(self.cluster.told) > told, "the job gets telegrams")

    def summary(self):
        told = Counter(one.what for one in self.cluster.told)
        return (
            f"{len(self.cluster.runs)} runs, {len(self.halts)} halts of the air; {len(self.sent())} sent, "
            f"{len(self.heard())} heard by a living receiver, {len(self.lost())} lost, "
            f"{told['heard']} dealt with at once and {told['replayed']} as replayed, {sum(self.twice().values())} twice"
        )


@pytest.fixture
def houses():
    return {"air": House.parse(HOUSE)}


@pytest.fixture
def radios(cluster):
    """No node runs yet."""
    return Radios(cluster, cluster.houses["air"])
