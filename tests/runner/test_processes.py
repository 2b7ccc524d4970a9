"""What a new process finds that an old one left behind; and a runner that is cut off from the store."""

import anyio

from gateway.path import P
from gateway.runner import StateEntry

FOREVER = "import anyio\nawait anyio.sleep_forever()"


class TestProcesses:
    """What a new process finds that an old one left behind."""

    async def test_a_graceful_end_is_recorded_and_the_job_starts_again_at_once(self, make_node):
        async with make_node() as node:
            async with node.running_runner():
                await node.code("a", FOREVER)
                await node.now("a")
                await node.running("a")
            state = await node.state("a")
            assert (state.end, state.node, state.backoff) == ("node stopped", None, 0)
        async with make_node(incarnation="two") as node, node.running_runner():
            assert (await node.running("a", 2)).incarnation == "two"

    async def test_cancelling_the_runner_is_as_graceful(self, make_node):
        async with make_node() as node:
            with anyio.CancelScope() as scope:
                async with node.running_runner():
                    await node.code("a", FOREVER)
                    await node.now("a")
                    await node.running("a")
                    scope.cancel()
                    await anyio.sleep_forever()
            assert (await node.state("a")).end == "node stopped"

    async def die(self, make_node, incarnation, seconds, prepare=None):
        async with make_node(incarnation=incarnation) as node:
            if prepare:
                await prepare(node)
            async with node.running_runner():
                await anyio.sleep(seconds)
                node.store.cut()

    async def test_a_death_is_noticed_and_the_job_starts_again(self, make_node, caplog):
        async def prepare(node):
            await node.code("a", FOREVER)
            await node.now("a")

        await self.die(make_node, "one", 30, prepare)
        async with make_node(incarnation="two") as node, node.running_runner():
            state = await node.running("a", 2)
            assert (state.end, state.incarnation, state.deaths, state.backoff) == ("node died", "two", 0, 0)
            assert "at.n1.default.a was running when its node died (one)" in caplog.text

    async def test_a_job_that_kills_its_node_is_poison(self, make_node):
        async def prepare(node):
            await node.code("a", FOREVER)
            await node.now("a", delay=100.0)

        for incarnation in ("one", "two", "three"):
            await self.die(make_node, incarnation, 3, prepare if incarnation == "one" else None)
        async with make_node(incarnation="four") as node, node.running_runner():
            await anyio.sleep(95)
            state = await node.state("a")
            assert (state.node, state.deaths, state.runs) == (None, 3, 3)
            message = "its node died within 5 s of the start 3 times in a row"
            assert (await node.errors())["at.n1.default.a"].message == message
            await anyio.sleep(10)
            assert (await node.state("a")).runs == 4

    async def test_setup_done_or_five_seconds_make_no_poison(self, make_node):
        async def prepare(node):
            await node.code("a", "await _self.setup_done()\n" + FOREVER)
            await node.code("b", FOREVER)
            await node.now("a")
            await node.now("b")

        for incarnation, seconds in (("one", 3), ("two", 3), ("three", 6)):
            await self.die(make_node, incarnation, seconds, prepare if incarnation == "one" else None)
        async with make_node(incarnation="four") as node, node.running_runner():
            assert (await node.running("a", 4)).deaths == 0
            assert (await node.running("b", 4)).deaths == 0

    async def test_states_without_job_are_deleted(self, make_node):
        async with make_node() as node:
            await node.store.set(node.state_path("gone"), StateEntry(runs=3).to_map())
            async with node.running_runner():
                assert await node.state("gone") is None

    async def test_a_state_that_cannot_be_read_is_begun_anew(self, make_node, caplog):
        async with make_node() as node:
            await node.code("a", "return 1")
            await node.now("a")
            await node.store.set(node.state_path("a"), {"runs": "many"})
            async with node.running_runner():
                await anyio.sleep(1)
                assert (await node.state("a")).runs == 1
            assert "runs: input should be a valid integer" in caplog.text

    async def test_a_pi_that_boots_without_a_clock(self, make_node):
        """Ends of runs that lie in the future count as now."""
        async with make_node() as node:
            await node.code("a", "return 1")
            await node.job("a", repeat=60.0)
            stopped = node.clock.now()
            await node.store.set(node.state_path("a"), StateEntry(end="finished", stopped=stopped, runs=1).to_map())
            node.clock.jump(-1_000_000_000)
            async with node.running_runner():
                await anyio.sleep(59)
                assert (await node.state("a")).runs == 1
                await anyio.sleep(2)
                assert (await node.state("a")).runs == 2

    async def test_code_that_ignores_its_end_is_named_and_the_process_exits_hard(self, make_node):
        text = """
import anyio
end = anyio.get_cancelled_exc_class()
while True:
    try:
        await anyio.sleep(1)
    except end:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1)
            if await _self.get("free"):
                raise
"""
        async with make_node() as node:
            await node.store.set(P("free"), False)
            await node.code("stubborn", text)
            await node.now("stubborn")
            async with anyio.create_task_group() as tasks, node.running_runner():
                await node.running("stubborn")
                await anyio.sleep(0.5)  # its state says so just before it begins
                tasks.start_soon(self.free_later, node)
            assert node.exits == ["these jobs do not end: at.n1.default.stubborn"]

    @staticmethod
    async def free_later(node):
        await anyio.sleep(30)
        await node.store.set(P("free"), True)


class TestDetached:
    """A single-node runner goes on without the store; MoaT-KV ended all runners within 3 s."""

    async def test_jobs_run_on_and_their_states_are_written_later(self, node):
        await node.code("a", "import anyio\nawait anyio.sleep(10)\nreturn 1")
        await node.now("a", repeat=10.0)
        await node.running("a")
        node.store.cut()
        await anyio.sleep(100)
        assert node.runner.jobs[P("a")].state.runs >= 5
        node.store.mend()
        await anyio.sleep(2)
        assert (await node.state("a")).runs == node.runner.jobs[P("a")].state.runs

    async def test_errors_wait_too(self, node):
        await node.code("a", "1 / 0")
        await node.now("a", delay=5.0, backoff=1.0)
        await node.ended("a")
        node.store.cut()
        await anyio.sleep(21)
        node.store.mend()
        await anyio.sleep(2)
        assert (await node.errors())["at.n1.default.a"].count == node.runner.jobs[P("a")].state.runs

    async def test_jobs_learn_of_it(self, node):
        await node.code("a", """
seen = []
async for msg in _info:
    if isinstance(msg, _cls.GroupState):
        seen.append([type(msg).__name__, msg.msg])
        if len(seen) == 3: return seen
""")  # fmt: skip
        await node.now("a")
        await node.running("a")
        await anyio.sleep(1)
        node.store.cut()
        await anyio.sleep(10)
        node.store.mend()
        group = {"members": ["n1"], "nodes": 1}
        assert (await node.ended("a")).result == [
            ["CompleteState", group | {"previous": None}],
            ["DetachedState", group | {"previous": "complete"}],
            ["CompleteState", group | {"previous": "detached"}],
        ]

    async def test_a_store_that_was_damaged_is_told_as_broken(self, node):
        node.store.damage = "12 entries are lost"
        await node.code("a", """
async for msg in _info:
    if isinstance(msg, _cls.BrokenState): return msg.msg
""")  # fmt: skip
        await node.now("a")
        assert (await node.ended("a")).result == {"members": ["n1"], "nodes": 1, "previous": None}
