"""The pytest fixtures for tests of jobs, as other projects use them."""

import os
import subprocess
import sys

import anyio
import pytest
from trio.testing import MockClock

from gateway.errors import CodeError, NotFound
from gateway.testing.jobs import JobFailed

VIRTUAL = pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="virtual")
SENSOR = "28.67C6697351FF"
TEMPERATURE = ("onewire", SENSOR, "temperature")
PROJECT = """
async def test_fails(busgate_node):
    async with busgate_node() as node:
        await node.set_procedure("bad", "number = 0\\nreturn 1 / number")
        await node.run("bad")
"""


@pytest.fixture(params=["asyncio", "trio", VIRTUAL])
def anyio_backend(request):
    return request.param


async def test_a_procedure_is_run_as_a_job(busgate_node, tmp_path):
    (tmp_path / "double.py").write_text("return factor * 2")
    async with busgate_node() as node:
        await node.set_procedure("double", tmp_path / "double.py", mode="sync", vars=["factor"])
        assert await node.run("double", {"factor": 21}) == 42
        await node.set_module("house.limits", "COLD = 5.0")
        await node.set_procedure("limit", "from house.limits import COLD\nreturn COLD")
        assert await node.run("limit") == 5.0
        await node.set_procedure("limit", "return None")
        assert await node.run("limit") is None


async def test_what_fails_says_why(busgate_node):
    async with busgate_node() as node:
        with pytest.raises(CodeError, match="bad"):
            await node.set_procedure("bad", "return (")
        await node.set_procedure("bad", "number = 0\nreturn 1 / number")
        with pytest.raises(JobFailed, match=r'(?s)"<bad>", line 2.*ZeroDivisionError'):
            await node.run("bad")
        await node.set_procedure("slow", "import anyio\nawait anyio.sleep(60)")
        with pytest.raises(TimeoutError, match=r"not as wanted within 0\.5 s"):
            await node.run("slow", timeout=0.5)
        await node.set(["made", "up"], 1)
        with pytest.raises(TimeoutError, match=r"(?s)last there: 1\n.*ZeroDivisionError"):
            await node.wait_for("made.up", lambda value: value == 2, timeout=0.1)
        assert [str(one.place) for one in await node.errors()] == ["at.test.default.test.run:1"]
        with pytest.raises(KeyError, match=r"made\.down"):
            await node.value("made.down")


async def test_a_driver_that_no_plugin_brings(busgate_node):
    with pytest.raises(NotFound, match="pip install busgate-dali"):
        async with busgate_node(interfaces=[{"bus": "x", "driver": "dali", "url": "dali:"}]):
            raise AssertionError


async def test_a_bus_is_polled_through_its_own_failure(hwsim_owserver, hwsim_house, busgate_node):
    hwsim_owserver.add(SENSOR, temperature=0)
    async with busgate_node(hwsim_house) as node:
        await node.set_job("poll", "onewire.poll", bus="onewire", data={"interval": 0.2})
        await node.wait_for(TEMPERATURE, quality="ok", value=0)
        fault = await hwsim_owserver.fault("restart", duration=3600)
        await node.wait_for(TEMPERATURE, quality="stale")
        await hwsim_owserver.end_fault(fault)
        await node.wait_for(TEMPERATURE, quality="ok")
        assert (await node.state("poll")).node == "test"


@pytest.mark.hwsim(buses={"north": "rfxtrx", "south": "rfxtrx"})
async def test_a_telegram_is_handled_once_on_whichever_node(hwsim_house, busgate_node):
    hwsim_house.add_radio(kind="remote", name="hall", code="ac", id="00AB12CD", unit=3)

    def stick(name):
        return [{"bus": "rfx", "name": name, "driver": "rfxtrx", "port": hwsim_house.url(name)}]

    async with busgate_node(hwsim_house, name="b", interfaces=stick("south")) as other:
        async with busgate_node(hwsim_house, name="a", interfaces=stick("north")) as one:
            for node in (one, other):
                await node.wait_until_up("rfx")
            await one.set_procedure("count", COUNT)
            await one.set_job("count", "count", kind="any", bus="rfx")
            holder = (await one.wait_for_state("count", lambda state: state.pinged > 0, kind="any")).node
            for number in (1, 2):
                await hwsim_house.press("hall", "on")
                await other.wait_for(["heard", holder], lambda count, wanted=number: count == wanted)
                await anyio.sleep(0.3)
        state = await other.wait_for_state("count", lambda state: state.node == "b", kind="any")
        assert state.end in ("", "handed over", "node stopped", "cancelled", "lost")


COUNT = """
count = 0
await _self.listen(bus)
await _self.setup_done()
async for msg in _info:
    if isinstance(msg, _cls.TelegramMsg):
        count += 1
        await _self.set(["heard", _cfg.node.name], count)
"""


def test_the_report_of_a_failure_tells_the_seed_and_what_is_wrong(tmp_path):
    (tmp_path / "test_project.py").write_text(PROJECT)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--busgate-seed=7", "-k", "trio"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300)
    section = done.stdout.rpartition("-- busgate --")[2]
    assert "seed 7 (--busgate-seed=7)" in section
    assert "ZeroDivisionError" in section
