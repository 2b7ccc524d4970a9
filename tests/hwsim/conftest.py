"""A client that shares no code with the simulator, houses to use it on, and the real programs."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import struct
import subprocess
import time
from dataclasses import dataclass

import anyio
import pytest

READ, WRITE, DIR, PRESENCE, DIRALL, GET, DIRALLSLASH, GETSLASH = 2, 3, 4, 6, 7, 8, 9, 10
USUAL = 0x106


@dataclass(frozen=True)
class Frame:
    """One answer as it came, field by field."""

    version: int
    length: int
    ret: int
    flags: int
    size: int
    offset: int
    payload: bytes = b""


class Client:
    """Speaks the owserver protocol on one connection; keeps the signs of life it got."""

    def __init__(self, stream):
        self.stream = stream
        self.signs = []

    async def bytes(self, count):
        data = b""
        while len(data) < count:
            data += await self.stream.receive(count - len(data))
        return data

    async def frame(self):
        while True:
            header = await self.bytes(24)
            version, length, ret, flags, size, offset = struct.unpack(">6i", header)
            if length != -1:
                return Frame(version, length, ret, flags, size, offset, await self.bytes(length))
            assert header == struct.pack(">6i", 0, -1, 0, 0, 0, 0)
            self.signs.append(anyio.current_time())

    async def put(self, kind, payload=b"", size=0, flags=USUAL, offset=0, version=0):
        await self.stream.send(struct.pack(">6i", version, len(payload), kind, flags, size, offset) + payload)

    async def ask(self, kind, payload=b"", **fields):
        """Send a request; all its answers: of DIR a list, else the one."""
        await self.put(kind, payload, **fields)
        frames = [await self.frame()]
        while kind == DIR and frames[-1].length > 0:
            frames.append(await self.frame())
        return frames if kind == DIR else frames[0]

    async def read(self, path, flags=USUAL):
        """The text of a value, without spaces around it; of an error, the return value."""
        answer = await self.ask(READ, path.encode() + b"\0", size=8192, flags=flags)
        return answer.ret if answer.ret < 0 else answer.payload.decode().strip()

    async def write(self, path, data):
        """The return value."""
        return (await self.ask(WRITE, path.encode() + b"\0" + data.encode(), size=len(data.encode()))).ret

    async def list(self, path, flags=USUAL):
        """The paths in a folder; of an error, the return value."""
        answer = await self.ask(DIRALL, path.encode() + b"\0", flags=flags)
        text = answer.payload.rstrip(b"\0").decode()
        return answer.ret if answer.ret < 0 else text.split(",") if text else []


def address(url):
    host, port = url.removeprefix("owserver://").rsplit(":", 1)
    return host, int(port)


@pytest.fixture
async def connect():
    """Opens clients of a bus URL, closed at the end of the test."""
    streams = []

    async def connect(url):
        streams.append(await anyio.connect_tcp(*address(url)))
        return Client(streams[-1])

    yield connect
    for stream in streams:
        await anyio.aclose_forcefully(stream)


def missing(reason):
    """Without a real part the test is skipped, but in CI it fails."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def find_program(name):
    """The path of a program from Debian."""
    path = shutil.which(name)
    return path or missing(f"{name} is not installed; apt install owserver ow-shell")


@pytest.fixture(scope="session")
def pyownet_protocol():
    """The module of pyownet that has everything in it."""
    try:
        return importlib.import_module("pyownet.protocol")
    except ImportError:
        missing("pyownet is not installed; pip install pyownet")


@pytest.fixture(scope="session")
def program():
    return find_program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, "owserver has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)  # no event tells when a foreign process listens
        else:
            return
    pytest.fail("owserver does not listen")


@pytest.fixture(scope="module")
def start_owserver():
    """Starts the real owserver with some options on a free port; it is killed, since SIGTERM waits for clients."""
    processes = []

    def start(*options):
        port = free_port()
        command = [find_program("owserver"), "--foreground", "--error_print=2", "-p", f"127.0.0.1:{port}", *options]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for_port(port, processes[-1])
        return port

    yield start
    for process in processes:
        process.kill()
        process.wait()
