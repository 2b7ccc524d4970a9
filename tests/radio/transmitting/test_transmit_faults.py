"""A job that sends commands while its nodes are killed and paused, judged by the log of the air."""

import itertools
from collections import Counter
from random import Random
from typing import Any

import anyio
import pytest
from simulated.loop import PROCESS, acting_as, run_seeded

from gateway.abc import LEASE_TTL
from gateway.errors import Denied, Detached, NameTaken, Uncertain

UNLIMITED = {"duty_cycle": {"868.0": 1.0}}
#: ``_cfg.note`` gives each command its number, and each run.
WORK = """
import anyio
run = _cfg.note("run")
await _self.setup_done()
while True:
    number = _cfg.note("command")
    device, command = _cfg.choose(number)
    try:
        sent = await _self.bus("rfx").send(device, command, number=number, run=run)
        _cfg.sent(number, sent["level"])
    except Exception as error:
        _cfg.sent(number, type(error).__name__)
    await anyio.sleep(0.2)
"""


class Trial:
    """Three nodes, each with a stick; a device is heard best by the stick of that name."""

    def __init__(self, freezer, house, random):
        self.freezer = freezer
        self.house = house
        self.random = random
        self.numbers = {"run": itertools.count(1), "command": itertools.count(1)}
        self.levels = {}
        self.askers = {}
        self.live = {}

    def cfg(self, process):
        def note(what):
            number = next(self.numbers[what])
            self.askers[number] = process if what == "command" else self.askers.get(number)
            return number

        return {"note": note, "choose": self.choose, "sent": self.sent}

    def choose(self, number):
        return f"lamp of {'abc'[number % 3]}", "toggle" if number % 2 else "on"

    def sent(self, number, level):
        self.levels[number] = level, anyio.current_time()

    def hear(self):
        for name in "abc":
            self.house.hear(f"lamp of {name}", **{f"{one}_stick": -40.0 if one == name else -90.0 for one in "abc"})

    async def supervise(self, name):
        """Start a process of the node again whenever it has gone."""
        for count in itertools.count(1):
            process = f"{name}.{count}"
            gone = self.live[name] = anyio.Event()
            self.house.tasks.start_soon(self.run, name, process, gone)
            await gone.wait()
            await anyio.sleep(1)

    async def run(self, name, process, gone):
        PROCESS.set(process)
        try:
            await self.house.join(name, "stick", process=process, options=UNLIMITED, cfg=self.cfg(process))
            await self.house.nodes[name].ended.wait()
        except* (NameTaken, Denied, Detached, Uncertain):
            gone.set()

    def kill(self, node):
        """As SIGKILL: nothing of it arrives any more, and no task of it goes on."""
        self.freezer.freeze(node.process)
        with acting_as(node.process):
            node.store.cut()
        del self.house.nodes[node.name]
        self.live[node.name].set()

    async def pause(self, node):
        """As SIGSTOP, and SIGCONT a while later."""
        self.freezer.freeze(node.process)
        await anyio.sleep(self.random.uniform(0.5, 2 * LEASE_TTL))
        self.freezer.thaw(node.process)

    async def trouble(self, count):
        """Kill and pause nodes, mostly the one that has the job; lose messages now and then."""
        for number in range(count):
            await anyio.sleep(self.random.uniform(1.0, 8.0))
            if number % 10 == 0:
                self.hear()
            nodes = list(self.house.nodes.values())
            loss = self.random.choice([0.0, 0.0, 0.2])
            for node in nodes:
                node.store.faults.lost_request = node.store.faults.lost_reply = loss
            if nodes:
                self.house.stick("b/stick").takes = self.random.choice([0.02, 0.4])
                holders = [one for one in nodes if one.runner.fences]
                node = self.random.choice(holders if holders and self.random.random() < 0.6 else nodes)
                if self.random.random() < 0.5:
                    self.kill(node)
                else:
                    await self.pause(node)


def simulate(make_house, seed, count):
    """The log of the air, what the senders were told, and by which process each command was sent."""

    async def main(freezer):
        async with anyio.create_task_group() as tasks:
            trial = Trial(freezer, make_house(tasks, seed), Random(seed))
            for name in "abc":
                tasks.start_soon(trial.supervise, name)
            await anyio.sleep(5)
            await trial.house.nodes["a"].job("work", WORK, bus="rfx")
            trial.hear()
            await trial.trouble(count)
            await anyio.sleep(20)
            for process in list(freezer._held):
                freezer.thaw(process)
            tasks.cancel_scope.cancel()
        return trial.house.ether.log, trial.levels, trial.askers

    return run_seeded(seed, main)


def judge(log, levels):
    """What is wrong with what was on the air."""
    wrong, latest = [], 0
    by_number: dict[int, list[Any]] = {}
    for one in log:
        if one.values["run"] < latest:
            wrong.append(f"run {one.values['run']} after run {latest}: {one}")
        latest = max(latest, one.values["run"])
        by_number.setdefault(one.values["number"], []).append(one)
    for number, found in by_number.items():
        if any(other.start < one.end for one, other in itertools.pairwise(found)):
            wrong.append(f"two at once: {found}")
        if found[0].command == "toggle" and len(found) > 1:
            wrong.append(f"repeated without need: {found}")
        level, told = levels.get(number, (None, float("inf")))
        if level in ("InterfaceDown", "ClaimLost")[: 1 + (found[0].command == "toggle")]:
            wrong.append(f"refused, and yet on the air: {level} {found}")
        if found[-1].start > told:
            wrong.append(f"on the air after its sender was told {level}: {found}")
    wrong += [
        f"never sent: {number}" for number, (level, _) in levels.items() if level == 2 and number not in by_number
    ]
    return wrong


def proof(make_house, seed, count):
    log, levels, askers = simulate(make_house, seed, count)
    told = Counter(level for level, _ in levels.values())
    processes = {askers[one.values["number"]] for one in log}
    foreign = sum(askers[one.values["number"]] != one.process for one in log)
    counted = f"{len(log)} transmissions, {foreign} of them for other nodes, for {len(processes)} processes"
    print(f"seed {seed}: {count} kills and pauses, {counted}, told {dict(told)}")
    assert foreign > len(log) / 10
    assert len(log) > 5 * count
    assert len(processes) > count / 10
    assert judge(log, levels) == []


def test_never_two_transmitters_of_one_command(make_house):
    proof(make_house, seed=1, count=20)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 5))
def test_never_two_transmitters_of_one_command_200_times(make_house, seed):
    proof(make_house, seed, count=200)
