"""Code that ends its node's process: the job is found out and held back, and those beside it are not taken for it."""

import anyio

KILLER = """
import anyio
await anyio.sleep(2)
_cfg.die()
await anyio.sleep_forever()
"""
FOREVER = "import anyio\nawait anyio.sleep_forever()"


class Machine:
    """Starts its node again whenever that has died, as systemd would."""

    def __init__(self, make_node):
        self._make_node = make_node
        self.deaths = 0

    async def run(self, prepare, seconds):
        """Keep a node alive for so long; return it, and what there is of it, at the end."""
        with anyio.move_on_after(seconds):
            while True:
                await self._live(prepare)
                prepare = None
                self.deaths += 1
                await anyio.sleep(1)

    async def _live(self, prepare):
        died = anyio.Event()
        async with self._make_node(incarnation=f"{self.deaths}", cfg={"die": died.set}) as node:
            if prepare is not None:
                await prepare(node)
            async with node.running_runner():
                await died.wait()
                node.store.cut()


async def state_of(make_node, path):
    async with make_node() as node:
        return await node.state(path)


async def test_a_job_that_kills_its_node_waits_after_the_third_time(make_node):
    async def prepare(node):
        await node.code("killer", KILLER)
        await node.now("killer", delay=1000.0)

    machine = Machine(make_node)
    await machine.run(prepare, 900)
    assert machine.deaths == 3


async def test_a_job_beside_one_that_kills_its_node_goes_on_in_the_end(make_node):
    """Who was running is under suspicion too; to try the suspects one after the other would clear it."""

    async def prepare(node):
        await node.code("killer", KILLER)
        await node.code("innocent", FOREVER)
        await node.now("killer", delay=100.0)
        await node.now("innocent", delay=100.0)

    await Machine(make_node).run(prepare, 3000)
    assert (await state_of(make_node, "innocent")).deaths == 0
