"""One simulation from a seed: a cluster, a script of faults, peace, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio
from simulated.events import Log
from simulated.invariants import Checker, Findings
from simulated.loop import run_seeded
from simulated.script import Script
from simulated.world import World
from simulated.wrongs import Wrongs

from gateway.cluster.presence import Presence
from gateway.path import P
from gateway.runner import AnyRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulated.loop import Freezer
    from simulated.scenarios import Scenario

    from gateway.runner.scheduler import Scheduler

#: Faults of one simulation.
FAULTS: Final = 60
#: Seconds after the last fault until everything is right: a late write (3 s) may still prolong a lease (3 s), another
#: lease is waited for when many were lost at once, a node has to start again, and the jobs take their time.
BOUND: Final = 20.0
#: Seconds for which it has to stay right.
PEACE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a simulation.

    Attributes:
        wrongs: what was still, or again, wrong after the bound.
        recovery: seconds from the last fault until everything was right.
        duration: virtual seconds in all.
    """

    seed: int
    log: Log
    findings: Findings
    wrongs: list[str]
    recovery: float
    duration: float

    @property
    def complaints(self) -> list[str]:
        return [*self.findings.violations, *self.wrongs]

    def report(self) -> str:
        """What is wrong, how to see it again, and what led to it."""
        words = {word for one in self.complaints for word in one.replace(":", " ").split() if word[:1] in "jn"}
        names = [f"'{word}'" for word in words] or [""]
        repeat = f"repeat it: BUSGATE_SEEDS={self.seed} .venv/bin/pytest tests/simulation/test_simulation.py"
        return "\n".join([f"seed {self.seed}:", *self.complaints, repeat, self.log.about(*names)])


def simulate(
    seed: int,
    *,
    faults: int = FAULTS,
    kinds: tuple[str, ...] = (),
    scenario: Callable[[World], Scenario] | None = None,
    make_runner: Callable[..., Scheduler] = AnyRunner,
    make_presence: Callable[..., Presence] = Presence,
) -> Verdict:
    """Run one simulation.

    Args:
        kinds: which faults of the script are chosen from; default: all.
        scenario: what happens instead of such a script.
    """

    async def main(freezer: Freezer) -> Verdict:
        world = World(freezer, seed, make_runner, make_presence)
        async with world.open():
            script = scenario(world) if scenario else Script(world, faults, kinds)
            await script.set_up()
            await script.run()
            world.heal()
            recovery, wrongs = await _settle(world)
            findings = Checker().read(world.log, lambda path: world.server.read(P(path)).value)
            return Verdict(seed, world.log, findings, wrongs, recovery, anyio.current_time())

    return run_seeded(seed, main)


async def _settle(world: World) -> tuple[float, list[str]]:
    """Wait until everything is right; say after how long, and what is wrong in the end."""
    begin, right = anyio.current_time(), 0.0
    wrongs: list[Any] = [""]
    while (passed := anyio.current_time() - begin) < BOUND + PEACE and not (passed > right + PEACE and not wrongs):
        await anyio.sleep(0.5)
        if wrongs := list(Wrongs(world)):
            right = anyio.current_time() - begin
    return right, wrongs or ([f"it took {right:.1f} s"] if right > BOUND else [])
