"""The real command in processes of its own."""

import json
import os
import signal
import subprocess
import sys
from threading import Timer

import pytest

#: Seconds until a process that doesn't do what it should fails the test.
PATIENCE = 30


class Process(subprocess.Popen[str]):
    """A running command whose lines of output can be waited for."""

    def line_with(self, text):
        """Read lines until one contains the text; returns it."""
        seen = []
        for line in self._lines():
            seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came:\n{''.join(seen)}")

    def object_where(self, accepted):
        """Read JSON objects until one is accepted; returns it."""
        for line in self._lines():
            found = json.loads(line)
            if accepted(found):
                return found
        raise AssertionError("it ended without")

    def _lines(self):
        """Its lines, for as long as there is patience; then it is killed, so that they end."""
        limit = Timer(PATIENCE, self.kill)
        limit.start()
        try:
            for line in self.stdout or ():  # noqa: UP028 - `yield from` would close the pipe with this generator
                yield line
        finally:
            limit.cancel()

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        return self.wait(PATIENCE)


class Commands:
    """Runs ``busgate`` and ``hwsim`` in a folder; kills what still runs at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []
        self.environ = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "200"}
        self.environ.pop("BUSGATE_CONFIG", None)

    def start(self, *words, module="gateway"):
        process = Process(
            [sys.executable, "-m", module, *words],
            cwd=self.folder,
            env=self.environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.running.append(process)
        return process

    def __call__(self, *words, check=True, timeout=PATIENCE, **more):
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            cwd=self.folder,
            env=self.environ,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=check,
            **more,
        )

    def objects(self, *words):
        return [json.loads(line) for line in self(*words, "--json").stdout.splitlines()]

    def configure(self, *interfaces, name="attic"):
        """Write the configuration, with (bus, url) for each interface."""
        text = f'[node]\nname = "{name}"\n[store]\nurl = "sqlite:store.db"\n'
        for bus, url in interfaces:
            text += f'[[interface]]\nbus = "{bus}"\ndriver = "onewire"\nurl = "{url}"\n'
        (self.folder / "busgate.toml").write_text(text)

    def house(self, scenario):
        """Serve a simulated house; returns the process and the URL of each bus."""
        (self.folder / "house.toml").write_text(scenario)
        process = self.start("serve", "house.toml", "--json", module="hwsim")
        buses = scenario.count("[[bus]]")
        return process, {
            end["bus"]: end["url"] for end in (json.loads(process.stdout.readline()) for _ in range(buses))
        }


@pytest.fixture
def busgate(tmp_path):
    commands = Commands(tmp_path)
    yield commands
    for process in commands.running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def scenario():
    """One bus with a thermometer."""
    bus = '[[bus]]\nname = "attic"\nkind = "onewire"\n'
    return f'{bus}[[device]]\nbus = "attic"\nid = "28.67C6697351FF"\ntemperature = 21.5\n'
