"""The pytest fixtures of the simulator, as other projects use them."""

import os
import re
import subprocess
import sys

import anyio
import pytest
from pyownet import protocol
from trio.testing import MockClock

from gateway.testing.clocks import standing_time
from hwsim import UnknownTarget

SENSOR = "28.67C6697351FF"
VIRTUAL = pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="virtual")
PROJECT = """
import pytest

pytestmark = pytest.mark.hwsim(seed=4)

async def test_beside(hwsim_house):
    assert [end.bus for end in hwsim_house.endpoints] == ["beside", "rfx"]

@pytest.mark.hwsim(buses={"own": "onewire"})
async def test_closer(hwsim_house, hwsim_seed):
    assert [end.bus for end in hwsim_house.endpoints] == ["own"]
    assert hwsim_seed == 4

async def test_the_port_is_free(hwsim_house):
    assert hwsim_house.url("beside") != "owserver://127.0.0.1:4999"

@pytest.mark.hwsim(seed=77)
async def test_fails(hwsim_owserver, hwsim_radio):
    from pyownet import protocol
    import anyio.to_thread
    hwsim_owserver.add("28.67C6697351FF", temperature=21.5)
    hwsim_radio.add("remote", "hall", code="ac", id="00AB12CD", unit=3)
    await hwsim_radio.press("hall", "on")
    proxy = await anyio.to_thread.run_sync(protocol.proxy, hwsim_owserver.host, hwsim_owserver.port)
    await anyio.to_thread.run_sync(proxy.read, "/28.67C6697351FF/family")
    assert False

def test_blocking(hwsim_house):
    pass

@pytest.mark.hwsim(sed=1)
async def test_misspelt(hwsim_house):
    pass
"""
BESIDE = (
    '[[bus]]\nname = "beside"\nkind = "onewire"\nport = 4999\n[[bus]]\nname = "rfx"\nkind = "rfxtrx"\npath = "rfx"\n'
)


@pytest.fixture(params=["asyncio", "trio", VIRTUAL])
def anyio_backend(request):
    return request.param


async def test_an_owserver_answers_a_client(hwsim_owserver, hwsim_clock):
    hwsim_owserver.add(SENSOR, temperature=21.5)
    if hwsim_clock.virtual:
        async with await_stream(hwsim_owserver) as stream:
            await stream.send(bytes.fromhex("00000000 00000000 00000001 00000100 00000000 00000000"))
            assert len(await stream.receive()) == 24
        with pytest.raises(UnknownTarget, match=r"open it with house\.connect"):
            _ = hwsim_owserver.port
        return
    proxy = await anyio.to_thread.run_sync(protocol.proxy, hwsim_owserver.host, hwsim_owserver.port)
    assert await anyio.to_thread.run_sync(proxy.read, f"/{SENSOR}/temperature9") == b"        21.5"
    assert hwsim_owserver.traffic.recent[-1].path == f"/{SENSOR}/temperature9"


def await_stream(bench):
    return bench.house.connect(bench.url)


async def test_a_stick_hears_a_button(hwsim_radio):
    hwsim_radio.add("remote", "hall", code="ac", id="00AB12CD", unit=3)
    await hwsim_radio.press("hall", "on")
    assert [sent.sender for sent in hwsim_radio.air.log] == ["hall"]


async def test_a_restarted_owserver_refuses_meanwhile(hwsim_owserver, hwsim_clock):
    if not hwsim_clock.virtual:
        return
    stream = hwsim_owserver.house.connect(hwsim_owserver.name)
    await hwsim_owserver.fault("restart", duration=5)
    with pytest.raises(anyio.BrokenResourceError):
        await stream.receive()
    with pytest.raises(ConnectionRefusedError):
        hwsim_owserver.house.connect(hwsim_owserver.name)
    await hwsim_clock.sleep(6)
    async with hwsim_owserver.house.connect(hwsim_owserver.name) as again:
        await again.send(b"\0" * 24)


@pytest.mark.hwsim(memory=True, buses={"loft": "onewire", "rfx": "rflink"})
async def test_in_memory_whatever_the_time(hwsim_house):
    assert [end.url for end in hwsim_house.endpoints] == ["memory:loft", "memory:rfx"]


@pytest.mark.hwsim(memory=False, buses={"loft": "onewire"})
async def test_on_a_port_in_virtual_time(hwsim_owserver):
    hwsim_owserver.add(SENSOR)
    with standing_time():
        proxy = await anyio.to_thread.run_sync(protocol.proxy, hwsim_owserver.host, hwsim_owserver.port)
        assert await anyio.to_thread.run_sync(proxy.present, f"/{SENSOR}")


@pytest.mark.parametrize("hwsim_house", ["[[bus]]\nname = 'one'\n", "[[bus]]\nname = 'two'\n"], indirect=True)
async def test_a_parameter_goes_before_the_mark(hwsim_house):
    assert hwsim_house.endpoints[0].bus in ("one", "two")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "test_project.py").write_text(PROJECT)
    (tmp_path / "house.toml").write_text(BESIDE)
    return tmp_path


def test_scenarios_marks_and_reports_of_a_project(project):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--tb=short"]
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=300)
    outcomes = {name: how for how, name in re.findall(r"^(\w+) \S+::(\w+)\[asyncio\]", done.stdout, re.M)}
    assert outcomes == {
        "test_beside": "PASSED",
        "test_closer": "PASSED",
        "test_the_port_is_free": "PASSED",
        "test_fails": "FAILED",
        "test_blocking": "ERROR",
        "test_misspelt": "ERROR",
    }
    assert "make the test async, or run `hwsim serve`" in done.stdout
    assert "the mark hwsim has no use for 'sed'" in done.stdout
    failed = done.stdout.partition("test_fails[asyncio]")[2]
    assert "seed 77 (--hwsim-seed=77)" in failed
    assert f"READ /{SENSOR}/family -> b'28'" in failed
    assert re.search(r"hall Ac\(.*: heard by ", failed)


def test_what_every_start_of_pytest_loads_is_little():
    loaded = "import sys, hwsim.pytest_plugin, gateway.testing.fixtures; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"pydantic", "anyio", "trio", "click", "hwsim.house", "gateway.node"} & set(done.stdout.split())


def test_the_package_has_all_that_it_names():
    import hwsim

    assert [name for name in hwsim.__all__ if getattr(hwsim, name).__name__ != name] == []
    misspelt = "Huose"
    with pytest.raises(AttributeError, match=misspelt):
        getattr(hwsim, misspelt)
