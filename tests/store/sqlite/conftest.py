"""Other processes that use the embedded store, with the lines they tell."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

PROGRAM = Path(__file__).with_name("sqlite_process.py")


class Elsewhere:
    """A process that runs ``sqlite_process.py``."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **options,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.pid = self.process.pid

    async def line(self):
        """What it tells next; None when it has ended."""
        with anyio.fail_after(60):
            text = await anyio.to_thread.run_sync(self.stdout.readline, abandon_on_cancel=True)
        return json.loads(text) if text.endswith(b"\n") else None

    async def rest(self):
        lines = []
        while (line := await self.line()) is not None:
            lines.append(line)
        return lines

    def go(self):
        self.stdin.write(b"\n")
        self.stdin.flush()

    def send(self, number):
        self.process.send_signal(number)

    async def stopped(self):
        """Wait until it has been stopped by a signal."""
        await anyio.to_thread.run_sync(os.waitid, os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


@pytest.fixture
def elsewhere(tmp_path):
    """Starts a process with the store ``store.db`` of this test; all are killed afterwards."""
    running = []

    def start(what, *arguments, file=tmp_path / "store.db", **options):
        running.append(Elsewhere(file, what, *arguments, **options))
        return running[-1]

    yield start
    for process in running:
        process.end()
