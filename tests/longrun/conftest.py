"""A house of 200 sensors and two radio sticks that lives for days in virtual time, what befalls it, and its judge."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter, deque
from contextlib import asynccontextmanager
from pathlib import Path as File
from random import Random

import anyio
import pytest
import trio

from gateway.path import P
from gateway.testing.job_node import Shared, job_node
from gateway.values import Change
from hwsim import House

SENSORS, INTERVAL, STATIONS = 200, 300.0, 8
WIRES, STICKS = ("attic", "cellar"), ("north", "south")
#: Seconds after the end of a fault until everything is as if there had been none: a silent interface is probed after
#: 10 s and given up after 5 more, opened again after 5 at most, and what was missed then is looked for each 5 s.
HEALING = 40.0
#: Seconds that one round over all sensors may take, in which the parasites convert one by one, on a slow bus.
ROUND = 60.0
#: What befalls owservers; True: their bus is dead meanwhile. Each with its options and its longest duration in seconds.
WIRE_FAULTS = [
    ("restart", True, {}, 120),
    ("hang", True, {}, 120),
    ("no_answer", True, {"alive": True}, 60),
    ("no_answer", True, {}, 60),
    ("close", True, {"where": "payload"}, 30),
    ("close", True, {"where": "before", "reset": True}, 30),
    ("no_persistence", False, {}, 300),
    ("slow_bus", False, {"delay": 0.05}, 300),
    ("shuffle", False, {}, 600),
    ("keepalives", False, {"frames": 3}, 300),
]
DEVICE_FAULTS = [("unplug", 900), ("error", 300), ("bad_crc", 300), ("stuck_85", 300), ("power_cycle", 1)]
STICK_FAULTS = [
    ("unplug", {}, 120),
    ("restart", {}, 1),
    ("hang", {}, 60),
    ("stuck", {}, 60),
    ("silent", {}, 60),
    ("noise", {}, 1),
    ("torn", {}, 60),
    ("garbled", {}, 60),
    ("repeated", {}, 300),
    ("choppy", {}, 300),
    ("slow_line", {"delay": 0.03}, 300),  # with the pause between copies still within the window of one telegram
    ("loss", {"loss": 0.5}, 300),
]


def sensor(number):
    return f"28.{number + 1:012X}"


def scenario(seed):
    lines = [f"seed = {seed}", "[air]", "copy_loss = 0.1"]
    lines += [f'[[bus]]\nname = "{name}"\nkind = "onewire"\nchannels = 3' for name in WIRES]
    lines += [f'[[bus]]\nname = "{name}"\nkind = "rfxtrx"' for name in STICKS]
    for number in range(SENSORS):
        power = "parasite" if number % 20 == 19 else "external"
        lines.append(
            f'[[device]]\nbus = "{WIRES[number % 2]}"\nid = "{sensor(number)}"\nchannel = {number // 2 % 3}\n'
            f'power = "{power}"\ntemperature = {value_of(number)}'
        )
    for number in range(STATIONS):
        lines.append(
            f'[[device]]\nkind = "weather"\nname = "station{number}"\ncode = "oregon"\nid = "1A{number:02X}"\n'
            f"interval = {100 + 7 * number}\ntemperature = {number}.5\nhumidity = {20 + number}"
        )
    return "\n".join(lines)


def value_of(number):
    """The temperature of a sensor; in its sixteenths of a degree, so that it comes as it is."""
    return number / 16 * 5


class Spells:
    """From when to when something was wrong with each thing; only the newest, which is all that is asked for."""

    def __init__(self):
        self.spells = {}
        self.count: Counter[str] = Counter()

    def begin(self, target, kind, now, end):
        self.count[kind] += 1
        self.spells.setdefault(target, deque(maxlen=20)).append((now, end + HEALING))

    def touched(self, target, since, until):
        """Whether something was wrong between two moments, its healing included."""
        return any(began <= until and healed >= since for began, healed in self.spells.get(target, ()))

    def last_healed(self, target):
        return max((healed for _, healed in self.spells.get(target, ())), default=0.0)


class LongHouse:
    """The house, its node, and what is found to be wrong. Times are seconds since the start of the house."""

    def __init__(self, house, node, seed):
        self.house = house
        self.node = node
        self.seed = seed
        self.spells = Spells()
        self.readings = self.telegrams = self.events = self.unheard = self.doubled = 0
        self.wrong = []
        self.begun = house.time.now()
        self._read = dict.fromkeys(range(SENSORS), self.begun)
        self._numbers = {sensor(number): number for number in range(SENSORS)}
        self._offset = node.clock.now() - house.time.now()
        self._handled: deque[tuple[int, float]] = deque()

    async def live(self, hours):
        """Let hours go by; at the end of each, see that nothing was lost."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._follow_readings)
            await tasks.start(self._follow_telegrams)
            for work in (self._harm_wires, self._harm_devices, self._harm_sticks):
                tasks.start_soon(work, Random(f"{self.seed}/{work.__name__}/{self.house.time.now()}"))
            for _ in range(hours):
                await anyio.sleep(3600)
                self._judge_silence()
                self._judge_air()
            tasks.cancel_scope.cancel()

    async def _follow_readings(self, *, task_status):
        async with self.node.store.watch(P("onewire"), fetch=False) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self._reading(event.path[1], event.value)

    def _reading(self, id_, reading):
        if reading["quality"] != "ok":
            return
        number = self._numbers[id_]
        self.readings += 1
        if reading["value"] != pytest.approx(value_of(number)):
            self.wrong.append(f"{id_} is said to have {reading['value']} instead of {value_of(number)}")
        at = reading["time"] - self._offset
        self._judge_gap(number, at)
        self._read[number] = at

    def _judge_gap(self, number, now):
        """Each poll has given a reading, but for those in which the bus or the sensor was dead."""
        last = self._read[number]
        gap = now - last - INTERVAL - ROUND
        if gap <= 0:
            return
        for target in (WIRES[number % 2], sensor(number)):
            if self.spells.touched(target, last, now):
                gap = min(gap, now - self.spells.last_healed(target) - INTERVAL - ROUND)
        if gap > 0:
            self.wrong.append(f"{sensor(number)} was not read between {last:.0f} and {now:.0f}")

    def _judge_silence(self):
        for number in range(SENSORS):
            self._judge_gap(number, self.house.time.now())

    async def _follow_telegrams(self, *, task_status):
        async with self.node.store.subscribe(P("radio.radio"), queue=10_000) as messages:
            task_status.started()
            async for message in messages:
                if message.value["kind"] and "temperature" in message.value["values"]:
                    self.events += 1
                    station = int(message.value["values"]["temperature"]["value"])
                    self._handled.append((station, message.value["time"] - self._offset))

    def _judge_air(self):
        """Each telegram that a stick has heard while it was well has been handled, and none of them twice.

        A stick that is unwell may tell of a late copy so late that it counts as another telegram.
        """
        log, now = self.house.air.log, self.house.time.now()
        while log and log[0].ended < now - HEALING:
            sent = log.popleft()
            at, station = sent.ended, int(sent.sender.removeprefix("station"))
            found = [one for one in self._handled if one[0] == station and sent.began - 1 <= one[1] <= at + 5]
            for one in found:
                self._handled.remove(one)
            well = [name for name in sent.heard_by if not self.spells.touched(name, at - 5, at + 5)]
            self.telegrams += bool(well)
            self.unheard += not well
            if well and not found:
                self.wrong.append(f"the telegram of station {station} at {at:.1f}, heard by {well}, was not handled")
            if len(found) > 1 and len(well) < len(sent.heard_by):
                self.doubled += 1
            elif len(found) > 1:
                times = [round(one[1], 2) for one in found]
                self.wrong.append(f"the telegram of station {station} at {at:.2f} was handled at {times}")

    async def _harm_wires(self, random):
        while True:
            await anyio.sleep(random.expovariate(1 / 1200))
            target, (kind, dead, options, most) = random.choice(WIRES), random.choice(WIRE_FAULTS)
            await self._harm(target, kind, random.uniform(1, most), options, harms=dead)

    async def _harm_devices(self, random):
        while True:
            await anyio.sleep(random.expovariate(1 / 300))
            kind, most = random.choice(DEVICE_FAULTS)
            await self._harm(sensor(random.randrange(SENSORS)), kind, random.uniform(0, most), {})

    async def _harm_sticks(self, random):
        while True:
            await anyio.sleep(random.expovariate(1 / 900))
            kind, options, most = random.choice(STICK_FAULTS)
            await self._harm(random.choice(STICKS), kind, random.uniform(0, most), options)

    async def _harm(self, target, kind, duration, options, *, harms=True):
        now = self.house.time.now()
        if harms:
            self.spells.begin(target, kind, now, now + duration)
        else:
            self.spells.count[kind] += 1
        await self.house.fault(kind, target=target, duration=duration, **options)
        await anyio.sleep(duration)


class Load:
    """What the process uses: memory in MiB, living objects, tasks."""

    def __init__(self):
        gc.collect()
        pages = int(File("/proc/self/statm").read_text().split()[1])
        self.memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        self.objects = len(gc.get_objects())
        self.tasks = trio.lowlevel.current_statistics().tasks_living

    def __str__(self):
        return f"{self.memory:.1f} MiB, {self.objects} objects, {self.tasks} tasks"


def interfaces_of(house):
    """The two sticks are on one bus."""
    for end in house.endpoints:
        wired = end.kind == "onewire"
        yield {"bus": end.bus if wired else "radio", "name": end.bus, "driver": end.kind} | (
            {"url": end.url} if wired else {"port": end.url}
        )


@pytest.fixture
def long_house():
    """``async with long_house(seed) as house``: it runs, and its jobs have begun."""

    @asynccontextmanager
    async def running(seed):
        house = House.parse(scenario(seed))
        async with house.running(ptys=False, sockets=False):
            interfaces = list(interfaces_of(house))
            async with job_node(house, interfaces=interfaces, shared=Shared(seed=seed)) as node:
                for bus in WIRES:
                    await node.set_job(["poll", bus], "onewire.poll", bus=bus, data={"interval": INTERVAL})
                await node.set_job("radio", "radio.receive", kind="any", bus="radio")
                await node.wait_for_state("radio", lambda state: bool(state.node), kind="any")
                yield LongHouse(house, node, seed)

    return running


@pytest.fixture
def wall():
    """A stopwatch of real seconds."""
    began = time.perf_counter()
    return lambda: time.perf_counter() - began


@pytest.fixture
def load():
    """Measures what the process uses."""
    return Load
