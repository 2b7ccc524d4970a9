"""Steering a running house from other processes: the command, the socket, and every way in which it is refused."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from hwsim import House, PortInUse
from hwsim.errors import Unreachable
from hwsim.requests import AirLog, Fault, Press
from hwsim.steering import ask, find, steered

HOUSE = """
[[bus]]
name = "attic"
kind = "rfxtrx"
path = "attic"
[[bus]]
name = "cellar"
kind = "rfxtrx"
[[bus]]
name = "wire"
[[device]]
bus = "wire"
id = "28.000000000001"
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
[[device]]
kind = "weather"
name = "garden"
code = "oregon"
id = "1A2D"
interval = 1000000
"""


class Hwsim:
    """Runs the command in an environment of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
        self.environ.pop("HWSIM_SOCKET", None)
        self.serving = []

    def serve(self, *words):
        path = self.folder / "house.toml"
        path.write_text(HOUSE)
        command = [sys.executable, "-m", "hwsim", "serve", str(path), "--json", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environ)
        self.serving.append(process)
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        return process, {line["bus"]: line["url"] for line in lines[:-1]}, lines[-1]["socket"]

    def __call__(self, *words):
        command = [sys.executable, "-m", "hwsim", *words]
        return subprocess.run(command, capture_output=True, text=True, env=self.environ, timeout=60)

    def rows(self, *words):
        result = self(*words, "--json")
        assert (result.returncode, result.stderr) == (0, "")
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def hwsim(tmp_path):
    command = Hwsim(tmp_path)
    yield command
    for process in command.serving:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_running_house_is_steered(hwsim):
    process, urls, path = hwsim.serve()
    assert urls["attic"] == str(hwsim.folder / "attic")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    (pressed,) = hwsim.rows("press", "hall", "level", "--level", "7", "--hold", "1")
    assert (pressed["sender"], pressed["copies"], pressed["heard_by"]) == ("hall", 14, [])
    assert pressed["content"] == {"code": "ac", "house": 0xAB12CD, "unit": 0, "command": "level", "level": 7}
    assert hwsim.rows("unplug", "attic") == [{"name": "attic"}]
    assert not os.path.lexists(urls["attic"])
    assert hwsim.rows("plug", "attic") == [{"name": "attic"}]
    assert os.path.lexists(urls["attic"])
    (fault,) = hwsim.rows("fault", "slow_line", "attic", "-o", "delay=0.25", "--for", "1000")
    assert (fault["number"], fault["kind"], fault["target"]) == (0, "slow_line", "attic")
    (ended,) = hwsim.rows("end", "0")
    assert ended["ended"] > fault["began"]
    assert hwsim.rows("faults") == [{**fault, "ended": ended["ended"]}]
    assert [row["bus"] for row in hwsim.rows("buses")] == ["attic", "cellar", "wire"]
    assert [row["id"] for row in hwsim.rows("devices")] == ["28.000000000001", "hall", "garden"]
    assert hwsim.rows("set", "garden", "temperature", "-3.5") == [{"device": "garden", "temperature": -3.5}]
    assert hwsim.rows("set", "28.000000000001", "temperature", "30") != []
    hwsim.rows("press", "garden")
    log = hwsim.rows("air", "--since", "1")
    assert [(row["number"], row["sender"], row["content"]["temperature"]) for row in log] == [(1, "garden", -3.5)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not Path(path).exists()


def test_for_people(hwsim):
    hwsim.serve()
    assert hwsim("press", "hall").stdout.startswith("0  ")
    assert "hall: code=ac house=11211469 unit=0 command=on level=0; heard by nobody" in hwsim("air").stdout
    assert hwsim("unplug", "attic").stdout == "attic: unplugged\n"
    assert hwsim("plug", "attic").stdout == "attic: plugged\n"
    assert hwsim("set", "garden", "humidity", "61").stdout == "garden: humidity is 61\n"
    assert hwsim("fault", "hang", "attic").stdout.startswith("fault 0: hang of attic since ")
    assert hwsim("end", "0").stdout.startswith("fault 0: hang of attic until ")


REFUSALS = [
    (("press", "hal"), "there is no radio device 'hal'; did you mean 'hall'?"),
    (("press", "hall", "onn"), "'hall' has no 'onn'; did you mean 'on'?"),
    (("unplug", "wire"), "'wire' is an owserver, which has no plug; try the fault 'restart'"),
    (("fault", "torn", "wire"), "a bus of kind onewire can't have the fault 'torn'; known are close, "),
    (("fault", "torn", "attic", "-o", "kep=3"), "fault 'torn', option 'kep': no such option; did you mean"),
    (("fault", "torn", "attic", "-o", "target=3"), "no fault has an option 'target'"),
    (("fault", "nix", "attic"), "no fault 'nix' of a bus of kind rfxtrx; known are choppy, garbled"),
    (("fault", "bad_crd", "28.000000000001"), "no fault 'bad_crd' of a device behind an owserver; did you mean"),
    (("press", "28.000000000001"), "nothing can be pressed on '28.000000000001', which hangs on a wire"),
    (("end", "3"), "there is no fault 3; 0 have happened, counted from 0"),
    (("set", "garden", "temperature", "900"), "temperature can't be 900 degC; it must be from -50 to 70"),
    (("set", "nobody", "temperature", "9"), "there is no device 'nobody'; known are "),
]


def test_refusals(hwsim):
    hwsim.serve()
    for words, message in REFUSALS:
        result = hwsim(*words)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"error: {message}")
    result = hwsim("press", "hal", "--json")
    assert (result.returncode, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {"error": "UnknownTarget", "message": REFUSALS[0][1]}


@pytest.mark.parametrize("words", [("press", "hall", "--level", "16"), ("fault", "torn", "attic", "-o", "keep")])
def test_wrong_calls(hwsim, words):
    assert hwsim(*words).returncode == 2


def test_without_a_house(hwsim):
    result = hwsim("press", "hall")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("error: no house runs; start one with: hwsim serve FILE")
    result = hwsim("press", "hall", "--socket", "/nowhere/x.sock")
    assert result.returncode == 3
    assert result.stderr == "error: no house can be steered at /nowhere/x.sock: no such file or directory\n"


def test_without_a_runtime_folder(hwsim):
    hwsim.environ["XDG_RUNTIME_DIR"] = "/nowhere/at/all"
    _, _, path = hwsim.serve()
    assert Path(path).parent == hwsim.folder / f"hwsim-{os.getuid()}"
    assert hwsim("press", "hall").returncode == 0


def test_a_house_that_was_killed_is_forgotten(hwsim):
    process, _, path = hwsim.serve()
    process.kill()
    process.wait()
    assert Path(path).exists()
    assert hwsim("press", "hall").returncode == 3
    assert not Path(path).exists()


def test_several_houses_need_a_choice(hwsim):
    _, _, first = hwsim.serve()
    (hwsim.folder / "attic").rename(hwsim.folder / "attic.first")
    _, _, second = hwsim.serve("--socket", str(hwsim.folder / "mine.sock"))
    assert second == str(hwsim.folder / "mine.sock")
    assert hwsim("press", "hall").returncode == 0, "only the first one is where houses are looked for"
    assert hwsim("press", "hall", "--socket", second).returncode == 0
    hwsim.environ["HWSIM_SOCKET"] = second
    assert len(hwsim.rows("air")) == 1
    result = hwsim("serve", str(hwsim.folder / "house.toml"), "--socket", first)
    assert result.returncode == 1
    assert f"another house is steered through {first}; name another path" in result.stderr


class TestSocket:
    """What goes over it, without the command."""

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request):
        return request.param

    @pytest.fixture
    async def place(self, tmp_path):
        house = House.parse(HOUSE, folder=tmp_path)
        async with house.running(ptys=False), steered(house, tmp_path / "s.sock") as place:
            yield place

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b"{", "invalid json"),
            (b"[]", "request: input should be an object"),
            (b"{}", "unable to extract tag"),
            (b'{"do": "dance"}', "input tag 'dance'"),
            (b'{"do": "press"}', "press.device: field required"),
            (b'{"do": "press", "device": "hall", "level": "x"}', "press.level"),
            (b'{"do": "plug", "name": "attic", "more": 1}', "plug.more: extra inputs are not permitted"),
            (b"\xff\xfe", "invalid"),
        ],
    )
    async def test_bad_requests_are_explained_and_the_next_one_is_answered(self, place, line, message):
        async with await anyio.connect_unix(place) as stream:
            for _ in range(2):
                await stream.send(line + b"\n")
                answer = json.loads(await stream.receive())
                assert (answer["ok"], answer["error"]) == (False, "BadRequest")
                assert message in answer["message"]

    async def test_several_at_once(self, place):
        pressed = Press(device="hall", hold=0.3)

        async def press():
            assert (await anyio.to_thread.run_sync(ask, place, pressed))["ok"]

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(press)
        log = (await anyio.to_thread.run_sync(ask, place, AirLog()))["transmissions"]
        assert [row["number"] for row in log] == [0, 1, 2, 3]

    async def test_who_hangs_up_disturbs_nobody(self, place):
        for line in (b'{"do": "press", "device": "hall"}\n', b'{"do": ', b"x" * 100_000):
            stream = await anyio.connect_unix(place)
            await stream.send(line)
            await stream.aclose()
        answer = await anyio.to_thread.run_sync(ask, place, Fault(kind="hang", target="attic"))
        assert answer["ok"]

    async def test_something_else_at_the_path_stays(self, tmp_path):
        (tmp_path / "precious").write_text("x")
        house = House.parse('[[bus]]\nname = "attic"\n')
        async with house.running():
            with pytest.raises(PortInUse, match="there is something else at"):
                async with steered(house, tmp_path / "precious"):
                    pass
            with pytest.raises(PortInUse, match="no socket can be made at"):
                async with steered(house, tmp_path / ("x" * 200)):
                    pass
        assert (tmp_path / "precious").read_text() == "x"


def test_a_house_that_ends_before_it_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(Unreachable, match="no house runs"):
        find()
    path = tmp_path / "dying.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        command = [sys.executable, "-m", "hwsim", "air", "--socket", str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asking:
            peer, _ = listener.accept()
            peer.recv(100)
            peer.close()
            assert asking.stderr is not None
            assert "has ended before it answered" in asking.stderr.read()
