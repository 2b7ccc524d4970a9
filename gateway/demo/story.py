"""What happens in the demonstration, step by step; each waits until the one before has had its effect."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import anyio

from gateway.demo.jobs import store_polling_jobs, store_radio_job
from gateway.demo.judge import Verdict, judge
from gateway.errors import BusgateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Store
    from gateway.demo.board import Board
    from gateway.demo.house import DemoHouse
    from gateway.demo.nodes import Nodes
    from gateway.demo.servers import Servers

#: The bus whose server is restarted, and how many seconds it is away. The other one has quiet switches, which are read
#: each minute only.
RESTARTED: Final = "attic"
AWAY: Final = 1.5
#: Telegrams that are handled in peace before the next thing happens.
PEACE: Final = 10
#: Seconds that each step may take before the demonstration gives up: far more than it needs, also on a busy machine.
PATIENCE: Final = 30.0
#: Seconds that are waited for what should still come when all is over, before it counts as missing.
MISSING: Final = 5.0


class GivenUp(BusgateError):
    """Something that should have happened didn't; the story's ``complaints`` say what."""


class Story:
    """One demonstration's.

    Args:
        store: what the nodes share.
        tell: gets what happens, in words.
        servers: of the store, if it has some; they don't see a node die, so they are told.

    Attributes:
        recovered: seconds from the return of the server until everything was read again.
        failovers: seconds from each loss until the first telegram was handled elsewhere.
        server_pause: seconds for which no telegram was handled when a server of the store was lost.
        complaints: what went wrong, a line for each.
    """

    def __init__(
        self,
        house: DemoHouse,
        nodes: Nodes,
        board: Board,
        store: Store,
        tell: Callable[[str], None],
        servers: Servers | None = None,
    ) -> None:
        self._servers = servers
        self.server_pause: float | None = None
        self.recovered: float | None = None
        self.failovers: list[float] = []
        self._kills = 0
        self.complaints: list[str] = []
        self._house = house
        self._nodes = nodes
        self._board = board
        self._store = store
        self._clock = store.clock
        self._tell = tell

    async def run(self, *, forever: bool) -> None:
        """Go through it; ends early when a step has no effect."""
        try:
            await self._start()
            async with self._house.dimmers_turned():
                await self._make_trouble()
                if forever:
                    self._tell("all of it goes on until Ctrl-C")
                    await anyio.sleep_forever()
            await self._settle()
        except* GivenUp:
            pass
        self.complaints += self.verdict().complaints

    def verdict(self) -> Verdict:
        """What there is to say of the telegrams, as long as the nodes live."""
        return judge(self._house.sent(), self._board.handled, self._board.receivers.lives, self._kills)

    async def _start(self) -> None:
        self._tell(f"nodes {' and '.join(self._house.nodes)} start, each with 1-Wire devices and a radio stick")
        for node in self._house.nodes:
            self._nodes.configure(node, self._house.interfaces(node))
            await self._nodes.start(node)
        await store_polling_jobs(self._store, self._house.nodes)
        await self._until("all nodes hear", lambda: all(map(self._board.receivers.hears, self._house.nodes)))
        await store_radio_job(self._store)
        await self._until("the radio job runs", lambda: self._board.holder is not None)
        self._tell(f"both hear; from now on dimmers are turned, {1 / self._house.pace:g} times a second")

    async def _make_trouble(self) -> None:
        await self._peace()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._restart_server)
            await self._pull_stick()
            await self._peace()
            if self._board.handled[-1].node == RESTARTED:
                await self._until("the server is back", lambda: self.recovered is not None)
            await self._kill_node()
            await self._peace()
        if self._servers is not None:
            await self._kill_server(self._servers)

    async def _restart_server(self) -> None:
        """Restart an owserver when all its devices have been read."""
        expected = self._house.devices(RESTARTED)
        await self._until("all devices are read", lambda: all(one in self._board.latest for one in expected))
        devices = list(filter(self._board.well, expected))
        self._tell(f"all {len(expected)} devices of bus {RESTARTED} were read; its owserver is restarted")
        await self._house.restart(RESTARTED, AWAY)
        back = self._clock.now()
        await self._until("all is read again", lambda: all(self._board.well(one, back) for one in devices))
        self.recovered = self._clock.now() - back
        self._tell(f"bus {RESTARTED} was read again {self.recovered:.1f} s after its owserver was back")
        self._board.stir()  # somebody may wait for this very moment

    async def _pull_stick(self) -> None:
        """Pull the stick of the node that has the radio job, and plug it in again."""
        last, began = self._board.handled[-1], self._house.now()
        node = last.node
        self._tell(f"the radio job runs on {node}: its stick is pulled")
        self._board.receivers.end(node)
        await self._house.unplug(node)
        await self._until_elsewhere(last.run, began)
        await self._house.plug(node)
        await self._until(f"{node} hears again", lambda: self._board.receivers.hears(node))
        self._tell(f"the stick of {node} is back")

    async def _kill_node(self) -> None:
        """Kill the node that has the radio job, and start it again, as a supervisor would."""
        last, began = self._board.handled[-1], self._house.now()
        node = last.node
        self._tell(f"the radio job runs on {node}: the node is killed (SIGKILL)")
        self._board.receivers.end(node)
        await self._nodes.kill(node)
        self._kills += 1
        killed = self._clock.now()
        if self._servers is not None:
            await self._nodes.release(node)
        await self._until_elsewhere(last.run, began)
        await self._nodes.start(node)
        await self._until(f"{node} hears again", lambda: self._board.receivers.hears(node))
        await self._until(f"{node} polls again", lambda: self._board.polled(node, killed))
        self._tell(f"node {node} was started again: it hears and polls")

    async def _kill_server(self, servers: Servers) -> None:
        """Kill the server through which all writes go, and start it again when the others go on without it."""
        before = self._board.noted
        number = servers.kill_leader()
        self._tell(f"server {number} of the store, the leader of the three, is killed (SIGKILL)")
        await self._peace()
        moments = [one.at for one in self._board.handled][before - 1 :]
        self.server_pause = max(after - at for at, after in pairwise(moments))
        self._tell(f"the others have chosen a leader; for {self.server_pause:.1f} s telegrams had to wait")
        await servers.start(number)
        self._tell(f"server {number} is back")
        await self._peace()

    async def _settle(self) -> None:
        """Wait for what is still under way."""
        devices = self._house.devices()
        await self._until("all devices are read", lambda: all(map(self._board.settled, devices)))
        with anyio.move_on_after(MISSING):
            await self._wait(lambda: not self.verdict().lost and not self._board.errors)
        self.complaints += self._board.errors.values()

    async def _peace(self) -> None:
        """Let some telegrams be handled."""
        enough = self._board.noted + PEACE
        await self._until("telegrams are handled", lambda: self._board.noted >= enough)

    async def _until_elsewhere(self, run: str, began: float) -> None:
        """Wait until another run has handled a telegram; note how long that took."""
        await self._until("the radio job goes on elsewhere", lambda: self._board.handled[-1].run != run)
        first = next(one for one in self._board.handled if one.run == self._board.handled[-1].run)
        self.failovers.append(first.at - began)
        self._tell(f"the job has gone on {self.failovers[-1]:.2f} s later on {first.node}")

    async def _until(self, what: str, satisfied: Callable[[], bool]) -> None:
        """Wait until it has come true; give up when it doesn't, or when a node has fallen."""
        with anyio.move_on_after(PATIENCE):
            await self._wait(lambda: satisfied() or bool(self._nodes.fallen))
        if not satisfied():
            self.complaints.append(f"did not come to pass within {PATIENCE:g} s, or will never: {what}")
            raise GivenUp(what)

    async def _wait(self, satisfied: Callable[[], bool]) -> None:
        while not satisfied():
            await self._board.news()
