"""The list of devices that radios have heard, with real drivers on simulated sticks."""

import json
import subprocess
import sys
import time

import pytest

PATIENCE = 30
#: Bus of the configuration, then the sticks that share it; what each driver calls the sensor.
BUSES = {"rfx": ["rfxtrx"], "rfl": ["rflink"], "house": ["enocean", "enocean"]}
SENSORS = {"rfx": "52_1_1a:2d", "rfl": "oregontemphygro_1a2d", "house": "0180ABCD"}
AIR = """
[[device]]
kind = "weather"
name = "terrace"
code = "oregon"
id = "1A2D"
interval = 0.5
temperature = 7.5
[[device]]
kind = "weather"
name = "nursery"
code = "4bs"
id = "0180ABCD"
interval = 0.5
temperature = 21.5
"""


@pytest.fixture
def start(tmp_path, busgate):
    """Starts a command in a process of its own; returns its output."""
    running = []

    def start(*words):
        running.append(subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True))
        return running[-1].stdout

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def sticks(start, busgate, tmp_path):
    """A simulated house, and a running node with all its sticks."""
    for plugin in ("rfxtrx", "rflink", "enocean"):
        pytest.importorskip(f"busgate_{plugin}")
    sticks = [(bus, f"{bus}{number}", kind) for bus, kinds in BUSES.items() for number, kind in enumerate(kinds)]
    house = "".join(f'[[bus]]\nname = "{name}"\nkind = "{kind}"\n' for _, name, kind in sticks)
    (tmp_path / "house.toml").write_text(house + AIR)
    served = start("hwsim", "serve", "house.toml", "--json")
    ports = {end["bus"]: end["url"] for end in (json.loads(served.readline()) for _ in sticks)}
    text = '[node]\nname = "attic"\n[store]\nurl = "sqlite:store.db"\n'
    for bus, name, kind in sticks:
        text += f'[[interface]]\nbus = "{bus}"\nname = "{name}"\ndriver = "{kind}"\nport = "{ports[name]}"\n'
    (tmp_path / "busgate.toml").write_text(text)
    start("gateway", "up")
    until(lambda: busgate("nodes").out)


def test_each_driver_lists_what_it_has_heard(busgate, sticks):
    for bus, sensor in SENSORS.items():
        one = heard(busgate, bus, sensor)
        assert list(one)[:2] == ["name", "kind"]
        assert abs(one["last"] - time.time()) < PATIENCE
        scanned = busgate(f"--json bus scan {bus}").object
        assert (scanned["name"], scanned["kind"]) == (sensor, one["kind"])
        assert scanned["details"]["count"] >= one["count"]
    shown = busgate("bus devices rfx").out.splitlines()
    assert shown[0].split() == ["NAME", "KIND", "COUNT", "LAST", "RSSI"]
    assert "s ago" in shown[1]
    examined = {one["subject"]: one for one in busgate("--json doctor").objects if one["check"] == "interfaces"}
    assert {one["level"] for one in examined.values()} == {"ok"}
    assert set(examined) == {"rfx0", "rfl0", "house0", "house1"}
    assert "the running node has it up" in examined["rfx0"]["message"]


def heard(busgate, bus, sensor):
    """The sensor's line, once it has been heard twice."""

    def look():
        found = {one["name"]: one for one in busgate(f"--json bus devices {bus}").objects}
        return found.get(sensor) if found.get(sensor, {"count": 0})["count"] >= 2 else None

    return until(look)


def until(look):
    """Look until there is something; returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := look():
            return found
    raise AssertionError("nothing came")
