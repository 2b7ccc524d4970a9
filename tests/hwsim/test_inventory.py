"""What is in a house: devices and buses as data, as lines, and as the live table on a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwsim import House
from hwsim.__main__ import main
from hwsim.inventory import buses, devices
from hwsim.live import picture

CONFIG = Path(__file__).parents[2] / "config" / "house.toml"
HOUSE = """
[[bus]]
name = "attic"
[[device]]
bus = "attic"
id = "28.67C6697351FF"
alias = "living_room"
temperature = 21.5
[[device]]
bus = "attic"
id = "29.3158A35A255D"
sensed_7 = 0
connected = false
[[bus]]
name = "stick"
kind = "rfxtrx"
[[device]]
kind = "switch"
name = "lamp"
code = "ac"
id = "00C0FFEE"
"""


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running(ptys=False):
        yield house


async def test_devices(house):
    await house.fault("bad_crc", target="living_room")
    gone = await house.fault("error", target="28.67C6697351FF", code=-5)
    await house.end_fault(gone)
    house.set("living_room", "temperature", 30)
    thermometer, pins, lamp = devices(house)
    assert thermometer == {
        "bus": "attic",
        "id": "28.67C6697351FF",
        "alias": "living_room",
        "type": "DS18B20",
        "connected": True,
        "quantities": {"temperature": 30.0},
        "faults": ["bad_crc"],
    }
    assert (pins["connected"], pins["quantities"]["sensed_7"]) == (False, 0.0)
    assert (lamp["bus"], lamp["type"], lamp["quantities"]) == ("air", "switch", {"on": False, "level": 0})


async def test_what_is_over_at_once_is_not_in_force(house):
    await house.fault("power_cycle", target="living_room")
    await house.fault("restart", target="stick")
    await house.time.sleep(0.001)
    assert [device["faults"] for device in devices(house)] == [[], [], []]
    assert len(house.faults) == 2


async def test_buses(house, tmp_path):
    house.recordings.start("attic", tmp_path / "x")
    await house.fault("slow_bus", target="attic", delay=0.1)
    attic, stick = buses(house)
    assert (attic["url"], attic["faults"], attic["recorded"]) == (house.url("attic"), ["slow_bus"], str(tmp_path / "x"))
    assert attic["traffic"] == {"connections": 0, "requests": 0, "errors": 0, "conversions": 0}
    assert (stick["kind"], stick["url"], stick["recorded"]) == ("rfxtrx", "memory:stick", None)


def command(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def test_devices_of_a_file(tmp_path):
    path = tmp_path / "house.toml"
    path.write_text(HOUSE)
    code, lines, _ = command("devices", path)
    assert code == 0
    assert [re.split(r"  +", line) for line in lines] == [
        ["BUS", "ID", "ALIAS", "TYPE", "VALUES", "TROUBLE"],
        ["attic", "28.67C6697351FF", "living_room", "DS18B20", "temperature 21.5"],
        ["attic", "29.3158A35A255D", "DS2408", "sensed_0..6 1, sensed_7 0", "unplugged"],
        ["air", "lamp", "switch", "on no, level 0"],
    ]
    rows = map(json.loads, command("devices", path, "--json")[1])
    assert [row["type"] for row in rows] == ["DS18B20", "DS2408", "switch"]
    path.write_text("sed = 1\n" + HOUSE)
    assert command("devices", path) == (1, [], f"{path}:1: sed: unknown key; did you mean 'seed'?\n")


def test_no_house_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("devices", "buses"):
        code, lines, error = command(name)
        assert (code, lines) == (3, [])
        assert error.startswith("error: no house runs; start one with: hwsim serve FILE")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10), (20, 3), (200, 60)])
async def test_the_picture_fits(size):
    house = House.load(CONFIG)
    async with house.running(ptys=False):
        await house.fault("bad_crc", target="living_room")
        lines = [text for text, _ in picture(house, "house.toml", *size)]
    width, height = size
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    if size >= (80, 24):
        text = "\n".join(lines)
        assert all(bus in text for bus in house.kinds)
        assert all((device["alias"] or device["id"]) in text for device in devices(house))
        assert "1 in force: 0 bad_crc living_room since 0 s" in text


async def test_more_devices_than_lines(house):
    for number in range(100):
        house.add_device(bus="attic", id=f"28.{number:012X}")
    text = "\n".join(text for text, _ in picture(house, "x", 80, 24))
    assert re.search(r"and \d+ more: hwsim devices", text)


class Terminal:
    """A pseudo-terminal in which the command runs, and what it has drawn."""

    def __init__(self, *words, size=(24, 80), **environ):
        self.drawn = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", *size, 0, 0))
        self.settings = termios.tcgetattr(slave)
        self.slave = slave
        env = {**os.environ, "TERM": "xterm", **environ}
        command = [sys.executable, "-m", "hwsim", *words]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)

    def until(self, pattern):
        end = time.monotonic() + 60
        while not re.search(pattern, self.drawn):
            assert select.select([self.master], [], [], end - time.monotonic())[0], self.drawn
            self.drawn += os.read(self.master, 65536)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_the_live_table_leaves_the_terminal_as_it_was(tmp_path):
    path = tmp_path / "house.toml"
    path.write_text(HOUSE)
    terminal = Terminal("serve", str(path), XDG_RUNTIME_DIR=str(tmp_path))
    try:
        terminal.until(rb"living_room +temperature 21\.5(?s:.*)no fault in force(?s:.*)house\.toml: [1-9]")
        assert b"\x1b[?1049h" in terminal.drawn
        assert b"\x1b[?25l" in terminal.drawn
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.until(rb"\x1b\[\?25h")
        assert terminal.process.wait(60) == 0
        terminal.drawn += os.read(terminal.master, 65536) if select.select([terminal.master], [], [], 0)[0] else b""
        assert terminal.drawn.rindex(b"\x1b[?1049l") > terminal.drawn.rindex(b"\x1b[?1049h")
        assert termios.tcgetattr(terminal.slave) == terminal.settings
        drawn = re.findall(rb"house\.toml: (\d+\.\d) s", terminal.drawn)
        seconds = float(drawn[-1]) - float(drawn[0])
        assert len(drawn) <= seconds * 4 + 2
    finally:
        terminal.close()


def test_a_terminal_that_can_do_nothing_gets_plain_lines(tmp_path):
    path = tmp_path / "house.toml"
    path.write_text(HOUSE)
    terminal = Terminal("serve", str(path), XDG_RUNTIME_DIR=str(tmp_path), TERM="dumb")
    try:
        terminal.until(rb"look at it and steer it with: hwsim")
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.process.wait(60) == 0
        assert b"\x1b" not in terminal.drawn
    finally:
        terminal.close()
