"""What the jobs of a simulated cluster do: write to hardware, set values, listen to what they are told of the group."""

from __future__ import annotations

from contextlib import suppress
from itertools import count as count_up
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from simulated.events import Acknowledged, Began, Ended, Operation

from gateway.errors import BusFault, ClaimLost, Detached, InterfaceDown, Uncertain
from gateway.path import Path
from gateway.runner.messages import GroupState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from simulated.cluster_store import TappedServer
    from simulated.events import Log

    from gateway.abc import BusHandle
    from gateway.clock import Clock
    from gateway.runner.call_admin import CallAdmin

#: The procedure that all of them call; ``_cfg.jobs`` is the :class:`Jobs` of the process.
CODE = "# version {version}\nreturn await _cfg.jobs.run(_self, _info, job, kind, bus)"


class Run(NamedTuple):
    """One run of a job's code."""

    admin: CallAdmin
    job: str
    number: int
    random: Random
    bus: BusHandle


class Jobs:
    """The code of all jobs as one process runs it.

    Attributes:
        active: jobs whose code runs here, with what it was last told of the group: state, members, nodes.
        offline: the last value that was set to be written whenever that is possible, by path.
    """

    def __init__(
        self, process: str, seed: int, server: TappedServer, log: Log, clock: Clock, runs: Iterator[int]
    ) -> None:
        self.process = process
        self.active: dict[str, Any] = {}
        self.offline: dict[Path, int] = {}
        self._seed = seed
        self._server = server
        self._log = log
        self._clock = clock
        self._runs = runs

    async def run(self, admin: CallAdmin, info: Any, job: str, kind: str, bus: str) -> Any:
        """One run of a job."""
        number = next(self._runs)
        self._log.add(Began(job, self.process, number, self._server.tokens.get((job, self.process), 0)))
        self.active[job] = None
        how = "finished"
        try:
            await admin.spawn(self._listen, job, info)
            run = Run(admin, job, number, Random(f"{self._seed} {job} {number}"), admin.bus(bus))
            return await self._work(kind)(run)
        except BaseException as error:
            how = type(error).__name__
            raise
        finally:
            del self.active[job]
            self._log.add(Ended(job, self.process, number, how))

    async def _listen(self, job: str, info: Any) -> None:
        async for message in info:
            if isinstance(message, GroupState) and job in self.active:
                self.active[job] = (message.name, tuple(message.msg["members"]), message.msg["nodes"])

    def _work(self, kind: str) -> Callable[[Run], Awaitable[Any]]:
        works: dict[str, Callable[[Run], Awaitable[Any]]] = {
            "service": self._serve, "steady": self._insist, "repeated": self._do_twice, "once": self._do_twice,
        }  # fmt: skip
        return works[kind]

    async def _serve(self, run: Run) -> None:
        patience = run.random.choice([2, 2, 2, 1_000_000])  # one in four never says that it works
        count = 0
        while True:
            count += 1
            await self._write(run, count)
            if count == patience:
                await run.admin.setup_done()
            if run.random.random() < 0.2:
                await self._remember(run, count)
            await self._clock.sleep(run.random.uniform(0.4, 1.6))

    async def _insist(self, run: Run) -> None:
        """Write nearly all the time, and bear it when that is refused."""
        for count in count_up(1):
            with suppress(ClaimLost):
                await self._write(run, count)
            await self._clock.sleep(0.1)

    async def _do_twice(self, run: Run) -> int:
        for count in (1, 2):
            await self._write(run, count)
            await self._clock.sleep(run.random.uniform(0, 2))
        if run.random.random() < 0.1:
            raise RuntimeError("it fails now and then")
        return run.number

    async def _write(self, run: Run, count: int) -> None:
        """Write to the hardware, and wait for it if it is away."""
        self._log.add(Operation("called", run.job, self.process, run.number, count))
        try:
            await run.bus.write(run.job, "value", (run.number, count))
        except InterfaceDown:
            await run.bus.wait_up()
        except BusFault:
            pass

    async def _remember(self, run: Run, count: int) -> None:
        path = Path("data", run.job, run.number, count)
        offline = Path("offline", run.job, self.process)
        try:
            await run.admin.set(path, count)
            self._log.add(Acknowledged(str(path), count))
        except (Detached, Uncertain):
            pass
        self.offline[offline] = run.number * 1000 + count
        await run.admin.set(offline, self.offline[offline], offline=True)
