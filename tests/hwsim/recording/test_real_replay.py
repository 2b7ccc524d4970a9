"""Programs and libraries that were written for the real devices, against recordings of them; the command line too."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import RFXtrx
from click.testing import CliRunner

from hwsim import House
from hwsim.__main__ import main
from hwsim.recording import Event, read_recording, replay, tap
from tests.hwsim.recording.conftest import HOUSE, SENSOR


@pytest.fixture
def anyio_backend():
    return "asyncio"


def hwsim(*words):
    """Run the command in this process: exit code, lines on stdout, and stderr."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.stdout.splitlines(), result.stderr


class Hwsim:
    """A command that goes on, as a process of its own; what it has printed first is in `told`."""

    def __init__(self, *words, lines=1):
        command = [sys.executable, "-m", "hwsim", *map(str, words), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.told = [json.loads(self.process.stdout.readline()) for _ in range(lines)]

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self, number=signal.SIGINT):
        """Exit code, further lines, stderr; a number of 0 waits for it to end by itself."""
        if number:
            os.kill(self.process.pid, number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def start():
    """Starts commands that go on, and kills those that are left."""
    started = []

    def start(*words, lines=1):
        started.append(Hwsim(*words, lines=lines))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture(scope="module")
def read_by_pyownet(tmp_path_factory, pyownet_protocol):
    """A file in which pyownet has read a value, persistently."""
    file = tmp_path_factory.mktemp("recorded") / "attic.hwrec"

    async def record():
        house = House.parse(HOUSE)
        async with house.running(), tap(house.url("attic"), file).running() as tapped:
            assert await anyio.to_thread.run_sync(read_value, pyownet_protocol, tapped.url) == b"        21.5"
            with anyio.fail_after(20):
                while read_recording(file).records[-1].event is not Event.CLOSED_BY_HOST:  # noqa: ASYNC110
                    await anyio.sleep(0.02)

    anyio.run(record)
    return file


@pytest.fixture
def recorded(read_by_pyownet, tmp_path):
    """A copy of it."""
    return Path(shutil.copy(read_by_pyownet, tmp_path))


def read_value(protocol, url):
    proxy = protocol.proxy("127.0.0.1", int(url.rpartition(":")[2]), persistent=True)
    try:
        return proxy.read(f"{SENSOR}/temperature")
    finally:
        proxy.close_connection()


@pytest.mark.parametrize("tolerant", [False, True])
async def test_pyownet(recorded, pyownet_protocol, tolerant):
    async with replay(recorded, tolerant=tolerant, whole=True).running() as device:
        assert await anyio.to_thread.run_sync(read_value, pyownet_protocol, device.url) == b"        21.5"


@pytest.mark.realpart
async def test_owread(house, tmp_path, program):
    file = tmp_path / "attic.hwrec"

    async def owread(url):
        command = [program("owread"), "-s", url.removeprefix("owserver://"), f"{SENSOR}/temperature"]
        return (await anyio.run_process(command)).stdout

    async with tap(house.url("attic"), file).running() as tapped:
        assert await owread(tapped.url) == b"        21.5"
    async with replay(file, fast=True, whole=True).running() as device:
        assert await owread(device.url) == b"        21.5"


def use_stick(path):
    """What Home Assistant does with a stick: the handshake, then a command that is acknowledged."""
    transport = RFXtrx.PySerialTransport(path)
    connection = RFXtrx.Connect(transport, lambda event: None, modes=["ac", "arc"])
    try:
        connection.connect(timeout=20)
        RFXtrx.get_device(0x11, 0x00, "0ab12cd:4").send_on(transport)
    finally:
        connection.close_connection()


@pytest.mark.parametrize("tolerant", [False, True])
async def test_pyrfxtrx(house, tmp_path, tolerant):
    file = tmp_path / "stick.hwrec"
    async with tap(house.url("stick"), file, kind="rfxtrx").running() as tapped:
        await anyio.to_thread.run_sync(use_stick, tapped.url)
    assert house.stick("stick").traffic.sent == 1
    async with replay(file, tolerant=tolerant, whole=True).running() as device:
        await anyio.to_thread.run_sync(use_stick, device.url)
        assert device.unknown == []


def test_a_recording_becomes_a_test_in_one_command(recorded, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    test = folder / "tests" / "test_attic.py"
    code, lines, _ = hwsim("replay", recorded, "--make-test", test)
    assert code == 0
    assert lines[0] == f"{test} replays {test.with_name('attic.hwrec')}; run it with: pytest {test}"
    (folder / "mine.py").write_text(
        "from pyownet import protocol\n\n"
        "async def reader(url):\n"
        "    proxy = protocol.proxy('127.0.0.1', int(url.rpartition(':')[2]), persistent=True)\n"
        f"    assert proxy.read('{SENSOR}/temperature') == b'        21.5'\n"
        "    proxy.close_connection()\n\n"
        "def lazy(url):\n    pass\n"
    )
    mine, lazy = folder / "tests" / "test_mine.py", folder / "tests" / "test_lazy.py"
    assert hwsim("replay", recorded, "--make-test", mine, "--reader", "mine:reader")[0] == 0
    assert hwsim("replay", recorded, "--make-test", lazy, "--reader", "mine:lazy", "--json")[0] == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=.", "tests"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert "1 failed, 2 passed" in result.stdout
    assert "recording was not played to its end; 3 of 3 recorded connections were not made" in result.stdout


@pytest.mark.parametrize(
    ("name", "reader", "message"),
    [
        ("attic.py", None, "is no name for a test; call it as in tests/test_attic.py"),
        ("test_there.py", None, "exists already; name another file, or remove it"),
        ("test_x.py", "mine.reader", "'mine.reader' names no function; write MODULE:FUNCTION"),
    ],
)
def test_tests_that_can_not_be_written(recorded, tmp_path, name, reader, message):
    (tmp_path / "test_there.py").write_text("")
    words = ["--reader", reader] if reader else []
    code, _, err = hwsim("replay", recorded, "--make-test", tmp_path / name, *words)
    assert code == 1
    assert message in err


def test_show(recorded):
    code, lines, _ = hwsim("show", recorded)
    assert code == 0
    assert lines[0].startswith("owserver at owserver://127.0.0.1:")
    assert lines[-1].endswith("3 - closed by the host")
    assert sum(f"> READ {SENSOR}/temperature" in line for line in lines) == 1
    header, *rows = map(json.loads, hwsim("show", recorded, "--json", "--connection", "3")[1])
    assert (header["kind"], header["damage"]) == ("owserver", None)
    assert {row["connection"] for row in rows} == {3}


def test_show_of_a_torn_file_reads_the_rest_and_says_so(recorded):
    whole = len(hwsim("show", recorded)[1])
    recorded.write_bytes(recorded.read_bytes()[:-3])
    code, lines, err = hwsim("show", recorded)
    assert (code, len(lines)) == (0, whole - 1)
    assert "is torn or damaged; the last" in err
    refused = f"{err}error: {recorded} has no connection 9; it has 3\n"
    assert hwsim("show", recorded, "--connection", "9") == (1, [], refused)


def test_what_the_commands_refuse(tmp_path):
    (tmp_path / "x").write_text("text")
    refused = f"error: {tmp_path / 'x'} is no recording; hwsim record makes them\n"
    assert hwsim("show", tmp_path / "x") == (1, [], refused)
    assert hwsim("show", tmp_path / "y")[0] == 2
    assert hwsim("record", "http://x", tmp_path / "f")[0] == 2
    assert hwsim("record", "attic", tmp_path / "f", "--baud", "9600")[0] == 2
    assert hwsim("record", "owserver://127.0.0.1:1", tmp_path / "f")[0] == 3
    assert hwsim("record", "/dev/nowhere", tmp_path / "f")[0] == 3
    assert hwsim("replay", tmp_path / "x", "--reader", "a:b")[0] == 2


def test_record_and_replay_as_commands(start, recorded, tmp_path, pyownet_protocol):
    file = tmp_path / "again.hwrec"
    with replay(recorded, tolerant=True, fast=True).in_thread() as upstream:
        recorder = start("record", upstream.url, file)
        read_value(pyownet_protocol, recorder.told[0]["url"])
        code, (told,), err = recorder.end()
    assert (code, told["file"], told["connections"], err) == (0, str(file), 3, "")
    device = start("replay", file, "--fast")
    read_value(pyownet_protocol, device.told[0]["url"])
    code, (told,), err = device.end(0)
    assert (code, told) == (0, {"finished": True, "connections": 3, "unknown": []})
    device = start("replay", file, "--fast")
    code, _, err = device.end()
    assert code == 1
    assert err == "error: the recording was not played to its end; 3 of 3 recorded connections were not made\n"


def test_a_running_house_records_itself(start, tmp_path, monkeypatch, pyownet_protocol):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    scenario, file = tmp_path / "house.toml", tmp_path / "attic.hwrec"
    scenario.write_text(HOUSE)
    serving = start("serve", scenario, lines=3)
    recorder = start("record", "attic", file)
    assert recorder.told[0]["url"] == serving.told[0]["url"]
    read_value(pyownet_protocol, serving.told[0]["url"])
    assert hwsim("record", "attic", tmp_path / "other")[0] == 1
    assert serving.end()[0] == 0
    code, (told,), err = recorder.end(0)
    assert (code, told["connections"], err) == (0, 3, "warning: the house has ended, and the recording with it\n")
    assert hwsim("record", "attic", file)[0] == 3
    assert f"READ {SENSOR}/temperature" in "\n".join(hwsim("show", file)[1])
    assert Path(file).stat().st_size > 0
